"""What is known of a meeting, as a fold over its session's events. Pure: no clock, no network.

What is asked for and not yet answered is read off the state, so that a crash forgets nothing.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from hashlib import blake2b
from itertools import groupby

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import (
    ChatReceived,
    CompactionRequested,
    ContextSummarised,
    Event,
    Numbered,
    ParticipantJoined,
    ParticipantUpdated,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionFailed,
    SessionRequested,
    SpeakerRenamed,
    SpeakersMerged,
)
from services.context import condensing, holding
from services.context.holding import VERBATIM, Verbatim
from services.context.state import Page, Question, Room, Segment, Summary

initial = Room()

_encoder = msgspec.json.Encoder()


def evolve(room: Room, numbered: Numbered) -> Room:
    """Fold one event in; one that was folded in before changes nothing."""
    seq, event = numbered
    if seq <= room.seq:
        return room
    return replace(_apply(room, seq, event), seq=seq, event_id=ids.of_event(event))


def fold(events: Iterable[Numbered], origin: Room = initial) -> Room:
    """Evolve over many; what was said and corrected in a row is folded in at once."""
    room = origin
    for verbatim, run in groupby(events, _is_verbatim):
        if not verbatim:
            room = reduce(evolve, run, room)
        elif facts := _news(run, room.seq):
            seq, last = facts[-1]
            told = holding.told(room, facts)
            room = replace(told, seq=seq, event_id=ids.of_event(last))
    return room


def as_of(events: Sequence[Numbered], seq: int) -> Room:
    """The room as it was after `seq`, but for what was redacted since: that nobody sees again."""
    past = fold(one for one in events if one[0] <= seq)
    later = (event for at, event in events if at > seq)
    gone = [(past.seq, event) for event in later if isinstance(event, SegmentRedacted)]
    return holding.told(past, gone)


def _news(run: Iterable[Numbered], after: int) -> list[tuple[int, Verbatim]]:
    """What of a run comes after a sequence, each once."""
    facts: list[tuple[int, Verbatim]] = []
    for seq, event in run:
        if seq > after and isinstance(event, VERBATIM):
            facts.append((seq, event))
            after = seq
    return facts


def _is_verbatim(numbered: Numbered) -> bool:
    return isinstance(numbered[1], VERBATIM)


def state_hash(room: Room, digests: Sequence[bytes] | None = None) -> str:
    """Digest of what the meeting's context is made of, wherever in a log its events stand.

    Equal for equal events: a disturbed run and an undisturbed one, a recording and its replay.
    `digests` are those of the full pages, where they are known.
    """
    levels = [[_undated(one) for one in level] for level in room.levels]
    known = (room.speakers.known, room.speakers.renamed, room.speakers.merged)
    facts = (levels, room.compacted, room.over, room.compaction and room.compaction.level)
    digest = blake2b(digest_size=16)
    for of_page in map(page_digest, room.pages) if digests is None else digests:
        digest.update(of_page)
    digest.update(page_digest(room.last_page))
    digest.update(_encoder.encode([*facts, *(sorted(names.items()) for names in known)]))
    return digest.hexdigest()


def page_digest(page: Page) -> bytes:
    """Digest of what a page's segments say, wherever in a log they stand."""
    said = _encoder.encode([_placeless(segment) for segment in page])
    return blake2b(said, digest_size=16).digest()


def _placeless(segment: Segment) -> tuple[object, ...]:
    who = (segment.speaker, segment.speaker_id)
    kind = segment.removed, segment.chat
    return (segment.segment_id, segment.start, segment.end, *who, segment.text, *kind)


def _undated(one: Summary) -> tuple[object, ...]:
    return one.first, one.end, one.text, one.cited, one.failed


def _apply(room: Room, seq: int, event: Event) -> Room:  # noqa: PLR0911 - one row a kind of event
    match event:
        case SegmentHeard() | SegmentCorrected() | SegmentSuppressed() | SegmentRedacted():
            return holding.told(room, [(seq, event)])
        case ChatReceived():
            return holding.written(room, seq, event)
        case SpeakerRenamed() | SpeakersMerged():
            return holding.respoken(room, seq, event)
        case ParticipantJoined() | ParticipantUpdated():
            return holding.met(room, seq, event, event.participant_id)
        case CompactionRequested() if room.compaction is None:
            return replace(room, compaction=condensing.requested(room, event))
        case ContextSummarised():
            return condensing.summarised(room, seq, event)
        case QueryAsked(copied_from=None):
            return replace(room, questions=(*room.questions, _question(event)))
        case QueryAnswered(query_id=query) | QueryFailed(query_id=query):
            left = tuple(one for one in room.questions if one.query_id != query)
            return replace(room, questions=left)
        case _:
            return _moved(room, event)


def _moved(room: Room, event: Event) -> Room:
    match event:
        case SessionRequested():
            return replace(room, requested=True)
        case RecordingAttached(derived=derived):
            return replace(room, mirrored=derived)
        case SessionEnded() | SessionFailed():
            return replace(room, mirrored=False, over=True)
        case _:
            return room


def _question(event: QueryAsked) -> Question:
    return Question(event.query_id, event.task, event.query, event.deadline, event.budget_tokens)
