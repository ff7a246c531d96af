"""Routes that make, list, feed and end sessions."""

import asyncio
import math
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from contracts.commands import EndSession
from contracts.events import SessionRequested
from services._runtime.keyring import KeyGoneError
from services._runtime.session_log import UnknownSessionError
from services.gateway import directory, dto, hosting, problems, requesting, rooms
from services.gateway.http.gateway import (
    MANAGE,
    READ,
    Gateway,
    IdempotencyKey,
    Key,
    Parts,
    SessionId,
)
from services.gateway.http.models import NewSession
from services.gateway.http.responses import body, shows
from services.gateway.session_view import SessionView
from services.gateway.uploading import Upload

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

PAGE = 50
MAX_PAGE = 200
MAX_SPEED = 1000.0
FILE = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}

Status = Literal["requested", "waiting", "joining", "live", "ending", "ended", "failed", "erased"]


@router.post(
    "",
    dependencies=[MANAGE],
    status_code=201,
    responses=shows({201: dto.SessionCreated, 200: dto.SessionCreated}, 400, 409, 413, 422, 502),
)
async def create_session(
    parts: Parts, key: Key, wanted: NewSession, idempotency_key: IdempotencyKey = None
) -> Response:
    """Make a session (201), or get the room's live one or the one of a repeated request (200)."""
    session_id = wanted.session_id or (
        requesting.new_id()
        if idempotency_key is None
        else requesting.repeatable_id(key.name, idempotency_key)
    )
    requested = await parts.requesting.request(
        _request(parts, session_id, wanted), repeatable=idempotency_key is not None
    )
    token = None if wanted.token is None else wanted.token.get_secret_value()
    await hosting.send(parts.runtime, requested, token)
    await parts.listing.shows(requested.view.session_id)
    return body(dto.created(requested.view), 201 if requested.created else 200)


@router.get("", dependencies=[READ], responses=shows({200: dto.SessionPage}, 400, 422))
async def list_sessions(
    parts: Parts,
    status: Status | None = None,
    room: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
) -> Response:
    """Sessions, newest first."""
    try:
        before = None if cursor is None else directory.decode_cursor(cursor)
    except directory.BadCursorError as error:
        raise problems.malformed("cursor", str(error)) from None
    known = await parts.listing.whole()
    page = directory.page(known, status=status, room_url=_room(room), before=before, limit=limit)
    views = await asyncio.gather(*(_view(parts, one) for one in page.session_ids))
    items = tuple(view for view in views if view is not None)
    cursor = None if page.before is None else directory.encode_cursor(page.before)
    return body(dto.SessionPage(items=items, next_cursor=cursor))


@router.get("/{session_id}", dependencies=[READ], responses=shows({200: SessionView}, 404))
async def get_session(parts: Parts, session_id: SessionId) -> Response:
    """One session as it is now."""
    return body(await parts.sessions.view(session_id))


@router.put(
    "/{session_id}/recording",
    dependencies=[MANAGE],
    status_code=202,
    responses=shows({202: dto.RecordingAccepted}, 400, 404, 409, 413, 422),
    openapi_extra=FILE,
)
async def put_recording(
    request: Request,
    parts: Parts,
    session_id: SessionId,
    mode: Literal["replay", "import"] = "replay",
    speed: str | None = None,
) -> Response:
    """Upload a file and have it played: `replay` at `speed` (a number or `max`), `import` at once.

    Takes Earshot recordings, QMSum JSON, turn files, WebVTT and SubRip, each also as gzip.
    """
    upload = Upload(mode=mode, speed=_speed(mode, speed))
    await parts.uploading.check(session_id)
    accepted = await parts.uploading.attach(session_id, await request.body(), upload)
    return body(accepted, 202)


@router.post(
    "/{session_id}/end",
    dependencies=[MANAGE],
    status_code=202,
    responses=shows({202: SessionView, 200: SessionView}, 404),
)
async def end_session(parts: Parts, session_id: SessionId) -> Response:
    """Ask for the session's end (202); one that is over stays so (200)."""
    view = await parts.sessions.view(session_id)
    if view.status in requesting.OVER:
        return body(view)
    await parts.runtime.publisher.enqueue(EndSession(session_id=session_id))
    return body(view, 202)


def _request(parts: Gateway, session_id: str, wanted: NewSession) -> SessionRequested:
    now = parts.clock()
    return SessionRequested(
        session_id=session_id,
        time=now,
        source=wanted.source,
        room_url=wanted.room_url,
        language=wanted.language,
        redact_pii=wanted.redact_pii,
        vocabulary=tuple(wanted.vocabulary),
        metadata=wanted.metadata,
        expires_at=_expiry(wanted, now, parts.runtime.settings.room_minutes),
    )


def _expiry(wanted: NewSession, now: datetime, room_minutes: int) -> datetime | None:
    """A room that is to be made always closes; one that was given is left only if so wished."""
    minutes = wanted.room_duration_mins
    if wanted.source != "daily" or (minutes is None and wanted.room_url is not None):
        return None
    return now + timedelta(minutes=room_minutes if minutes is None else minutes)


async def _view(parts: Gateway, session_id: str) -> SessionView | None:
    try:
        return await parts.sessions.view(session_id)
    except (UnknownSessionError, KeyGoneError):
        return None


def _room(given: str | None) -> str | None:
    try:
        return None if given is None else rooms.normal(given)
    except ValueError as error:
        raise problems.unfit("room", str(error)) from None


def _speed(mode: Literal["replay", "import"], given: str | None) -> float | None:
    if mode == "import" or given == "max":
        return None
    try:
        speed = float(given or 1)
    except ValueError:
        speed = math.nan
    if not 0 < speed <= MAX_SPEED:
        raise problems.unfit("speed", f'must be "max" or a number above 0, at most {MAX_SPEED:g}')
    return speed
