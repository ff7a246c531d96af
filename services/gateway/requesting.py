"""Make sessions: once for each id, one live session for each room, however many ask at once."""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from contracts import ids, streams, subjects
from contracts.events import SessionRequested
from services._runtime.app import Runtime
from services._runtime.jetstream import ConflictError
from services._runtime.keyring import KeyGoneError
from services._runtime.kv import Bucket
from services._runtime.session_log import UnknownSessionError
from services.gateway import problems, session_view
from services.gateway.reading import Sessions
from services.gateway.session_view import SessionView

Stored: TypeAlias = tuple[int, SessionRequested]

OVER = frozenset({"ended", "failed"})
ROOM_TRIES = 20
APPEAR_SECONDS = 1.0
"""How long whoever won a room may take to append; after that another asker does it for them."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 20


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

        `repeatable` says that the caller may send the very same request again. Raises ProblemError
        (409) when the id is taken, (422) when a repeated request asks for something else.
        """
        if (stored := await self._first(wanted.session_id)) is not None:
            return await self._taken(wanted, stored, repeatable=repeatable)
        if wanted.room_url is not None:
            return await self._in_room(wanted, wanted.room_url)
        stored = await self._store(wanted)
        if stored[1] != wanted:
            return await self._taken(wanted, stored, repeatable=repeatable)
        return _opened(stored, created=True)

    async def _taken(
        self, wanted: SessionRequested, stored: Stored, *, repeatable: bool
    ) -> Requested:
        if not repeatable:
            raise problems.conflict("session_id", "there is such a session already")
        if replace(stored[1], time=wanted.time) != wanted:
            raise problems.unfit("Idempotency-Key", "was used for another request")
        return Requested(await self._sessions.view(wanted.session_id), created=False)

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
        only = [subjects.events_of_type(session_id, SessionRequested)]
        async with contextlib.aclosing(self._runtime.reader.read(only)) as batches:
            async for batch in batches:
                for seq, event in batch.events:
                    if isinstance(event, SessionRequested):
                        return seq, event
        return None

    async def _in_room(self, wanted: SessionRequested, room_url: str) -> Requested:
        key = subjects.room(ids.digest(room_url))
        for _ in range(ROOM_TRIES):
            entry = await self._rooms.get(key)
            if entry.value:
                held = await self._appeared(replace(wanted, session_id=entry.value.decode()))
                if held.view.status not in OVER:
                    return held
            try:
                await self._rooms.put(key, wanted.session_id.encode(), entry.revision)
            except ConflictError:
                continue
            return _opened(await self._store(wanted), created=True)
        raise problems.unavailable("too many ask for this room at once")

    async def _appeared(self, standing_in: SessionRequested) -> Requested:
        """The session a room is held by; its maker may have died before appending it."""
        try:
            async with asyncio.timeout(APPEAR_SECONDS):
                while True:
                    try:
                        view = await self._sessions.view(standing_in.session_id)
                        return Requested(view, created=False)
                    except UnknownSessionError:
                        await asyncio.sleep(0.02)
        except TimeoutError:
            return _opened(await self._store(standing_in), created=False)


def _opened(stored: Stored, *, created: bool) -> Requested:
    opened = session_view.evolve(session_view.initial(stored[1].session_id), stored)
    return Requested(opened, created=created)
