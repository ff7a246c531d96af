"""One partition of the log, folded: from the last snapshot on, for ever, and acted on at the tip.

An owner that finds its snapshots written by another raises ConflictError and must be made anew.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import datetime

import structlog

from contracts import subjects
from contracts.events import Numbered
from services._runtime.app import Runtime
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import ConflictError, RefusedError
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import AWAY, Batch, project
from services.context import room, tokenizer
from services.context.effects import Effects
from services.context.indexing import Indices
from services.context.likeness import Lookup
from services.context.memory import Memory
from services.context.shelf import Shelf
from services.context.snapshots import Checkpoint, Snapshots
from services.context.state import Room
from services.context.sweep import Sweep
from services.context.tenure import ALONE, Hold

log = structlog.get_logger()

HELD_INDICES = 16
"""Rooms that a partition keeps an index of, for the next question."""
SAVE_SECONDS = 1.0
SAVE_EVENTS = 500
SAVE_BEHIND_SECONDS = 10.0
"""While a partition catches up: saving each room over and over would take longer than folding."""
SETTLE_SECONDS = 0.5
"""Under a flood that never lets it catch up, a partition acts at least so often."""
AGAIN_SECONDS = 2.0
"""How soon is tried again what the server did not take."""


class Partition:
    """The owner of one partition."""

    def __init__(
        self,
        number: int,
        runtime: Runtime,
        snapshots: Snapshots,
        now: Callable[[], datetime],
        hold: Hold = ALONE,
        *,
        lookup: Lookup | None = None,
        shelf: Shelf | None = None,
        sweep: Sweep | None = None,
    ) -> None:
        """`shelf` and `sweep` are shared by the partitions of a process."""
        self._number, self._runtime, self._snapshots = number, runtime, snapshots
        self._hold, self._sweep = hold, sweep
        self.seq, self._key = 0, ""
        self.caught_up = False
        self.indices = Indices(HELD_INDICES, tokenizer.measure(runtime.settings.openai_model))
        self._memory = Memory(
            snapshots, runtime.log, shelf or Shelf(), self.indices, lambda: self.seq
        )
        self._effects = Effects(runtime, now, self.indices, lookup)
        self._open: set[str] = set()
        self._folded, self._begun = asyncio.Condition(), asyncio.Event()
        self._turn, self._at_tip, self._is_left_undone = asyncio.Lock(), False, False
        self._history = 0
        self._saved_at = self._settled_at = time.monotonic()
        self._events_since_save = 0

    async def run(self) -> None:
        """Fold for ever from the last snapshot on; what is open there is taken up again.

        What ends it is raised in a group.
        """
        filters = [subjects.partition_events(self._number)]
        reader = self._runtime.reader
        try:
            await self._begin(filters[0])
            try:
                await self._catch_up()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._try_again())
                    await project(reader, filters, self.seq, self._on_batch, self._key)
            finally:
                await self._save_at_last()
        finally:
            await self._memory.close()

    async def _begin(self, events: str) -> None:
        checkpoint = await self._snapshots.checkpoint()
        left = checkpoint.open
        if left is not None and await self._runtime.log.holds(checkpoint.seq, checkpoint.key):
            self.seq, self._key = checkpoint.seq, checkpoint.key
            self._open.update(left)
        self._history = await self._runtime.log.last_seq_of(events)
        self._memory.from_the_start = self.seq == 0
        self._begun.set()

    async def _catch_up(self) -> None:
        """What was logged before now, together with the other partitions that are behind."""
        if self._sweep is not None and self.seq < self._history:
            sweeping = self._sweep.batches(self._number, self.seq, self._history)
            async with aclosing(sweeping) as batches:
                async for batch in batches:
                    await self._on_batch(batch)

    async def begun(self) -> None:
        """Wait until it is known from where on to fold."""
        await self._begun.wait()

    async def at_least(self, session_id: str, min_seq: int) -> Room:
        """The session's room, folded to `min_seq` or beyond; waits until it is.

        Raises UnavailableError once the partition is let go of.
        """
        await self._begun.wait()
        async with self._folded:
            await self._folded.wait_for(lambda: self.seq >= min_seq)
        known = await self._memory.room(session_id)
        if known == room.initial:
            self._forget(session_id)  # nobody's session: asking for it must not fill the memory
        return known

    async def _on_batch(self, batch: Batch) -> None:
        async with self._turn:
            await self._fold(batch)
            is_first_tip = batch.at_tip and not self.caught_up
            self._at_tip = batch.at_tip
            await self._hold.held()  # who may have been replaced does nothing and saves nothing
            await self._follow_up(must_save=is_first_tip)
            self.caught_up = self.caught_up or batch.at_tip

    async def _fold(self, batch: Batch) -> None:
        news: dict[str, list[Numbered]] = {}
        for numbered in batch.events:
            news.setdefault(numbered[1].session_id, []).append(numbered)
        await self._memory.load([*news])
        for session_id, events in news.items():
            known = await self._memory.room(session_id)
            now = room.fold(events, known)
            self._memory.put(session_id, now)
            if self._effects.may_follow(now):
                self._open.add(session_id)
            else:
                self._open.discard(session_id)
                self._effects.forget(session_id)
        async with self._folded:
            self.seq, self._key = max(self.seq, batch.upto), batch.key or self._key
            self._folded.notify_all()
        self._events_since_save += len(batch.events)

    async def _follow_up(self, *, must_save: bool = False) -> None:
        """Act and save. What the server does not take stays to be done, and is tried again."""
        try:
            if self._at_tip or self._is_flooded():
                await self._settle()
            if must_save or self._is_save_due():
                await self._save()
            await self._memory.make_room()
        except (UnavailableError, RefusedError) as error:
            if not self._is_left_undone:
                log.warning("partition.waits", partition=self._number, error=type(error).__name__)
            self._is_left_undone = True
        else:
            self._is_left_undone = False

    async def _try_again(self) -> None:
        """Do what the server did not take; where nothing more is said, no batch has it done."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            async with self._turn:
                if self._is_left_undone and self._at_tip and await self._is_of_this_log():
                    await self._hold.held()
                    await self._follow_up(must_save=True)

    async def _is_of_this_log(self) -> bool:
        """Whether the server still has what was folded last; not where it is away."""
        with suppress(*AWAY):
            return await self._runtime.log.holds(self.seq, self._key)
        return False

    def _is_flooded(self) -> bool:
        """Whether it is time to act though more is waiting; never on what is long past."""
        late = time.monotonic() - self._settled_at > SETTLE_SECONDS
        return late and self.seq >= self._history

    def _is_save_due(self) -> bool:
        since = time.monotonic() - self._saved_at
        if self.seq < self._history:
            return since > SAVE_BEHIND_SECONDS
        return since > SAVE_SECONDS or self._events_since_save >= SAVE_EVENTS

    async def _settle(self) -> None:
        """Have done what the rooms leave to do; what is open then is left to do."""
        left: set[str] = set()
        await self._memory.load(sorted(self._open))
        for session_id in sorted(self._open):
            known = await self._memory.room(session_id)
            await self._hold.held()  # it may have lapsed since the one before
            try:
                await self._effects.act(session_id, known)
            except KeyGoneError:
                self._forget(session_id)
                continue
            if known == room.initial:
                self._forget(session_id)  # erased since it was put down as open
            elif known.unfinished:
                left.add(session_id)
            self._memory.tidy()
        self._open = left
        self._settled_at = time.monotonic()

    async def _save(self) -> None:
        """Save what changed, then the checkpoint."""
        changed = self._memory.unsaved
        await self._memory.save()
        if changed and not self._memory.unsaved:
            left = tuple(sorted(self._open))
            await self._snapshots.save_checkpoint(Checkpoint(self.seq, self._key, left))
        self._events_since_save, self._saved_at = 0, time.monotonic()

    async def _save_at_last(self) -> None:
        """A snapshot spares the next owner some reading; losing it must not hide why we end."""
        if not self._hold.holds:
            return
        try:
            await self._save()
        except (UnavailableError, RefusedError, ConflictError) as error:
            log.warning("partition.unsaved", error=type(error).__name__)

    def _forget(self, session_id: str) -> None:
        """Keep nothing of a session in memory; it folds again when somebody asks."""
        self._open.discard(session_id)
        self._effects.forget(session_id)
        self._memory.forget(session_id)
