"""The route that searches all sessions."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from msgspec.structs import replace
from pydantic import AwareDatetime

from contracts.queries import SearchWanted
from services.gateway import hits, problems, searching
from services.gateway.hits import Mode, Place, SearchPage
from services.gateway.http.gateway import READ, Parts
from services.gateway.http.responses import body, shows

router = APIRouter(prefix="/v1/search", tags=["reading"])

MAX_QUERY = 1000
PAGE = 20
MAX_PAGE = 100

Words = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_QUERY,
        description='Words that all match, "phrases" and prefix*; some words where none match all.',
    ),
]


@router.get("", dependencies=[READ], responses=shows({200: SearchPage}, 400, 404, 422))
async def search(
    parts: Parts,
    *,
    q: Words,
    mode: Mode = "keyword",
    session: Annotated[str | None, Query(description="A session's id.")] = None,
    speaker: Annotated[
        str | None, Query(min_length=1, max_length=200, description="A shown name, or an id.")
    ] = None,
    since: Annotated[
        AwareDatetime | None, Query(alias="from", description="Said at this time or later.")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(alias="to", description="Said before this time.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    cursor: str | None = None,
) -> Response:
    """Segments and lines of chat that match, best first.

    Where no embeddings are configured every `mode` is `keyword`; the answer names the one used.
    """
    _check(q, since, until)
    wanted = SearchWanted(
        query=q,
        mode=mode,
        session_id=session,
        speaker=speaker,
        since=since,
        until=until,
        min_seq=0 if session is None else await parts.sessions.last_seq(session),
    )
    first, listed = _place(wanted, cursor)
    asked = replace(wanted, mode=listed, limit=first + limit + 1)
    found = await searching.search(parts.runtime, asked)
    return body(hits.page(found.served, wanted, first, limit, found.missing))


def _check(q: str, since: datetime | None, until: datetime | None) -> None:
    if not q.strip():
        raise problems.unfit("q", "must say what to look for")
    if since is not None and until is not None and until < since:
        raise problems.unfit("to", "is before from")


def _place(wanted: SearchWanted, cursor: str | None) -> Place:
    try:
        return Place(0, wanted.mode) if cursor is None else hits.decode_cursor(wanted, cursor)
    except hits.BadCursorError as error:
        raise problems.malformed("cursor", str(error)) from None
