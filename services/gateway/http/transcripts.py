"""The transcript, now or at any sequence, in the formats of this release."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from services.gateway import problems, transcript
from services.gateway.http.gateway import READ, Gateway, Parts, SessionId
from services.gateway.http.responses import JSON, shows
from services.gateway.transcript import Transcript

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["reading"])

TEXT = "text/plain; charset=utf-8"

AtSeq = Annotated[int | None, Query(ge=1, description="As it was at this sequence.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/transcript", dependencies=[READ], responses=shows({200: Transcript}, 404, 409, 422))
async def get_transcript(
    parts: Parts,
    *,
    session_id: SessionId,
    at_seq: AtSeq = None,
    words: bool = False,
    clean: bool = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The transcript as JSON. `ETag` is the sequence it stands at."""
    view = await _view(parts, session_id, at_seq, clean=clean)
    return _fresh(view, if_none_match) or Response(
        transcript.render_json(view, words=words), headers=_headers(view), media_type=JSON
    )


@router.get(
    "/transcript.{extension}",
    dependencies=[READ],
    responses=shows({200: Transcript}, 404, 409, 422),
)
async def get_transcript_as(
    parts: Parts,
    *,
    session_id: SessionId,
    extension: str,
    at_seq: AtSeq = None,
    words: bool = False,
    clean: bool = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The transcript as `json` or `txt`."""
    if extension not in {"json", "txt"}:
        raise problems.missing("format", "transcripts come as .json and .txt in this release")
    view = await _view(parts, session_id, at_seq, clean=clean)
    if (fresh := _fresh(view, if_none_match)) is not None:
        return fresh
    if extension == "json":
        content = transcript.render_json(view, words=words)
        return Response(content, headers=_headers(view), media_type=JSON)
    return Response(transcript.render_txt(view), headers=_headers(view), media_type=TEXT)


async def _view(
    parts: Gateway, session_id: str, at_seq: int | None, *, clean: bool
) -> transcript.View:
    if clean:
        raise problems.unfit("clean", "true: not in this release")
    if at_seq is None:
        return await parts.sessions.transcript(session_id)
    last = await parts.sessions.last_seq(session_id)
    if at_seq > last:
        raise problems.conflict("at_seq", f"the session's log stands at {last}")
    return await parts.sessions.transcript_at(session_id, at_seq)


def _fresh(view: transcript.View, if_none_match: str | None) -> Response | None:
    """304 where the reader has this very transcript."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return Response(None, 304, _headers(view)) if _tag(view) in tags else None


def _headers(view: transcript.View) -> dict[str, str]:
    return {"ETag": _tag(view), "Cache-Control": "private, no-cache"}


def _tag(view: transcript.View) -> str:
    return f'"{view.seq}"'
