"""When a context is too long, what a summary should stand in for, and the work that follows. Pure.

Above `high` tokens the oldest of the tail is summarised until `low` are left: the gap prevents
one compaction after each segment. FANOUT summaries of a level make one of the next, so that their
number grows with the logarithm of the meeting. One compaction at a time.
"""

from datetime import datetime
from itertools import accumulate

import msgspec

from contracts import ids
from contracts.commands import CompactContext, Part
from contracts.events import CompactionRequested, ContextSummarised, Usage
from services.context import condensing, tokens
from services.context.state import Compaction, Room, Summary

FANOUT = 4
SUMMARY_TOKENS = 300


class Policy(msgspec.Struct, frozen=True):
    """Tokens of tail to start at and to leave."""

    high: int
    low: int


class Due(msgspec.Struct, frozen=True):
    """The segments from number `first` to before `end` should be summarised now."""

    level: int
    first: int
    end: int


def due(room: Room, policy: Policy) -> Due | None:
    """The next compaction, or None when all is well or one is on its way.

    What was withdrawn comes first, the lowest level before those that are made of it.
    """
    if room.compaction is not None or room.mirrored:
        return None
    return _due_again(room) or _due_of_summaries(room) or _due_of_tail(room, policy)


def may_be_due(room: Room, policy: Policy) -> bool:
    """Whether a compaction may be due; needs no page of the room."""
    levels = range(1, len(room.levels) + 1)
    return (
        room.tail_units > tokens.units_in(policy.high)
        or any(not one.text and not one.failed for level in room.levels for one in level)
        or any(len(condensing.unmerged(room, level)) >= FANOUT for level in levels)
    )


def request(session_id: str, room: Room, wanted: Due, at: datetime) -> CompactionRequested:
    """The fact that says so; the same range has the same id until something in it changes."""
    first = room.segment(wanted.first).segment_id
    last = room.segment(wanted.end - 1).segment_id
    return CompactionRequested(
        session_id=session_id,
        time=at,
        compaction_id=ids.compaction_id(session_id, wanted.level, first, last, room.withdrawals),
        level=wanted.level,
        first_segment_id=first,
        last_segment_id=last,
    )


def job(session_id: str, room: Room) -> CompactContext | None:
    """The work that the room's open compaction asks for."""
    compaction = room.compaction
    if compaction is None or room.mirrored:
        return None
    return CompactContext(
        session_id=session_id,
        compaction_id=compaction.compaction_id,
        level=compaction.level,
        first_segment_id=room.segment(compaction.first).segment_id,
        last_segment_id=room.segment(compaction.end - 1).segment_id,
        source=_source(room, compaction),
        target_tokens=SUMMARY_TOKENS,
    )


def unmade(work: CompactContext, at: datetime) -> ContextSummarised:
    """The fact that there is no summary, and will be none: the meeting goes on without it."""
    return ContextSummarised(
        session_id=work.session_id,
        time=at,
        compaction_id=work.compaction_id,
        level=work.level,
        first_segment_id=work.first_segment_id,
        last_segment_id=work.last_segment_id,
        text="",
        cited=(),
        model="none",
        prompt_version="none",
        usage=Usage(),
    )


def _due_again(room: Room) -> Due | None:
    for level in room.levels:
        for one in level:
            if not one.text and not one.failed and _is_ready(room, one):
                return Due(one.level, one.first, one.end)
    return None


def _is_ready(room: Room, one: Summary) -> bool:
    """Whether there is something to summarise, and all of it is at hand."""
    if one.level == 1:
        return condensing.has_words(room, 1, one.first, one.end)
    below = condensing.level_of(room, one.level - 1)
    parts = [part for part in below if one.first <= part.first < one.end]
    waiting = [part for part in parts if not part.text and not part.failed]
    return any(part.text for part in parts) and not any(_is_ready(room, part) for part in waiting)


def _due_of_summaries(room: Room) -> Due | None:
    for level in range(len(room.levels), 0, -1):
        free = condensing.unmerged(room, level)
        for count in range(FANOUT, len(free) + 1):
            if any(one.text for one in free[:count]):
                return Due(level + 1, free[0].first, free[count - 1].end)
    return None


def _due_of_tail(room: Room, policy: Policy) -> Due | None:
    """The range is the one due when the tail first grew too long, however late we look.

    So it depends on what was said alone, and a disturbed run compacts like an undisturbed one.
    """
    high, low = tokens.units_in(policy.high), tokens.units_in(policy.low)
    if room.tail_units <= high:
        return None
    totals = list(accumulate(segment.cost for segment in room.segments(room.compacted)))
    crossed = next((n for n, total in enumerate(totals) if total > high), len(totals) - 1)
    end = next(n for n, total in enumerate(totals) if totals[crossed] - total <= low)
    return Due(1, room.compacted, room.compacted + end + 1)


def _source(room: Room, compaction: Compaction) -> tuple[Part, ...]:
    if compaction.level > 1:
        return tuple(summary_part(room, one) for one in condensing.sources(room, compaction))
    spoken = [one for one in room.segments(compaction.first, compaction.end) if not one.removed]
    return (
        Part(
            kind="tail",
            text="".join(room.line(segment) for segment in spoken),
            from_seq=spoken[0].seq,
            to_seq=spoken[-1].seq,
            segments=tuple(room.ref(segment) for segment in spoken),
        ),
    )


def summary_part(room: Room, summary: Summary) -> Part:
    """A summary as a piece of context."""
    return Part(
        kind="summary",
        text=summary.text,
        from_seq=room.segment(summary.first).seq,
        to_seq=room.segment(summary.end - 1).seq,
        segments=tuple(room.ref(room.segment(number)) for number in summary.cited),
    )
