"""Take an uploaded recording: read it, store it sealed, and have it played. Plays nothing itself.

The file's bytes name the recording, so that an upload sent again after a broken connection, or
after a crash between two steps, ends where the first one should have.
"""

import asyncio
from hashlib import sha256
from typing import Literal

import msgspec

from contracts import ids, streams
from contracts.commands import PlayRecording
from contracts.events import Numbered, RecordingAttached, SessionRequested
from services._runtime.app import Runtime
from services._runtime.blobs import Blobs
from services._runtime.clock import Clock
from services._runtime.jetstream import ConflictError
from services._runtime.session_log import UnknownSessionError
from services.gateway import dto, importing, problems, session_view
from services.gateway.importing import (
    OversizedRecordingError,
    Recording,
    Target,
    UnreadableRecordingError,
)

TRIES = 5
OVER = frozenset({"ending", "ended", "failed"})


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording is to be played; `speed` null for as fast as it goes."""

    mode: Literal["replay", "import"]
    speed: float | None


class Uploading:
    """Attaches recordings to sessions."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime, self._clock = runtime, clock

    async def check(self, session_id: str) -> None:
        """Raise what `attach` would raise whatever the file, before it is received."""
        _check(await self._events(session_id), None)

    async def attach(self, session_id: str, data: bytes, upload: Upload) -> dto.RecordingAccepted:
        """Store the file and have it played.

        Raises UnknownSessionError and ProblemError: 400 for a file that cannot be read, 413 for
        one over a limit, 409 where
        the session takes no recording or has another one.
        """
        attached, plain = await self._read(session_id, data, upload)
        for _ in range(TRIES):
            events = await self._events(session_id)
            if _check(events, attached) or await self._append(attached, plain, events[-1][0]):
                return await self._play(attached)
        raise problems.unavailable("the session changes too fast")

    async def _read(
        self, session_id: str, data: bytes, upload: Upload
    ) -> tuple[RecordingAttached, bytes]:
        now = self._clock()
        target = Target(session_id=session_id, mode=upload.mode, uploaded_at=now)
        recorded, plain, digest = await asyncio.to_thread(_parse, data, target)
        attached = RecordingAttached(
            session_id=session_id,
            time=now,
            recording_id="rec_" + ids.digest(session_id, digest),
            mode=upload.mode,
            items=len(recorded.events),
            speed=upload.speed,
            derived=recorded.derived,
        )
        return attached, plain

    async def _append(self, attached: RecordingAttached, plain: bytes, expect: int) -> bool:
        """Store the bytes, then the fact; False when the session moved on in between."""
        blobs = await Blobs.open(self._runtime.js, streams.RECORDINGS, self._runtime.keyring)
        await blobs.put(attached.session_id, attached.recording_id, plain)
        try:
            await self._runtime.publisher.append(attached, expect=expect)
        except ConflictError:
            return False
        return True

    async def _play(self, attached: RecordingAttached) -> dto.RecordingAccepted:
        accepted = dto.RecordingAccepted(
            recording_id=attached.recording_id,
            items=attached.items,
            mode=attached.mode,
            speed=attached.speed,
        )
        await self._runtime.publisher.enqueue(
            PlayRecording(
                session_id=attached.session_id,
                recording_id=accepted.recording_id,
                mode=accepted.mode,
                speed=accepted.speed,
            )
        )
        return accepted

    async def _events(self, session_id: str) -> tuple[Numbered, ...]:
        await self._runtime.log.last_seq(session_id)
        if not (events := await self._runtime.log.read(session_id)):
            raise UnknownSessionError(session_id)
        return events


def _parse(data: bytes, target: Target) -> tuple[Recording, bytes, str]:
    try:
        recorded = importing.read(data, target)
    except OversizedRecordingError as error:
        raise problems.too_large("body", str(error)) from None
    except UnreadableRecordingError as error:
        raise problems.malformed("body", str(error)) from None
    return recorded, importing.write(recorded), sha256(data).hexdigest()


def _check(events: tuple[Numbered, ...], wanted: RecordingAttached | None) -> bool:
    """Whether `wanted` is attached already; raises ProblemError (409) where nothing may be."""
    for _, event in events:
        match event:
            case SessionRequested(source=source) if source != "recording":
                raise problems.conflict("source", f"is {source}: it takes no recording")
            case RecordingAttached() if wanted is not None:
                if _is_same(event, wanted):
                    return True
                raise problems.conflict("body", "the session has another recording")
            case _:
                continue
    status = session_view.fold(session_view.initial(""), events).status
    if status in OVER and not any(isinstance(event, RecordingAttached) for _, event in events):
        raise problems.conflict("session_id", f"the session is {status}")
    return False


def _is_same(stored: RecordingAttached, wanted: RecordingAttached) -> bool:
    return msgspec.structs.replace(stored, time=wanted.time) == wanted
