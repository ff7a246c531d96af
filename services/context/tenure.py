"""The right to act for partitions: it lapses by itself, before anybody else can have got it.

Only a clock and flags; `membership` renews it and `owning` says what is lost.
"""

import asyncio
import math
import sys
import time

from services.context.ownership import TTL_SECONDS

if sys.platform == "linux":

    def clock() -> float:
        """Seconds; they go on while the machine is suspended, as they do for everybody else."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:
    clock = time.monotonic


class Tenure:
    """An instance's right to act, good for TTL_SECONDS from when a renewal was sent."""

    def __init__(self, until: float = -math.inf) -> None:
        self._until = until
        self._renewed = asyncio.Event()
        self.over = False
        """It never comes back."""

    @property
    def holds(self) -> bool:
        """Whether nobody can have taken its place yet."""
        return not self.over and clock() < self._until

    def renew(self, sent: float) -> None:
        """It was renewed by what was sent at a time of `clock`."""
        self._until = sent + TTL_SECONDS
        self._renewed.set()

    async def held(self) -> None:
        """Wait until it holds."""
        while not self.holds:
            self._renewed.clear()
            await self._renewed.wait()


class Hold:
    """One partition, held under an instance's tenure at a revision of its lease."""

    def __init__(self, number: int, tenure: Tenure, revision: int = 0) -> None:
        self.number, self.revision = number, revision
        self._tenure, self._lost = tenure, False

    @property
    def lost(self) -> bool:
        """Whether it is somebody else's by now, or about to be."""
        return self._lost or self._tenure.over

    @property
    def holds(self) -> bool:
        """Whether this instance may act for the partition."""
        return not self._lost and self._tenure.holds

    def lose(self) -> None:
        """Somebody else has it."""
        self._lost = True

    async def held(self) -> None:
        """Wait until this instance may act; for ever where the partition is lost."""
        await self._tenure.held()
        if self._lost:
            await asyncio.Event().wait()


ALONE = Hold(0, Tenure(math.inf))
"""For a fold that nobody else can own."""
