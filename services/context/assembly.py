"""Room, budget to context: what a model gets to see, and what of the meeting that leaves out. Pure.

The newest segments come first in claim, and at least half of the budget is theirs; summaries take
the rest, the most condensed first. What does not fit is reported, never cut in the middle.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from contracts.commands import Context, Part
from contracts.events import Coverage, CoverageRange
from services.context import tokens
from services.context.state import Room, Segment, Summary

SMALLEST_BUDGET = 200

Seen = Literal["verbatim", "summarised", "not_covered"]


class UnfitBudgetError(ValueError):
    """The budget is too small to hold anything of use."""


class _Stretch(NamedTuple):
    seen: Seen
    from_seq: int
    to_seq: int
    segments: int


def assemble(room: Room, budget: int) -> Context:
    """What fits into `budget` tokens, in the order of the meeting.

    Raises UnfitBudgetError below SMALLEST_BUDGET.
    """
    if budget < SMALLEST_BUDGET:
        raise UnfitBudgetError(f"budget_tokens: {budget} is below {SMALLEST_BUDGET}")
    costs = {id(one): tokens.count(one.text) for one in room.summaries}
    for_tail = budget - min(sum(costs.values()), budget // 2)
    tail, used = _newest(room.tail, for_tail)
    kept = _most_condensed(room.summaries, costs, budget - used)
    parts = [_summary_part(one) for one in room.summaries if id(one) in kept]
    if tail:
        parts.append(_tail_part(tail))
    return Context(
        as_of_seq=room.seq,
        tokens=used + sum(costs[key] for key in kept),
        parts=tuple(parts),
        coverage=_coverage(room, kept, len(tail)),
    )


def _newest(tail: Sequence[Segment], budget: int) -> tuple[Sequence[Segment], int]:
    used = kept = 0
    for segment in reversed(tail):
        cost = segment.cost
        if used + cost > budget:
            break
        used, kept = used + cost, kept + 1
    return tail[len(tail) - kept :], used


def _most_condensed(
    summaries: Sequence[Summary], costs: dict[int, int], budget: int
) -> frozenset[int]:
    kept: set[int] = set()
    for summary in sorted(summaries, key=lambda one: -one.level):
        if costs[id(summary)] <= budget:
            budget -= costs[id(summary)]
            kept.add(id(summary))
    return frozenset(kept)


def _summary_part(summary: Summary) -> Part:
    return Part(
        kind="summary",
        text=summary.text,
        from_seq=summary.first.seq,
        to_seq=summary.last.seq,
        segments=tuple(segment.ref for segment in summary.cited),
    )


def _tail_part(tail: Sequence[Segment]) -> Part:
    return Part(
        kind="tail",
        text="".join(segment.line for segment in tail),
        from_seq=tail[0].seq,
        to_seq=tail[-1].seq,
        segments=tuple(segment.ref for segment in tail),
    )


def _coverage(room: Room, kept: frozenset[int], verbatim: int) -> Coverage:
    stretches = [
        _Stretch(
            "summarised" if id(one) in kept else "not_covered",
            one.first.seq,
            one.last.seq,
            one.segments,
        )
        for one in room.summaries
    ]
    border = len(room.tail) - verbatim
    stretches += _stretch(room.tail[:border], "not_covered")
    stretches += _stretch(room.tail[border:], "verbatim")
    return Coverage(
        segments=sum(one.segments for one in stretches),
        verbatim=_counted(stretches, "verbatim"),
        summarised=_counted(stretches, "summarised"),
        not_covered=_counted(stretches, "not_covered"),
        ranges=tuple(_joined(stretches)),
    )


def _stretch(segments: Sequence[Segment], seen: Seen) -> list[_Stretch]:
    if not segments:
        return []
    return [_Stretch(seen, segments[0].seq, segments[-1].seq, len(segments))]


def _counted(stretches: Sequence[_Stretch], seen: Seen) -> int:
    return sum(one.segments for one in stretches if one.seen == seen)


def _joined(stretches: Sequence[_Stretch]) -> list[CoverageRange]:
    ranges: list[CoverageRange] = []
    for seen, group in groupby(stretches, key=lambda one: one.seen):
        members = list(group)
        ranges.append(
            CoverageRange(
                kind=seen,
                from_seq=members[0].from_seq,
                to_seq=members[-1].to_seq,
                segments=sum(one.segments for one in members),
            )
        )
    return ranges
