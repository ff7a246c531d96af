"""The lines of one meeting in a form that questions can be put to, kept up with the meeting.

Whatever was synced before, it stands for the lines of the last sync and nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.context.retrieval.line import Line
from services.context.retrieval.postings import Postings

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]

GRAIN = 1024
"""Costs are rounded up to this part of a token: such sums are exact in whatever order."""
STRETCH = 64
"""Lines that are compared at a time."""

_N = TypeVar("_N", np.int64, np.float64)


class Index:
    """Positions are places in the meeting, 0 first. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._postings = Postings()
        self._windows: dict[float, tuple[Ints, Ints]] = {}
        self._found: dict[str, tuple[Ints, Floats]] = {}
        self._lines: tuple[Line, ...] = ()
        self._speakers: Counter[str | None] = Counter()
        self._numbers, self._sorted = np.empty(0, np.int64), np.empty(0, np.int64)
        self._order: Ints = np.empty(0, np.intp)
        self.costs: Floats = np.empty(0)
        self.runs: NDArray[np.int64] = np.empty(0, np.int64)
        self.start: Floats = np.empty(0)
        self.end: Floats = np.empty(0)
        self._measure([], [])

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those of the last sync."""
        return self._lines

    @property
    def speakers(self) -> set[str | None]:
        """Whose they are."""
        return set(self._speakers)

    def sync(self, lines: Sequence[Line]) -> None:
        """Stand for these lines, in the order of the meeting; cheap where most were here before.

        Raises ValueError when two have the same number; the index is then as it was.
        """
        new, old = tuple(lines), self._lines
        changed = _changed(old, new)
        if not changed and len(new) == len(old):
            return
        at = [*changed, *range(len(old), len(new))]
        now = [new[place] for place in at]
        was = [*(old[place] for place in changed), *old[len(new) :]]
        numbers = _renewed(self._numbers, len(new), at, [line.number for line in now])
        order = np.argsort(numbers, kind="stable")
        if not np.diff(numbers[order]).all():
            raise ValueError("lines: two have the same number")
        self._restate(was, now)
        self._lines, self._numbers, self._order = new, numbers, order
        self._sorted = numbers[order]
        self._speakers.update(line.speaker for line in now)
        self._speakers -= Counter(line.speaker for line in was)
        self._measure(at, now)

    def holding(self, stem: str) -> tuple[Ints, Floats]:
        """The positions of the lines that hold the stem, and how often each does."""
        if (found := self._found.get(stem)) is not None:
            return found
        numbers, times = self._postings.holding(stem)
        found = self._order[np.searchsorted(self._sorted, numbers)], times
        if len(numbers):
            self._found[stem] = found
        return found

    def stems(self, texts: Sequence[str]) -> list[dict[str, int]]:
        """How often each text holds which stems."""
        return [dict(sorted(found.items())) for found in self._postings.stems(texts)]

    def around(self, tokens: float) -> tuple[Ints, Ints]:
        """For each line, the first line at most so many tokens before it, and one past the last
        so many after; counted from the middles of the lines."""
        if tokens not in self._windows:
            first = np.searchsorted(self.middle, self.middle - tokens, "left")
            last = np.searchsorted(self.middle, self.middle + tokens, "right")
            self._windows[tokens] = first, last
        return self._windows[tokens]

    def _restate(self, was: Sequence[Line], now: Sequence[Line]) -> None:
        before = {line.number: line.text for line in was if not line.blank}
        after = {line.number: line.text for line in now if not line.blank}
        texts = [(number, text) for number, text in after.items() if before.get(number) != text]
        self._postings.replace(texts, [number for number in before if number not in after])

    def _measure(self, at: Sequence[int], now: Sequence[Line]) -> None:
        """Take the lines at these places into account."""
        self._windows.clear()
        self._found.clear()
        count = len(self._lines)
        costs = np.array([0.0 if line.blank else line.tokens for line in now], np.float64)
        self.costs = _renewed(self.costs, count, at, np.ceil(costs * GRAIN) / GRAIN)
        self.runs = _renewed(self.runs, count, at, [line.runs for line in now])
        self.start = _renewed(self.start, count, at, [line.start for line in now])
        self.end = _renewed(self.end, count, at, [line.end for line in now])
        self.upto: Floats = np.concatenate(([0.0], np.cumsum(self.costs)))
        self.middle: Floats = (self.upto[1:] + self.upto[:-1]) / 2
        self.length = float(self.end.max(initial=0.0))


def _changed(old: Sequence[Line], new: Sequence[Line]) -> list[int]:
    """The places at which both have a line, and not the same; by whole stretches as far as can be,
    because those compare fast."""
    both = min(len(old), len(new))
    return [
        at
        for first in range(0, both, STRETCH)
        if old[first : first + STRETCH] != new[first : first + STRETCH]
        for at in range(first, min(first + STRETCH, both))
        if old[at] != new[at]
    ]


def _renewed(was: NDArray[_N], count: int, at: Sequence[int], now: ArrayLike) -> NDArray[_N]:
    """So many numbers: those that were, and others at these places."""
    found = np.empty(count, was.dtype)
    kept = min(count, len(was))
    found[:kept] = was[:kept]
    found[np.asarray(at, np.intp)] = now
    return found
