"""A compaction's part in the fold: what it stands for, and the room with its summary. Pure.

Level 1 summarises segments, level n + 1 summarises summaries of level n. In each level the
summaries lie side by side, from the first segment on, so that each segment is in one at most.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from contracts.events import CompactionRequested, ContextSummarised
from services.context.state import Compaction, Room, Summary

MOST_CHARS = 8000
"""A summary longer than this is none."""


def level_of(room: Room, level: int) -> tuple[Summary, ...]:
    """The summaries of a level, from 1; empty where there are none yet."""
    return room.levels[level - 1] if 1 <= level <= len(room.levels) else ()


def reached(room: Room, level: int) -> int:
    """The number of the first segment that no summary of the level holds."""
    held = level_of(room, level)
    return held[-1].end if held else 0


def requested(room: Room, event: CompactionRequested) -> Compaction | None:
    """The compaction that an event asks for; None when the room has no such range to summarise."""
    found = _range_of(room, event)
    if found is None or not has_words(room, event.level, *found):
        return None
    return Compaction(event.compaction_id, event.level, *found)


def has_words(room: Room, level: int, first: int, end: int) -> bool:
    """Whether anything is left in a range that a summary of the level could be made of."""
    if level == 1:
        return any(not segment.removed for segment in room.segments(first, end))
    return any(one.text for one in level_of(room, level - 1) if first <= one.first < end)


def _range_of(room: Room, event: CompactionRequested) -> tuple[int, int] | None:
    if event.level < 1:
        return None
    for again in level_of(room, event.level):
        if not again.text and not again.failed and _bounds(room, again) == _asked(event):
            return again.first, again.end
    first = reached(room, event.level)
    for end in _ends(room, event.level):
        if (room.segment(first).segment_id, room.segment(end - 1).segment_id) == _asked(event):
            return first, end
    return None


def _ends(room: Room, level: int) -> Sequence[int]:
    """Where a new range of a level may end."""
    if level == 1:
        return range(room.compacted + 1, room.count + 1)
    return [one.end for one in unmerged(room, level - 1)]


def unmerged(room: Room, level: int) -> tuple[Summary, ...]:
    """The summaries of a level that the next level does not hold yet."""
    border = reached(room, level + 1)
    return tuple(one for one in level_of(room, level) if one.first >= border)


def sources(room: Room, compaction: Compaction) -> tuple[Summary, ...]:
    """The summaries that a compaction of level 2 or more is to be made of."""
    return tuple(
        one
        for one in level_of(room, compaction.level - 1)
        if one.text and compaction.first <= one.first < compaction.end
    )


def summarised(room: Room, seq: int, event: ContextSummarised) -> Room:
    """The room with the summary that was on its way; a late one, or a second one, is no other.

    Whoever appends it answers for what it says. A blank or endless one leaves its range without.
    """
    compaction = room.compaction
    if compaction is None or compaction.compaction_id != event.compaction_id:
        return room
    if event.text.strip() and len(event.text) <= MOST_CHARS:
        cited = _cited(room, compaction, event.cited)
        made = Summary(compaction.level, *_range(compaction), event.text, cited, changed=seq)
        return _with(room, compaction, made)
    none = Summary(compaction.level, *_range(compaction), "", failed=True, changed=seq)
    return _with(room, compaction, none)


def withdrawn(room: Room, number: int, seq: int) -> Room:
    """The room without any summary that was made of a segment, or is being made of it."""
    compaction, levels = room.compaction, room.levels
    if compaction is not None and compaction.first <= number < compaction.end:
        compaction = None
    if number < room.compacted:
        levels = tuple(
            tuple(_emptied(one, seq) if one.first <= number < one.end else one for one in level)
            for level in levels
        )
    return replace(room, levels=levels, compaction=compaction, withdrawals=room.withdrawals + 1)


def _emptied(one: Summary, seq: int) -> Summary:
    return Summary(one.level, one.first, one.end, "", changed=seq)


def _with(room: Room, compaction: Compaction, summary: Summary) -> Room:
    """The summary in its place: where an earlier one was withdrawn, else behind the last."""
    levels = [*room.levels, ()] if compaction.level > len(room.levels) else [*room.levels]
    held = levels[compaction.level - 1]
    before = tuple(one for one in held if one.first < summary.first)
    after = tuple(one for one in held if one.first > summary.first)
    levels[compaction.level - 1] = (*before, summary, *after)
    changed = replace(room, levels=tuple(levels), compaction=None)
    if compaction.level > 1 or summary.end <= room.compacted:
        return changed
    spent = sum(one.cost for one in room.segments(room.compacted, summary.end))
    return replace(changed, compacted=summary.end, tail_units=room.tail_units - spent)


def _cited(room: Room, compaction: Compaction, cited: tuple[str, ...]) -> tuple[int, ...]:
    """The cited segments of the source; a model may name others, and they do not count."""
    wanted = frozenset(cited)
    first, end = _range(compaction)
    return tuple(
        number
        for number, segment in enumerate(room.segments(first, end), first)
        if segment.segment_id in wanted and not segment.removed
    )


def _range(compaction: Compaction) -> tuple[int, int]:
    return compaction.first, compaction.end


def _bounds(room: Room, one: Summary) -> tuple[str, str]:
    return room.segment(one.first).segment_id, room.segment(one.end - 1).segment_id


def _asked(event: CompactionRequested) -> tuple[str, str]:
    return event.first_segment_id, event.last_segment_id
