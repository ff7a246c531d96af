"""Make sessions: once for each id, one live session for each room, however many ask at once."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from msgspec.structs import replace

from contracts import ids, streams, subjects
from contracts.events import SessionRequested
from contracts.queries import RoomWanted
from services._runtime.app import Runtime
from services._runtime.jetstream import ConflictError
from services._runtime.keyring import KeyGoneError
from services._runtime.kv import Bucket
from services._runtime.session_log import UnknownSessionError
from services.gateway import problems, room_opening, session_view
from services.gateway.reading import Sessions
from services.gateway.session_view import SessionView

Stored: TypeAlias = tuple[int, SessionRequested]

OVER = frozenset({"ended", "failed"})
ROOM_TRIES = 20
PAUSE_SECONDS = 0.02
APPEAR_SECONDS = 1.0
"""How long whoever won a room may take to append; after that another asker does it for them."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 20
_WHENEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Requested:
    """The session an asker got, and whether asking made it."""

    view: SessionView
    created: bool


def new_id() -> str:
    """A session id nobody can guess."""
    return "ses_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def repeatable_id(caller: str, key: str) -> str:
    """The id of the session that a caller named with an idempotency key."""
    return "ses_" + ids.digest("sessions", caller, key)


class Requesting:
    """Appends the first event of a session."""

    def __init__(self, runtime: Runtime, sessions: Sessions) -> None:
        self._runtime, self._sessions = runtime, sessions
        self._rooms = Bucket(runtime.nc, runtime.js, streams.ROOMS)

    async def request(self, wanted: SessionRequested, *, repeatable: bool) -> Requested:
        """The wanted session, the room's live one, or the one a repeated request made before.

        `repeatable` says that the caller may send the very same request again. A Daily session
        without a room gets one made. Raises ProblemError (409) when the id is taken, (422) when a
        repeated request asks for something else, and as `open_room` does.
        """
        if (stored := await self._first(wanted.session_id)) is not None:
            return await self._taken(wanted, stored, repeatable=repeatable)
        wanted = await self._roomed(wanted)
        held = None if wanted.room_url is None else await self._hold(wanted, wanted.room_url)
        if held is not None:
            return held
        stored = await self._store(wanted)
        if stored[1] == wanted:
            return _opened(stored, created=True)
        if wanted.room_url is not None and stored[1].room_url == wanted.room_url and not repeatable:
            # appended by somebody who asks for the same room and took us for dead
            return _opened(stored, created=False)
        return await self._taken(wanted, stored, repeatable=repeatable)

    async def _taken(
        self, wanted: SessionRequested, stored: Stored, *, repeatable: bool
    ) -> Requested:
        if not repeatable:
            raise problems.conflict("session_id", "there is such a session already")
        if _wish(stored[1]) != _wish(wanted):
            raise problems.unfit("Idempotency-Key", "was used for another request")
        return Requested(await self._sessions.view(wanted.session_id), created=False)

    async def _roomed(self, wanted: SessionRequested) -> SessionRequested:
        if wanted.source != "daily" or wanted.room_url is not None or wanted.expires_at is None:
            return wanted
        room = RoomWanted(session_id=wanted.session_id, expires_at=wanted.expires_at)
        room_url = await room_opening.open_room(self._runtime, room)
        return replace(wanted, room_url=room_url, room_created=True)

    async def _store(self, wanted: SessionRequested) -> Stored:
        """Append the event unless the session has begun; what is stored then, ours or not."""
        try:
            await self._runtime.keyring.create(wanted.session_id)
        except KeyGoneError:
            raise problems.conflict("session_id", "belongs to an erased session") from None
        with contextlib.suppress(ConflictError):
            await self._runtime.publisher.append(wanted, expect=0)
        if (stored := await self._first(wanted.session_id)) is None:
            raise problems.unavailable()
        return stored

    async def _first(self, session_id: str) -> Stored | None:
        for seq, event in await self._runtime.log.read(session_id, types=(SessionRequested,)):
            if isinstance(event, SessionRequested):
                return seq, event
        return None

    async def _hold(self, wanted: SessionRequested, room_url: str) -> Requested | None:
        """The session that holds the room, or None once the wanted one does."""
        key = subjects.room(ids.digest(room_url))
        for _ in range(ROOM_TRIES):
            entry = await self._rooms.get(key)
            if entry.value:
                held = await self._appeared(replace(wanted, session_id=entry.value.decode()))
                # a maker may have taken two rooms for one id: the other one has the session
                if held.view.status not in OVER and held.view.room_url == room_url:
                    return held
            try:
                await self._rooms.put(key, wanted.session_id.encode(), entry.revision)
            except ConflictError:
                continue
            return None
        raise problems.unavailable("too many ask for this room at once")

    async def _appeared(self, standing_in: SessionRequested) -> Requested:
        """The session a room is held by; its maker may have died before appending it."""
        # No asyncio.timeout: before Python 3.12 a cancellation can be lost inside the NATS client.
        deadline = time.monotonic() + APPEAR_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(UnknownSessionError):
                view = await self._sessions.view(standing_in.session_id)
                return Requested(view, created=False)
            await asyncio.sleep(PAUSE_SECONDS)
        return _opened(await self._store(standing_in), created=False)


def _wish(requested: SessionRequested) -> tuple[SessionRequested, timedelta | None]:
    """What was asked for, whenever it was: a room that was made stands for none given."""
    until, since = requested.expires_at, requested.time
    wish = replace(
        requested,
        time=_WHENEVER,
        room_url=None if requested.room_created else requested.room_url,
        room_created=False,
        expires_at=None,
    )
    return wish, None if until is None else until - since


def _opened(stored: Stored, *, created: bool) -> Requested:
    opened = session_view.evolve(session_view.initial(stored[1].session_id), stored)
    return Requested(opened, created=created)
