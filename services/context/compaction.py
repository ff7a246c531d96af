"""When a context is too long, what a summary should stand in for, and the work that follows. Pure.

Above `high` tokens the oldest of the tail is summarised until `low` are left: the gap prevents
one compaction after each segment. FANOUT summaries of a level make one of the next, so that their
number grows with the logarithm of the meeting. One compaction at a time.
"""

from datetime import datetime
from itertools import accumulate, groupby

import msgspec

from contracts import ids
from contracts.commands import CompactContext, Part
from contracts.events import CompactionRequested
from services.context.condensing import segments_of, summaries_of
from services.context.state import Room, Segment, Summary

FANOUT = 4
SUMMARY_TOKENS = 300


class Policy(msgspec.Struct, frozen=True):
    """Tokens of tail to start at and to leave."""

    high: int
    low: int


class Due(msgspec.Struct, frozen=True):
    """A range that should be summarised now."""

    level: int
    first_segment_id: str
    last_segment_id: str


def due(room: Room, policy: Policy) -> Due | None:
    """The next compaction, or None when all is well or one is on its way."""
    if room.compaction is not None or room.mirrored:
        return None
    return _due_of_summaries(room) or _due_of_tail(room, policy)


def request(session_id: str, wanted: Due, at: datetime) -> CompactionRequested:
    """The fact that says so; the same range has the same id."""
    return CompactionRequested(
        session_id=session_id,
        time=at,
        compaction_id=ids.compaction_id(
            session_id, wanted.level, wanted.first_segment_id, wanted.last_segment_id
        ),
        level=wanted.level,
        first_segment_id=wanted.first_segment_id,
        last_segment_id=wanted.last_segment_id,
    )


def job(session_id: str, room: Room) -> CompactContext | None:
    """The work that the room's open compaction asks for."""
    compaction = room.compaction
    if compaction is None or room.mirrored:
        return None
    if compaction.level == 1:
        source: tuple[Part, ...] = (_verbatim(segments_of(room, compaction)),)
    else:
        source = tuple(_summary(one) for one in summaries_of(room, compaction))
    return CompactContext(
        session_id=session_id,
        compaction_id=compaction.compaction_id,
        level=compaction.level,
        first_segment_id=compaction.first_segment_id,
        last_segment_id=compaction.last_segment_id,
        source=source,
        target_tokens=SUMMARY_TOKENS,
    )


def _due_of_summaries(room: Room) -> Due | None:
    for level, group in groupby(room.summaries, key=lambda one: one.level):
        members = list(group)
        if len(members) >= FANOUT:
            first, last = members[0].first, members[FANOUT - 1].last
            return Due(level + 1, first.segment_id, last.segment_id)
    return None


def _due_of_tail(room: Room, policy: Policy) -> Due | None:
    """The range is the one due when the tail first grew too long, however late we look.

    So it depends on what was said alone, and a disturbed run compacts like an undisturbed one.
    """
    if room.tail_tokens <= policy.high:
        return None
    totals = list(accumulate(segment.cost for segment in room.tail))
    crossed = next(n for n, total in enumerate(totals) if total > policy.high)
    end = next(n for n, total in enumerate(totals) if totals[crossed] - total <= policy.low)
    return Due(1, room.tail[0].segment_id, room.tail[end].segment_id)


def _verbatim(segments: tuple[Segment, ...]) -> Part:
    return Part(
        kind="tail",
        text="".join(segment.line for segment in segments),
        from_seq=segments[0].seq,
        to_seq=segments[-1].seq,
        segments=tuple(segment.ref for segment in segments),
    )


def _summary(summary: Summary) -> Part:
    return Part(
        kind="summary",
        text=summary.text,
        from_seq=summary.first.seq,
        to_seq=summary.last.seq,
        segments=tuple(segment.ref for segment in summary.cited),
    )
