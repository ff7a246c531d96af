"""Folds of single sessions, kept for the next reader. A read is never older than the log.

Each read asks the log where it stands and folds only what is new. Stores nothing.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from contracts.events import Numbered
from services._runtime.session_log import SessionLog
from services.gateway import session_view, transcript
from services.gateway.session_view import SessionView
from services.gateway.transcript import View

MAX_SESSIONS = 256
MAX_SEGMENTS = 200_000
"""Segments of all kept sessions together; the session being read is kept whatever its size."""
MAX_READS = 8
"""How many sessions are read from the log at once; a page of the list may want many."""


@dataclass
class _Kept:
    """`view` is `folded` with what the transcript says of it."""

    seq: int
    folded: SessionView
    transcript: View
    view: SessionView
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fold(self, events: tuple[Numbered, ...], upto: int) -> None:
        self.folded = session_view.fold(self.folded, events)
        self.transcript = transcript.fold(self.transcript, events)
        said = self.transcript.said
        self.view = session_view.following(
            self.folded, self.transcript.speakers, segments=said.segments, words=said.words
        )
        self.seq = max(upto, events[-1][0]) if events else upto


class Sessions:
    """Read models by session, those read last kept in memory."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._slots = asyncio.Semaphore(MAX_READS)

    async def view(self, session_id: str) -> SessionView:
        """The session now; raises UnknownSessionError."""
        return (await self._read(session_id)).view

    async def transcript(self, session_id: str) -> View:
        """The transcript now; raises UnknownSessionError."""
        return (await self._read(session_id)).transcript

    async def transcript_at(self, session_id: str, seq: int) -> View:
        """The transcript as it was at a sequence."""
        events = await self._log.read(session_id, upto=seq)
        return transcript.fold(transcript.initial(session_id), events)

    async def last_seq(self, session_id: str) -> int:
        """Where the session's log stands; raises UnknownSessionError."""
        return await self._log.last_seq(session_id)

    async def _read(self, session_id: str) -> _Kept:
        last = await self._log.last_seq(session_id)
        kept = self._kept.get(session_id)
        if kept is None:
            view = session_view.initial(session_id)
            kept = _Kept(0, view, transcript.initial(session_id), view)
            self._kept[session_id] = kept
        self._kept.move_to_end(session_id)
        async with kept.lock:
            if kept.seq < last:
                async with self._slots:
                    kept.fold(await self._log.read(session_id, after=kept.seq), last)
        self._forget_the_oldest()
        return kept

    def _forget_the_oldest(self) -> None:
        held = sum(kept.view.counts.segments for kept in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > MAX_SESSIONS or held > MAX_SEGMENTS):
            _, forgotten = self._kept.popitem(last=False)
            held -= forgotten.view.counts.segments
