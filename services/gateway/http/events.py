"""A session's events as they are stored: a stream to follow, or a recording to keep."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse

from contracts import recording
from contracts.events import Numbered
from contracts.recording import RecordedSession
from services.gateway import problems
from services.gateway.http import sse
from services.gateway.http.gateway import MAX_SEQ, READ, Gateway, Parts, SessionId
from services.gateway.http.responses import shows

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["reading"])

JSONL = "application/jsonl"
_SEQ = re.compile(r"[0-9]{1,18}")

AfterSeq = Annotated[
    int, Query(ge=0, le=MAX_SEQ, description="Only what comes after this sequence.")
]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.get("/events", dependencies=[READ], responses=shows({}, 400, 404, 422))
async def get_events(
    request: Request,
    parts: Parts,
    *,
    session_id: SessionId,
    after_seq: AfterSeq = 0,
    format: Literal["jsonl", "sse"] | None = None,  # noqa: A002 - the parameter's promised name
    last_event_id: LastEventId = None,
) -> Response:
    """Server-sent events, from the first on or after `Last-Event-ID`; the stream stays open.

    With `Accept: application/jsonl` or `?format=jsonl`: the recording up to now. An event's `id`
    is its sequence, its `event` the type, its `data` the event as JSON.
    """
    after = after_seq if last_event_id is None else _seq(last_event_id)
    last = await parts.sessions.last_seq(session_id)
    if format == "jsonl" or (format is None and JSONL in request.headers.get("accept", "")):
        return await _recording(parts, session_id, last)
    return EventSourceResponse(_followed(parts, session_id, after), headers=sse.HEADERS)


def _seq(last_event_id: str) -> int:
    if not _SEQ.fullmatch(last_event_id):
        raise problems.malformed("Last-Event-ID", "must be the id of an event: a whole number")
    return int(last_event_id)


async def _recording(parts: Gateway, session_id: str, last: int) -> Response:
    view = await parts.sessions.view(session_id)
    header = RecordedSession(
        session_id=session_id,
        source=view.source,
        room_url=view.room_url,
        requested_at=view.requested_at,
        last_seq=last,
        metadata=view.metadata,
    )
    name = f'attachment; filename="{session_id}.jsonl"'
    return StreamingResponse(
        _lines(parts, header), media_type=JSONL, headers={"Content-Disposition": name}
    )


async def _lines(parts: Gateway, header: RecordedSession) -> AsyncGenerator[bytes, None]:
    yield recording.render_header(header)
    async with aclosing(parts.runtime.log.follow(header.session_id)) as batches:
        async for batch in batches:
            fitting = ((seq, one) for seq, one in batch.events if seq <= header.last_seq)
            yield b"".join(recording.render_line(seq, event) for seq, event in fitting)
            if batch.at_tip or batch.upto >= header.last_seq:
                return


async def _followed(parts: Gateway, session_id: str, after: int) -> AsyncGenerator[bytes, None]:
    batches = parts.runtime.log.follow(session_id, after)
    async for batch in sse.beating(batches, parts.closing):
        if batch is None:
            yield sse.HEARTBEAT
        elif batch.events:
            yield b"".join(_event(numbered) for numbered in batch.events)


def _event(numbered: Numbered) -> bytes:
    line = recording.render_line(*numbered).decode().rstrip("\n")
    name = str(type(numbered[1]).__struct_config__.tag)
    return sse.raw_event(name, line, numbered[0])
