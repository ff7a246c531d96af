"""Desks and transcripts as of one sequence, read from the log. Stores nothing."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta

from services._runtime.session_log import SessionLog
from services.gateway import transcript
from services.gateway.bridge import desk as desks
from services.gateway.bridge.desk import Desk
from services.gateway.transcript import View

MAX_SESSIONS = 256
"""Desks kept in memory; others are folded from the log again."""


@dataclass
class _Kept:
    desk: Desk
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Desks:
    """Desks by session, those used last kept, so that each event is mostly read once."""

    def __init__(self, log: SessionLog, summary_for: timedelta) -> None:
        self._log, self._summary_for = log, summary_for
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def at(self, session_id: str, seq: int) -> Desk:
        """The desk just after the event at `seq`; raises one of AWAY when the server is."""
        first = desks.initial(session_id, self._summary_for)
        kept = self._kept.setdefault(session_id, _Kept(first))
        self._kept.move_to_end(session_id)
        if len(self._kept) > MAX_SESSIONS:
            self._kept.popitem(last=False)
        async with kept.lock:
            if seq < kept.desk.seq:
                return await self._moved(first, seq)
            kept.desk = await self._moved(kept.desk, seq)
            return kept.desk

    async def _moved(self, desk: Desk, seq: int) -> Desk:
        if desk.seq == seq:
            return desk
        events = await self._log.read(desk.session_id, desk.seq, seq, types=desks.TYPES)
        return desks.fold(desk, events)


async def transcript_at(log: SessionLog, session_id: str, seq: int) -> View:
    """What had been said by then; raises one of AWAY when the server is."""
    events = await log.read(session_id, upto=seq, types=transcript.SPOKEN)
    return transcript.fold(transcript.initial(session_id), events)
