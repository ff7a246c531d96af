"""A compaction's part in the fold: what it stands for, and the room with its summary. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from contracts.events import CompactionRequested, ContextSummarised
from services.context.state import Compaction, Room, Segment, Summary


def compaction_of(event: CompactionRequested) -> Compaction:
    """The range an event asks to be summarised."""
    return Compaction(
        event.compaction_id, event.level, event.first_segment_id, event.last_segment_id
    )


def covers(room: Room, event: CompactionRequested) -> bool:
    """Whether the range an event asks for is one the room holds."""
    if event.level == 1:
        return segments_of(room, compaction_of(event)) != ()
    return summaries_of(room, compaction_of(event)) != ()


def segments_of(room: Room, compaction: Compaction) -> tuple[Segment, ...]:
    """The oldest part of the tail that a level 1 compaction stands for; empty if it fits none."""
    if not room.tail or room.tail[0].segment_id != compaction.first_segment_id:
        return ()
    for end, segment in enumerate(room.tail, 1):
        if segment.segment_id == compaction.last_segment_id:
            return room.tail[:end]
    return ()


def summaries_of(room: Room, compaction: Compaction) -> tuple[Summary, ...]:
    """The summaries that a compaction of level 2 or more stands for; empty if it fits none."""
    below = [one for one in room.summaries if one.level == compaction.level - 1]
    if not below or below[0].first.segment_id != compaction.first_segment_id:
        return ()
    for end, summary in enumerate(below, 1):
        if summary.last.segment_id == compaction.last_segment_id:
            return tuple(below[:end])
    return ()


def summarised(room: Room, event: ContextSummarised) -> Room:
    """The room in which the event's summary stands for the range that was on its way."""
    compaction = room.compaction
    if compaction is None:
        return room
    if compaction.level == 1:
        return _summarised_tail(room, compaction, event)
    return _summarised_summaries(room, compaction, event)


def _summarised_tail(room: Room, compaction: Compaction, event: ContextSummarised) -> Room:
    source = segments_of(room, compaction)
    summary = Summary(
        level=1,
        first=_bare(source[0]),
        last=_bare(source[-1]),
        segments=len(source),
        text=event.text,
        cited=_cited(source, event.cited),
    )
    return replace(
        room,
        tail=room.tail[len(source) :],
        tail_tokens=room.tail_tokens - sum(segment.cost for segment in source),
        summaries=(*room.summaries, summary),
        compaction=None,
    )


def _summarised_summaries(room: Room, compaction: Compaction, event: ContextSummarised) -> Room:
    source = summaries_of(room, compaction)
    at = room.summaries.index(source[0])
    summary = Summary(
        level=compaction.level,
        first=source[0].first,
        last=source[-1].last,
        segments=sum(one.segments for one in source),
        text=event.text,
        cited=_cited((cited for one in source for cited in one.cited), event.cited),
    )
    kept = room.summaries[:at], room.summaries[at + len(source) :]
    return replace(room, summaries=(*kept[0], summary, *kept[1]), compaction=None)


def _cited(source: Iterable[Segment], cited: tuple[str, ...]) -> tuple[Segment, ...]:
    """The cited segments among the source's; a model may name others, and they do not count."""
    wanted = frozenset(cited)
    return tuple(_bare(segment) for segment in source if segment.segment_id in wanted)


def _bare(segment: Segment) -> Segment:
    return replace(segment, text="")
