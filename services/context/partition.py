"""One partition of the log, folded: its rooms in memory, its snapshots, and what follows from it.

An owner that finds its snapshots written by another raises ConflictError and must be made anew.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import structlog

from contracts import subjects
from contracts.commands import AnswerQuery, Job
from contracts.events import Event
from services._runtime.app import Runtime
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import Batch, project
from services.context import assembly, compaction, room
from services.context.compaction import Policy
from services.context.snapshots import Checkpoint, Snapshots
from services.context.state import Question, Room

log = structlog.get_logger()

HELD_ROOMS = 256
"""Rooms with nothing open that a partition keeps in memory; the others are in their snapshots."""
SAVE_SECONDS = 1.0
SAVE_EVENTS = 500
SETTLE_SECONDS = 0.5
"""Under a flood that never lets it catch up, a partition acts at least so often."""


class Partition:
    """The owner of one partition."""

    def __init__(
        self, number: int, runtime: Runtime, snapshots: Snapshots, now: Callable[[], datetime]
    ) -> None:
        settings = runtime.settings
        self._number, self._runtime, self._snapshots, self._now = number, runtime, snapshots, now
        self._policy = Policy(settings.compact_above_tokens, settings.compact_down_to_tokens)
        self._budget = settings.context_tokens
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._unsaved: set[str] = set()
        self._open: set[str] = set()
        self._given_out: dict[str, set[str]] = {}
        self._folded = asyncio.Condition()
        self._saved_at = self._settled_at = time.monotonic()
        self._events_since_save = 0
        self.seq, self._key = 0, ""
        self.caught_up = False

    async def run(self) -> None:
        """Fold for ever from the last snapshot on; what is open there is taken up again."""
        checkpoint = await self._snapshots.checkpoint()
        if await self._runtime.log.holds(checkpoint.seq, checkpoint.key):
            self.seq, self._key = checkpoint.seq, checkpoint.key
        for session_id, known in (await self._snapshots.all()).items():
            if _unfinished(known) and await self._holds(known):
                self._rooms[session_id] = known
                self._open.add(session_id)
        filters = [subjects.partition_events(self._number)]
        try:
            await project(self._runtime.reader, filters, self.seq, self._on_batch)
        finally:
            await self._save()

    async def at_least(self, session_id: str, min_seq: int) -> Room:
        """The session's room, folded to `min_seq` or beyond; waits until it is."""
        async with self._folded:
            await self._folded.wait_for(lambda: self.seq >= min_seq)
        return await self._room(session_id)

    async def _on_batch(self, batch: Batch) -> None:
        for numbered in batch.events:
            session_id = numbered[1].session_id
            self._rooms[session_id] = room.evolve(await self._room(session_id), numbered)
            self._unsaved.add(session_id)
            self._open.add(session_id)
        async with self._folded:
            self.seq, self._key = max(self.seq, batch.upto), batch.key or self._key
            self._folded.notify_all()
        self.caught_up = self.caught_up or batch.at_tip
        self._events_since_save += len(batch.events)
        if batch.at_tip or time.monotonic() - self._settled_at > SETTLE_SECONDS:
            await self._settle()
        if (
            self._events_since_save >= SAVE_EVENTS
            or time.monotonic() - self._saved_at > SAVE_SECONDS
        ):
            await self._save()

    async def _settle(self) -> None:
        """Have done what the rooms leave to do, and forget those that leave nothing."""
        for session_id in sorted(self._open):
            try:
                await self._act(session_id, self._rooms[session_id])
            except KeyGoneError:
                log.info("session.erased", session=session_id)
        self._open = {one for one in self._open if _unfinished(self._rooms[one])}
        idle = [one for one in self._rooms if one not in self._open | self._unsaved]
        for session_id in idle[: max(0, len(idle) - HELD_ROOMS)]:
            del self._rooms[session_id]
        self._settled_at = time.monotonic()

    async def _act(self, session_id: str, known: Room) -> None:
        given_out = self._given_out.setdefault(session_id, set())
        for question in known.questions:
            if question.query_id not in given_out:
                await self._enqueue(self._answer(session_id, known, question))
                given_out.add(question.query_id)
        work = compaction.job(session_id, known)
        if work is not None and work.compaction_id not in given_out:
            await self._enqueue(work)
            given_out.add(work.compaction_id)
        if (wanted := compaction.due(known, self._policy)) is not None:
            await self._append(compaction.request(session_id, wanted, self._now()))
        if not _unfinished(known):
            del self._given_out[session_id]

    def _answer(self, session_id: str, known: Room, question: Question) -> AnswerQuery:
        budget = max(question.budget_tokens or self._budget, assembly.SMALLEST_BUDGET)
        return AnswerQuery(
            session_id=session_id,
            query_id=question.query_id,
            task=question.task,
            query=question.query,
            deadline=question.deadline,
            context=assembly.assemble(known, budget),
        )

    async def _enqueue(self, job: Job) -> None:
        await self._runtime.publisher.enqueue(job)
        log.info("job.enqueued", session=job.session_id, job=type(job).__name__)

    async def _append(self, event: Event) -> None:
        await self._runtime.publisher.append(event)
        log.info("compaction.requested", session=event.session_id)

    async def _save(self) -> None:
        for session_id in sorted(self._unsaved):
            try:
                await self._snapshots.save(session_id, self._rooms[session_id])
            except KeyGoneError:
                log.info("session.erased", session=session_id)
        if self._unsaved:
            await self._snapshots.save_checkpoint(Checkpoint(self.seq, self._key))
        self._unsaved.clear()
        self._events_since_save, self._saved_at = 0, time.monotonic()

    async def _room(self, session_id: str) -> Room:
        """From memory, else from its snapshot, else folded from the log up to where we are."""
        if session_id not in self._rooms:
            loaded = await self._load(session_id)
            # While we waited, the fold may have got there first; its room is the newer one.
            self._rooms.setdefault(session_id, loaded)
        self._rooms.move_to_end(session_id)
        return self._rooms[session_id]

    async def _load(self, session_id: str) -> Room:
        known = await self._snapshots.load(session_id)
        if known is None or not await self._holds(known):
            known = room.fold(await self._runtime.log.read(session_id, upto=self.seq))
        return known

    async def _holds(self, known: Room) -> bool:
        return await self._runtime.log.holds(known.seq, known.event_id)


def _unfinished(known: Room) -> bool:
    return bool(known.questions or known.compaction)
