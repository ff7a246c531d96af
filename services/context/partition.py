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
from contracts.events import Event, QueryFailed
from services._runtime.app import Runtime
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import ConflictError, RefusedError
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import AWAY, PAUSE_SECONDS, Batch, project
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
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._unsaved: set[str] = set()
        self._open: set[str] = set()
        self._given_out: dict[str, set[str]] = {}
        self._too_long: dict[str, int] = {}
        self._folded, self._begun = asyncio.Condition(), asyncio.Event()
        self._history = 0
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
        self._history = await self._runtime.log.last_seq_of(filters[0])
        self._begun.set()
        try:
            await project(self._runtime.reader, filters, self.seq, self._on_batch, self._key)
        finally:
            await self._save_at_last()

    async def at_least(self, session_id: str, min_seq: int) -> Room:
        """The session's room, folded to `min_seq` or beyond; waits until it is."""
        await self._begun.wait()
        async with self._folded:
            await self._folded.wait_for(lambda: self.seq >= min_seq)
        known = await self._room(session_id)
        if known == room.initial:
            self._forget(session_id)  # nobody's session: asking for it must not fill the memory
        return known

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
        try:
            if batch.at_tip or self._is_flooded():
                await self._settle()
            if self._is_save_due():
                await self._save()
        except UnavailableError:
            # What is open stays open and what is unsaved unsaved; the next batch tries again, and
            # the first one comes as soon as the log can be read again.
            log.warning("partition.waits", partition=self._number)

    def _is_flooded(self) -> bool:
        """Whether it is time to act though more is waiting; never on what is long past."""
        late = time.monotonic() - self._settled_at > SETTLE_SECONDS
        return late and self.seq >= self._history

    def _is_save_due(self) -> bool:
        late = time.monotonic() - self._saved_at > SAVE_SECONDS
        return late or self._events_since_save >= SAVE_EVENTS

    async def _settle(self) -> None:
        """Have done what the rooms leave to do, and forget those that leave nothing."""
        for session_id in sorted(self._open):
            try:
                await self._act(session_id, self._rooms[session_id])
            except KeyGoneError:
                self._forget(session_id)
        self._open = {one for one in self._open if _unfinished(self._rooms[one])}
        idle = [one for one in self._rooms if one not in self._open | self._unsaved]
        for session_id in idle[: max(0, len(idle) - HELD_ROOMS)]:
            self._forget(session_id)
        self._settled_at = time.monotonic()

    def _forget(self, session_id: str) -> None:
        """Keep nothing of a session in memory; it folds again when somebody asks."""
        for known in (self._open, self._unsaved):
            known.discard(session_id)
        self._rooms.pop(session_id, None)
        self._given_out.pop(session_id, None)
        self._too_long.pop(session_id, None)
        self._snapshots.forget(session_id)

    async def _act(self, session_id: str, known: Room) -> None:
        given_out = self._given_out.setdefault(session_id, set())
        for question in known.questions:
            if question.query_id not in given_out:
                await self._hand_out(self._answer(session_id, known, question))
                given_out.add(question.query_id)
        work = compaction.job(session_id, known)
        if work is not None and work.compaction_id not in given_out:
            await self._enqueue(work)
            given_out.add(work.compaction_id)
        if (wanted := compaction.due(known, self._policy)) is not None:
            await self._append(compaction.request(session_id, wanted, self._now()))
        if not _unfinished(known):
            self._given_out.pop(session_id, None)

    async def _hand_out(self, job: AnswerQuery) -> None:
        try:
            await self._enqueue(job)
        except RefusedError:
            detail = "the context is larger than the message queue takes; ask with fewer tokens"
            await self._append(
                QueryFailed(
                    session_id=job.session_id,
                    time=self._now(),
                    query_id=job.query_id,
                    task=job.task,
                    reason="refused",
                    detail=detail,
                )
            )

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
        log.info("event.appended", session=event.session_id, type=type(event).__name__)

    async def _save(self) -> None:
        """Save what changed, then the checkpoint; behind a room too large to save it stays."""
        changed = bool(self._unsaved)
        for session_id in sorted(self._unsaved):
            known = self._rooms[session_id]
            if len(known.tail) >= self._too_long.get(session_id, len(known.tail) + 1):
                continue  # it was too large with a shorter tail
            try:
                await self._snapshots.save(session_id, known)
                self._unsaved.discard(session_id)
                self._too_long.pop(session_id, None)
            except KeyGoneError:
                self._forget(session_id)
            except RefusedError:
                self._too_long[session_id] = len(known.tail)
                log.warning("snapshot.too_large", session=session_id)
        if changed and not self._unsaved:
            await self._snapshots.save_checkpoint(Checkpoint(self.seq, self._key))
        self._events_since_save, self._saved_at = 0, time.monotonic()

    async def _save_at_last(self) -> None:
        """A snapshot spares the next owner some reading; losing it must not hide why we end."""
        try:
            await self._save()
        except (UnavailableError, ConflictError) as error:
            log.warning("partition.unsaved", error=type(error).__name__)

    async def _room(self, session_id: str) -> Room:
        """From memory, else from its snapshot, else folded from the log up to where we are."""
        while session_id not in self._rooms:
            # One load at a time: a second, slower one would bring an older room back.
            if session_id not in self._loading:
                loading = asyncio.create_task(self._load(session_id))
                self._loading[session_id] = loading
                loading.add_done_callback(lambda _: self._loading.pop(session_id))
            await asyncio.shield(self._loading[session_id])
        self._rooms.move_to_end(session_id)
        return self._rooms[session_id]

    async def _load(self, session_id: str) -> None:
        """Tries until it can: a fold waits for what it needs, it never goes on without."""
        while True:
            try:
                self._rooms[session_id] = await self._found(session_id)
            except (*AWAY, UnavailableError):
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def _found(self, session_id: str) -> Room:
        known = await self._snapshots.load(session_id)
        if known is None or not await self._holds(known):
            known = room.fold(await self._runtime.log.read(session_id, upto=self.seq))
        return known

    async def _holds(self, known: Room) -> bool:
        return await self._runtime.log.holds(known.seq, known.event_id)


def _unfinished(known: Room) -> bool:
    return bool(known.questions or known.compaction)
