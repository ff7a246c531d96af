"""Earshot's own recordings: the same facts, addressed to another session. Changes nothing else."""

import re
from collections.abc import Iterator
from typing import get_args

import msgspec

from contracts import codec, ids, recording
from contracts.events import (
    DERIVED,
    Event,
    Numbered,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SegmentCorrected,
    SegmentHeard,
    SessionEvent,
    SessionRequested,
    SpeakerRenamed,
)
from contracts.recording import RecordedSession
from services.gateway.importing.model import (
    Recording,
    Target,
    UnreadableRecordingError,
    check,
    check_count,
)

LIFECYCLE = get_args(SessionEvent)
"""The session that plays the recording has its own."""

CONVERSATION = (QueryAsked, QueryAnswered, QueryFailed)

MAX_EVENT_BYTES = 512 << 10
MAX_HEADER_BYTES = 16 << 10
"""Both well under the megabyte a message may have."""

_ID = re.compile(r"[!-~]{1,200}")
"""Ids travel in message headers, where a space or a line break would mean something."""

_KEY = re.compile(r"[!-~]{1,400}")


def read(plain: bytes, target: Target) -> Recording:
    """The recording's facts in their order, addressed to the target's session.

    Ids, times and texts stay exactly as they are, and so does what is told apart by its id: a fact
    that the file repeats is taken once. A replay leaves the questions out, for they are about the
    meeting and not of it; an import leaves out those without an answer. Raises
    UnreadableRecordingError at the first line that does not fit.
    """
    try:
        original, numbered = recording.parse(plain.splitlines())
    except recording.MalformedRecordingError as error:
        raise UnreadableRecordingError(str(error)) from error
    if not _ID.fullmatch(original.session_id):
        raise UnreadableRecordingError("line 1: session_id is not a plain id")
    check_count(sum(isinstance(event, SegmentHeard) for _, event in numbered))
    events = tuple(_addressed(numbered, original.session_id, target))
    return Recording(
        session=_session(original, numbered, target, len(events)),
        events=events,
        derived=any(isinstance(event, DERIVED) for event in events),
    )


def _addressed(numbered: tuple[Numbered, ...], original: str, target: Target) -> Iterator[Event]:
    taken: set[str] = set()
    for seq, event in _kept(numbered, target):
        copy = msgspec.structs.replace(
            event,
            session_id=target.session_id,
            copied_from=event.copied_from or original,
        )
        _check(f"seq {seq}", copy)
        key = ids.of_event(copy)
        if key not in taken:
            taken.add(key)
            yield copy


def _kept(numbered: tuple[Numbered, ...], target: Target) -> Iterator[Numbered]:
    concluded = {
        event.query_id for _, event in numbered if isinstance(event, QueryAnswered | QueryFailed)
    }
    for seq, event in numbered:
        if isinstance(event, LIFECYCLE):
            continue
        if isinstance(event, CONVERSATION) and target.mode == "replay":
            continue
        if isinstance(event, QueryAsked) and event.query_id not in concluded:
            continue
        yield seq, event


def _check(where: str, event: Event) -> None:
    if event.time.tzinfo is None:
        raise UnreadableRecordingError(f"{where}: time has no time zone")
    if not _KEY.fullmatch(ids.of_event(event)) or not _ID.fullmatch(event.copied_from or "-"):
        raise UnreadableRecordingError(f"{where}: an id in it is not a plain id")
    if len(codec.encode(event)) > MAX_EVENT_BYTES:
        raise UnreadableRecordingError(f"{where}: the event is over {MAX_EVENT_BYTES} bytes")
    match event:
        case SegmentHeard():
            check(where, event.speaker, event.text, event.start, event.end)
        case SegmentCorrected(text=text):
            check(where, None, text, 0, 0)
        case SpeakerRenamed(name=name):
            check(where, name, "", 0, 0)
        case _:
            return


def _session(
    original: RecordedSession, numbered: tuple[Numbered, ...], target: Target, items: int
) -> RecordedSession:
    requests = [event for _, event in numbered if isinstance(event, SessionRequested)]
    rooms = (original.room_url, *(request.room_url for request in requests))
    times = (original.requested_at, *(request.time for request in requests), target.uploaded_at)
    metadata = (original.metadata, *(request.metadata for request in requests))
    session = RecordedSession(
        session_id=target.session_id,
        source="recording",
        room_url=next(filter(None, rooms), None),
        requested_at=next(filter(None, times)),
        last_seq=items,
        metadata=next(filter(None, metadata), {}),
    )
    if session.requested_at is None or session.requested_at.tzinfo is None:
        raise UnreadableRecordingError("line 1: requested_at has no time zone")
    if len(recording.render_header(session)) > MAX_HEADER_BYTES:
        raise UnreadableRecordingError(f"line 1: the header is over {MAX_HEADER_BYTES} bytes")
    return session
