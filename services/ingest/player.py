"""Play recordings into sessions through the outbox, as a bot would, from where the log stands."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from contracts import codec, recording, subjects
from contracts.commands import PlayRecording
from contracts.events import Event, SessionEnding
from services._runtime.app import Runtime
from services._runtime.blobs import BlobMissingError, Blobs
from services._runtime.outbox import Outbox
from services._runtime.projection import AWAY
from services.ingest import playback, session
from services.ingest.lifecycle import Lifecycle
from services.ingest.playback import Pace
from services.ingest.session import Begin, ReportFailure, ReportSourceEnd, Session

log = structlog.get_logger()

BREATHER = 50
"""After so many events a player lets others run, whatever the speed."""
LOOK_SECONDS = 0.5
"""How often a player looks whether it was asked to end."""


class Player:
    """Handles PlayRecording; one that is being played here already is joined, not doubled."""

    def __init__(
        self,
        runtime: Runtime,
        lifecycle: Lifecycle,
        outbox: Outbox,
        blobs: Blobs,
        now: Callable[[], datetime],
    ) -> None:
        self._runtime, self._lifecycle, self._outbox = runtime, lifecycle, outbox
        self._blobs, self._now = blobs, now
        self._playing: dict[str, asyncio.Task[None]] = {}

    async def handle(self, job: PlayRecording) -> None:
        """Play to the end; what was played before a crash is not played again."""
        playing = self._playing.get(job.session_id)
        if playing is None:
            playing = self._playing[job.session_id] = asyncio.create_task(self._play(job))
            playing.add_done_callback(lambda _: self._playing.pop(job.session_id, None))
            await playing
        else:
            await asyncio.shield(playing)

    async def given_up(self, job: PlayRecording) -> None:
        """Say that the recording could not be played."""
        await self._fail(job, "recording_unreadable", "playing it failed again and again")

    async def _play(self, job: PlayRecording) -> None:
        await self._outbox.drained()
        logged = [event for _, event in await self._runtime.log.read(job.session_id)]
        if isinstance(session.fold(logged), session.Over):
            await self._blobs.delete(job.session_id, job.recording_id)
            return
        try:
            stored = await self._blobs.get(job.session_id, job.recording_id)
            _, numbered = recording.parse(stored.splitlines())
        except BlobMissingError:
            await self._fail(job, "recording_missing", "the uploaded file is gone")
            return
        except (codec.SealedMessageError, recording.MalformedRecordingError) as error:
            await self._fail(job, "recording_unreadable", type(error).__name__)
            return
        recorded = [event for _, event in numbered]
        if session.wants_more(await self._begin(job, recorded)):
            await self._deliver(job, playback.remaining(recorded, logged))
        await self._outbox.drained()
        end = playback.end(recorded) if recorded and job.mode == "import" else self._now()
        await self._lifecycle.decide(ReportSourceEnd(job.session_id, end))
        await self._blobs.delete(job.session_id, job.recording_id)

    async def _begin(self, job: PlayRecording, recorded: Sequence[Event]) -> Session:
        start = recorded[0].time if recorded and job.mode == "import" else self._now()
        state = await self._lifecycle.decide(Begin(job.session_id, start))
        log.info("recording.playing", session=job.session_id, items=len(recorded))
        return state

    async def _deliver(self, job: PlayRecording, events: Sequence[Event]) -> None:
        if not events:
            return
        pace = Pace(events[0].time, job.speed, playback.end(events))
        asked_to_end = asyncio.create_task(self._asked_to_end(job.session_id))
        start = asyncio.get_running_loop().time()
        try:
            for number, event in enumerate(events):
                if number % BREATHER == 0:
                    await asyncio.sleep(0)  # nothing else below need ever wait
                if (wait := start + pace.due(event) - asyncio.get_running_loop().time()) > 0:
                    await asyncio.wait([asked_to_end], timeout=wait)
                if asked_to_end.done():
                    asked_to_end.result()
                    return
                await self._outbox.put(playback.stamped(event, job.mode, self._now()))
        finally:
            asked_to_end.cancel()
            with suppress(asyncio.CancelledError):
                await asked_to_end

    async def _asked_to_end(self, session_id: str) -> None:
        subject = subjects.events_of_type(session_id, SessionEnding)
        while True:
            with suppress(*AWAY):
                if await self._runtime.log.has(subject):
                    return
            await asyncio.sleep(LOOK_SECONDS)

    async def _fail(self, job: PlayRecording, reason: session.Failure, detail: str) -> None:
        failure = ReportFailure(job.session_id, self._now(), reason, detail)
        await self._lifecycle.decide(failure)
        await self._blobs.delete(job.session_id, job.recording_id)
        log.error("recording.failed", session=job.session_id, reason=reason)
