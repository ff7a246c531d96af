"""A participant's audio, handed on over core NATS to whoever listens.

What cannot be published in time is dropped; the numbers of the pieces show where.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import nats.errors
import structlog

from contracts import calls, codec, subjects
from contracts.queries import AudioChunk
from services._runtime.links import Links
from services.ingest.bot.seam import Call, CallRefusedError

log = structlog.get_logger()

WAITING = 500
"""Pieces that may wait to be published: ten seconds of one participant."""


class Capturing:
    """The captures of one bot. `started_at` is the meeting's start, once it is known."""

    def __init__(
        self, session_id: str, links: Links, call: Call, now: Callable[[], datetime]
    ) -> None:
        self._session_id, self._links, self._call, self._now = session_id, links, call, now
        self.started_at: datetime | None = None
        self._captures: dict[tuple[str, str], asyncio.Task[None]] = {}

    def begin(self, command: calls.CaptureAudio) -> None:
        """Hand the audio on from here on; raises CallRefusedError."""
        key = (command.participant_id, command.source)
        if key in self._captures:
            raise CallRefusedError("this audio is handed on already")
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue[AudioChunk](WAITING)
        number = 0

        def offer(samples: bytes) -> None:
            nonlocal number
            number += 1
            if waiting.full():
                log.warning("audio.dropped", number=number)
            else:
                waiting.put_nowait(self._chunk(command, number, samples))

        def hand_over(samples: bytes) -> None:
            loop.call_soon_threadsafe(offer, samples)

        self._call.capture(command.participant_id, command.source, command.sample_rate, hand_over)
        self._captures[key] = asyncio.create_task(self._publish(waiting))

    def end(self, participant_id: str, source: str) -> None:
        """Hand it on no more; raises CallRefusedError."""
        task = self._captures.pop((participant_id, source), None)
        if task is None:
            raise CallRefusedError("this audio is not handed on")
        self._call.release_capture(participant_id, source)
        task.cancel()

    async def stop(self) -> None:
        """End every capture."""
        tasks = tuple(self._captures.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _chunk(self, command: calls.CaptureAudio, number: int, samples: bytes) -> AudioChunk:
        started, now = self.started_at, self._now()
        return AudioChunk(
            session_id=self._session_id,
            participant_id=command.participant_id,
            source=command.source,
            sample_rate=command.sample_rate,
            number=number,
            at=0.0 if started is None else (now - started).total_seconds(),
            samples=samples,
        )

    async def _publish(self, waiting: asyncio.Queue[AudioChunk]) -> None:
        subject = subjects.audio(self._session_id)
        while True:
            chunk = await waiting.get()
            try:
                if self._links.nc.is_connected:
                    await self._links.nc.publish(subject, codec.encode_reply(chunk))
            except nats.errors.Error as error:
                log.info("audio.unpublished", error=type(error).__name__)
