"""What is known of a meeting, as a fold over its session's events. Pure: no clock, no network.

What is asked for and not yet answered is read off the state, so that a crash forgets nothing.
"""

from collections.abc import Iterable
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
    SessionEnded,
    SessionFailed,
    SessionRequested,
)
from services.context import condensing
from services.context.state import Question, Room, Segment

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
            segment = _segment(seq, event)
            grown = room.tail_tokens + segment.cost
            return replace(room, tail=(*room.tail, segment), tail_tokens=grown)
        case CompactionRequested() if room.compaction is None and condensing.covers(room, event):
            return replace(room, compaction=condensing.compaction_of(event))
        case ContextSummarised(compaction_id=done) if (
            room.compaction is not None and room.compaction.compaction_id == done
        ):
            return condensing.summarised(room, event)
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


def _question(event: QueryAsked) -> Question:
    return Question(event.query_id, event.task, event.query, event.deadline, event.budget_tokens)
