"""Turns of a foreign file to facts, with ids made from meaning. Never reorders what was said."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from contracts import ids
from contracts.events import Event, ParticipantJoined, SegmentHeard
from contracts.recording import RecordedSession
from services.gateway.importing.model import MAX_NAME, Recording, Target, Turn, check, check_count
from services.gateway.plain import one_line


def recording(
    turns: Sequence[Turn], target: Target, metadata: Mapping[str, str] | None = None
) -> Recording:
    """One segment a turn, in their order; a speaker joins when their first turn starts.

    A segment's time is when its turn ended, or the turn before it where that ended later. Raises
    UnreadableRecordingError for a turn that cannot be a segment.
    """
    check_count(len(turns))
    for turn in turns:
        check(turn.where, turn.speaker, turn.text, turn.start, turn.end)
    events = sorted(_events(turns, target), key=lambda event: event.time)
    session = RecordedSession(
        session_id=target.session_id,
        source="recording",
        requested_at=target.uploaded_at,
        last_seq=len(events),
        metadata={key: one_line(value)[:MAX_NAME] for key, value in (metadata or {}).items()},
    )
    return Recording(session=session, events=tuple(events))


def _events(turns: Sequence[Turn], target: Target) -> Iterator[Event]:
    base = _base(turns, target)
    joined: set[str] = set()
    over = 0.0
    for turn in turns:
        name = one_line(turn.speaker or "").strip()
        if name and name not in joined:
            joined.add(name)
            yield ParticipantJoined(
                session_id=target.session_id,
                time=base + timedelta(seconds=turn.start),
                participant_id=ids.digest(target.session_id, name),
                name=name,
            )
        over = max(over, turn.end)
        yield _segment(turn, name or None, target.session_id, base + timedelta(seconds=over))


def _segment(turn: Turn, name: str | None, session_id: str, time: datetime) -> SegmentHeard:
    text, track = one_line(turn.text), f"turn-{turn.number}"
    return SegmentHeard(
        session_id=session_id,
        time=time,
        segment_id=ids.segment_id(session_id, name, track, turn.start, text),
        start=turn.start,
        end=turn.end,
        text=text,
        speaker=name,
        speaker_id=None if name is None else ids.digest(session_id, name),
        track=track,
    )


def _base(turns: Sequence[Turn], target: Target) -> datetime:
    if target.mode == "replay":
        return target.uploaded_at
    return target.uploaded_at - timedelta(seconds=max(turn.end for turn in turns))
