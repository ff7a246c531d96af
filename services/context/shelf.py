"""The rooms that one process keeps in memory, bounded by the segments they hold. No I/O.

A room that is at rest and leaves nothing to do may go; the one used least recently goes first.
"""

from collections import OrderedDict
from typing import Protocol

HELD_SEGMENTS = 1_000_000
"""Segments that a process keeps in memory: about 400 MB."""
ROOM_COST = 8
"""What a room takes besides its segments, in segments."""


class Holder(Protocol):
    """A partition that holds rooms."""

    def let_go(self, session_id: str) -> bool:
        """Take a room out of memory, unless it is still needed there; whether it went."""


class Shelf:
    """Which rooms are in memory, the one used least recently first."""

    def __init__(self, most: int | None = None) -> None:
        """`most` is the bound, HELD_SEGMENTS by default."""
        self._most, self._held = HELD_SEGMENTS if most is None else most, 0
        self._costs: OrderedDict[tuple[Holder, str], int] = OrderedDict()

    @property
    def excess(self) -> int:
        """Segments beyond the bound, not above zero where there are none."""
        return self._held - self._most

    def put(self, holder: Holder, session_id: str, segments: int) -> None:
        """A room was used, and holds so many segments now."""
        place, cost = (holder, session_id), segments + ROOM_COST
        self._held += cost - self._costs.get(place, 0)
        self._costs[place] = cost
        self._costs.move_to_end(place)

    def remove(self, holder: Holder, session_id: str) -> None:
        """A room is out of memory."""
        self._held -= self._costs.pop((holder, session_id), 0)

    def clear(self) -> None:
        """Have rooms let go until there are some places free again; the one used last stays."""
        if self.excess <= 0:
            return
        for holder, session_id in list(self._costs)[:-1]:
            if self._held <= self._most - self._most // 8:
                return
            holder.let_go(session_id)

    def oldest(self, holder: Holder) -> list[str]:
        """Those of a holder, the one used least recently first."""
        return [session_id for one, session_id in self._costs if one is holder]
