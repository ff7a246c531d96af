"""One reading of the whole log for all partitions of a process that are behind at the same time.

The server finds the events of one partition by going through all of them, and takes longer over
that than over sending the whole log. A few partitions, or what is new, are read each by itself.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from contracts import ids, subjects
from contracts.events import Numbered
from services._runtime.projection import Batch, Reader

log = structlog.get_logger()

GATHER_SECONDS = 0.1
"""How long to wait for more partitions before reading for those that are there."""
LEAST = 3
"""Partitions that a sweep is worth while for."""


class _Rider:
    """A partition that is brought along; `after` is the last sequence it knows."""

    def __init__(self, number: int, after: int, upto: int) -> None:
        self.number, self.after, self.upto = number, after, upto
        self.batches: asyncio.Queue[Batch | Exception | None] = asyncio.Queue(1)
        self.gone = False


class Sweep:
    """Shared by the partitions of a process."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: list[_Rider] = []
        self._sweeping: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether partitions are being brought along."""
        return bool(self._sweeping)

    async def batches(self, number: int, after: int, upto: int) -> AsyncGenerator[Batch, None]:
        """A partition's events after a sequence, to `upto` about; none where each reads alone.

        Never at the tip. Raises RolledBackError.
        """
        rider = _Rider(number, after, upto)
        self._waiting.append(rider)
        if len(self._waiting) == 1:
            task = asyncio.create_task(self._go())
            self._sweeping.add(task)
            task.add_done_callback(self._sweeping.discard)
        try:
            while (found := await rider.batches.get()) is not None:
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            rider.gone = True
            if not rider.batches.empty():
                rider.batches.get_nowait()  # nobody waits to put into it any more

    async def _go(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        riders, self._waiting = [one for one in self._waiting if not one.gone], []
        last: Exception | None = None
        try:
            if len(riders) >= LEAST:
                await self._sweep(riders)
        except Exception as error:  # noqa: BLE001 - it is raised where the batches are read
            last = error
        for rider in riders:
            if not rider.gone:
                await rider.batches.put(last)

    async def _sweep(self, riders: list[_Rider]) -> None:
        after, upto = min(one.after for one in riders), max(one.upto for one in riders)
        only = frozenset(one.number for one in riders)
        log.info("sweep.begun", partitions=len(riders), after=after, upto=upto)
        async with aclosing(self._reader.follow([], after, only=only)) as batches:
            async for batch in batches:
                news, position = _by_partition(batch), _position(batch)
                for rider in riders:
                    if not rider.gone:
                        part = _part(rider, news.get(rider.number, []), position)
                        await rider.batches.put(part)
                if batch.at_tip or batch.upto >= upto or all(one.gone for one in riders):
                    return


def _by_partition(batch: Batch) -> dict[int, list[Numbered]]:
    found: dict[int, list[Numbered]] = {}
    for numbered in batch.events:
        found.setdefault(subjects.partition(numbered[1].session_id), []).append(numbered)
    return found


def _position(batch: Batch) -> tuple[int, str]:
    """The last event's sequence and key: other messages, as timers are, do not stay in the log."""
    if not batch.events:
        return 0, ""
    seq, event = batch.events[-1]
    return seq, ids.of_event(event)


def _part(rider: _Rider, events: list[Numbered], position: tuple[int, str]) -> Batch:
    new = tuple(one for one in events if one[0] > rider.after)
    upto, key = position if position[0] > rider.after else (rider.after, "")
    return Batch(new, upto, at_tip=False, key=key)
