"""How much of a meeting a context holds: verbatim, summarised, not at all. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contracts.events import Coverage, CoverageRange
from services.context import condensing
from services.context.state import Room, Summary

_Kinds: TypeAlias = NDArray[np.int8]
_KINDS: tuple[Literal["not_covered", "summarised", "verbatim"], ...] = (
    "not_covered",
    "summarised",
    "verbatim",
)
_REMOVED = 3


def coverage(
    room: Room, summaries: Sequence[Summary], quoted: Sequence[int], removed: Sequence[int]
) -> Coverage:
    """The coverage of a context that shows `summaries` and quotes the lines of these numbers.

    What is both counts as verbatim; what a summary could not be made of, though it lies in its
    range, is not covered by it. `removed` are the numbers of segments that are gone.
    """
    kinds = np.zeros(room.count, dtype=np.int8)
    for one in summaries:
        for told in _told(room, one):
            kinds[told.first : told.end] = _KINDS.index("summarised")
    kinds[list(quoted)] = _KINDS.index("verbatim")
    kinds[list(removed)] = _REMOVED
    counts = np.bincount(kinds, minlength=_REMOVED)
    return Coverage(
        segments=int(counts[:_REMOVED].sum()),
        verbatim=int(counts[_KINDS.index("verbatim")]),
        summarised=int(counts[_KINDS.index("summarised")]),
        not_covered=int(counts[_KINDS.index("not_covered")]),
        ranges=_ranges(room, kinds),
    )


def _told(room: Room, summary: Summary) -> Iterator[Summary]:
    """The summaries of level 1 that it tells of, at whatever remove."""
    if summary.level == 1:
        yield summary
        return
    held = condensing.level_of(room, summary.level - 1)
    start = bisect_left(held, summary.first, key=lambda one: one.first)
    for one in takewhile(lambda one: one.first < summary.end, held[start:]):
        # One that was made anew since is in no summary above it yet.
        if one.text and one.changed <= summary.changed:
            yield from _told(room, one)


def _ranges(room: Room, kinds: _Kinds) -> tuple[CoverageRange, ...]:
    there = np.flatnonzero(kinds < _REMOVED)
    return tuple(
        CoverageRange(
            kind=_KINDS[kind],
            from_seq=room.segment(first).seq,
            to_seq=room.segment(last).seq,
            segments=count,
        )
        for first, last, kind, count in _stretches(there, kinds[there])
    )


def _stretches(numbers: NDArray[np.intp], kinds: _Kinds) -> list[tuple[int, int, int, int]]:
    """First and last number, kind and count of each run of one kind."""
    if not len(numbers):
        return []
    starts = np.flatnonzero(np.diff(kinds, prepend=kinds[0] - 1))
    ends = np.append(starts[1:], len(numbers))
    return [
        (int(numbers[a]), int(numbers[b - 1]), int(kinds[a]), int(b - a))
        for a, b in zip(starts, ends, strict=True)
    ]
