"""What is known of a meeting, as a fold over its session's events. Pure: no clock, no network.

The newest segments are held verbatim (the tail); older ones are stood in for by summaries, which
lie in the order of the meeting, the most condensed first. What is asked for and not yet answered is
read off the state, so that a crash forgets nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import (
    CompactionRequested,
    ContextSummarised,
    Event,
    Numbered,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    SegmentHeard,
    SegmentRef,
    SessionEnded,
    SessionFailed,
    SessionRequested,
    Task,
)


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A segment as the context needs it; `start` and `end` in seconds."""

    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None
    text: str

    @property
    def ref(self) -> SegmentRef:
        """The segment without its text."""
        return SegmentRef(
            segment_id=self.segment_id,
            seq=self.seq,
            start=self.start,
            end=self.end,
            speaker=self.speaker,
        )


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What stands in for `segments` segments, first to last; `cited` are those it rests on."""

    level: int
    first: Segment
    last: Segment
    segments: int
    text: str
    cited: tuple[Segment, ...]


class Compaction(msgspec.Struct, frozen=True, array_like=True):
    """A range that is being summarised."""

    compaction_id: str
    level: int
    first_segment_id: str
    last_segment_id: str


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A query that has no conclusion yet."""

    query_id: str
    task: Task
    query: str
    deadline: datetime
    budget_tokens: int | None


class Room(msgspec.Struct, frozen=True):
    """`seq` is the last stream sequence folded in, `event_id` that event's key."""

    seq: int = 0
    event_id: str = ""
    requested: bool = False
    mirrored: bool = False
    """A recording that brings its own summaries is being played: nobody makes others."""
    summaries: tuple[Summary, ...] = ()
    tail: tuple[Segment, ...] = ()
    compaction: Compaction | None = None
    questions: tuple[Question, ...] = ()


initial = Room()

_encoder = msgspec.json.Encoder()


def evolve(room: Room, numbered: Numbered) -> Room:
    """Fold one event in; one that was folded in before changes nothing."""
    seq, event = numbered
    if seq <= room.seq:
        return room
    return replace(_apply(room, seq, event), seq=seq, event_id=ids.of_event(event))


def fold(events: Iterable[Numbered], origin: Room = initial) -> Room:
    """Evolve over many."""
    return reduce(evolve, events, origin)


def state_hash(room: Room) -> str:
    """Digest of what the meeting's context is made of, wherever in a log its events stand.

    Equal for equal events: a disturbed run and an undisturbed one, a recording and its replay.
    """
    state = (
        [
            [one.level, _placeless(one.first), _placeless(one.last), one.segments, one.text]
            + [_placeless(segment) for segment in one.cited]
            for one in room.summaries
        ],
        [_placeless(segment) for segment in room.tail],
        room.compaction and room.compaction.level,
    )
    return blake2b(_encoder.encode(state), digest_size=16).hexdigest()


def _placeless(segment: Segment) -> tuple[str, float, float, str | None, str]:
    return segment.segment_id, segment.start, segment.end, segment.speaker, segment.text


def _apply(room: Room, seq: int, event: Event) -> Room:  # noqa: PLR0911 - one row a kind of event
    match event:
        case SegmentHeard():
            return replace(room, tail=(*room.tail, _segment(seq, event)))
        case CompactionRequested() if room.compaction is None and _covered(room, event):
            return replace(room, compaction=_compaction(event))
        case ContextSummarised(compaction_id=done) if (
            room.compaction is not None and room.compaction.compaction_id == done
        ):
            return _summarised(room, event)
        case QueryAsked(copied_from=None):
            return replace(room, questions=(*room.questions, _question(event)))
        case QueryAnswered(query_id=query) | QueryFailed(query_id=query):
            left = tuple(one for one in room.questions if one.query_id != query)
            return replace(room, questions=left)
        case SessionRequested():
            return replace(room, requested=True)
        case RecordingAttached(derived=derived):
            return replace(room, mirrored=derived)
        case SessionEnded() | SessionFailed():
            return replace(room, mirrored=False)
        case _:
            return room


def _segment(seq: int, event: SegmentHeard) -> Segment:
    return Segment(event.segment_id, seq, event.start, event.end, event.speaker, event.text)


def _compaction(event: CompactionRequested) -> Compaction:
    return Compaction(
        event.compaction_id, event.level, event.first_segment_id, event.last_segment_id
    )


def _question(event: QueryAsked) -> Question:
    return Question(event.query_id, event.task, event.query, event.deadline, event.budget_tokens)


def _covered(room: Room, event: CompactionRequested) -> bool:
    if event.level == 1:
        return segments_of(room, _compaction(event)) != ()
    return summaries_of(room, _compaction(event)) != ()


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


def _summarised(room: Room, event: ContextSummarised) -> Room:
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
