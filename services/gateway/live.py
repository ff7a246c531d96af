"""Events as the messages of the live WebSocket. Decides what is shown, not when.

Every message has a `type`. `caption` with `final: true` is a segment of the transcript; one with
`final: false` is a guess that a later caption of the same speaker replaces, and has no `seq`.
`correction`, `removal` and `speaker` change captions that came before, and maybe ones that come.
`participant`, `gap` and `state` tell what changed, `bot`, `command` and `transcription` what goes
on in the call; `answer` is the body of an answered question.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from contracts.events import (
    Event,
    GapClosed,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    QueryAnswered,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    Word,
)
from services.gateway import dto, live_call, live_changes
from services.gateway.session_view import Status


class Caption(msgspec.Struct, frozen=True, kw_only=True, tag="caption"):
    """One final segment."""

    final: Literal[True] = True
    seq: int
    segment_id: str
    start: float
    end: float
    speaker: str | None
    speaker_id: str | None
    text: str
    confidence: float | None
    words: tuple[Word, ...] | msgspec.UnsetType


class Participant(msgspec.Struct, frozen=True, kw_only=True, tag="participant"):
    """Somebody came, changed or went; `name` is null when unknown, and when they go.

    `reason` is the room's word for why they went.
    """

    seq: int
    action: Literal["joined", "updated", "left"]
    participant_id: str
    name: str | None = None
    owner: bool | msgspec.UnsetType = msgspec.UNSET
    reason: str | None = None


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag="gap"):
    """Hearing stopped at `start` (then `cause` says why), or resumed at `end`; in seconds.

    `filled` counts the segments that another source gave for it.
    """

    seq: int
    gap_id: str
    cause: str | None = None
    start: float | None = None
    end: float | None = None
    filled: int | msgspec.UnsetType = msgspec.UNSET


class State(msgspec.Struct, frozen=True, kw_only=True, tag="state"):
    """The session's status from here on."""

    seq: int
    status: Status
    reason: str | None = None


_OPENING: Mapping[type[Event], Status] = {
    SessionRequested: "requested",
    SessionWaiting: "waiting",
    SessionJoining: "joining",
    SessionStarted: "live",
}

_encode = msgspec.json.Encoder().encode
_interim = msgspec.json.Decoder(dict[str, msgspec.Raw])


def render(seq: int, event: Event) -> str | None:
    """The message for an event, or None for one that is not shown."""
    match event:
        case SegmentHeard():
            return _text(_caption(seq, event))
        case ParticipantJoined() | ParticipantUpdated() | ParticipantLeft():
            return _text(_participant(seq, event))
        case GapOpened() | GapClosed() | GapFilled():
            return _text(_gap(seq, event))
        case QueryAnswered():
            answer = _encode(dto.answer(event, cached=False))
            return (b'{"type":"answer","seq":%d,' % seq + answer[1:]).decode()
        case _:
            changed = _state(seq, event) or live_changes.message(seq, event)
            message = changed or live_call.message(seq, event)
            return None if message is None else _text(message)


def render_interim(caption: bytes) -> str | None:
    """An interim caption passed through, marked as not final; None when it is not an object."""
    try:
        fields = _interim.decode(caption)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    marks: dict[str, Any] = {"type": "caption", "final": False}
    return _encode(marks | {name: fields[name] for name in fields if name not in marks}).decode()


def _text(message: msgspec.Struct) -> str:
    return _encode(message).decode()


def _caption(seq: int, heard: SegmentHeard) -> Caption:
    return Caption(
        seq=seq,
        segment_id=heard.segment_id,
        start=heard.start,
        end=heard.end,
        speaker=heard.speaker,
        speaker_id=heard.speaker_id,
        text=heard.text,
        confidence=heard.confidence,
        words=heard.words or msgspec.UNSET,
    )


def _participant(
    seq: int, event: ParticipantJoined | ParticipantUpdated | ParticipantLeft
) -> Participant:
    match event:
        case ParticipantLeft(participant_id=who, reason=reason):
            return Participant(seq=seq, action="left", participant_id=who, reason=reason)
        case ParticipantJoined(participant_id=who, name=name, owner=owner):
            return Participant(seq=seq, action="joined", participant_id=who, name=name, owner=owner)
        case ParticipantUpdated(participant_id=who, name=name, owner=owner):
            return Participant(
                seq=seq, action="updated", participant_id=who, name=name, owner=owner
            )


def _gap(seq: int, event: GapOpened | GapClosed | GapFilled) -> Gap:
    match event:
        case GapFilled(gap_id=gap, segments=filled):
            return Gap(seq=seq, gap_id=gap, filled=filled)
        case GapOpened(gap_id=gap, cause=cause, start=start):
            return Gap(seq=seq, gap_id=gap, cause=cause, start=start)
        case GapClosed(gap_id=gap, end=end):
            return Gap(seq=seq, gap_id=gap, end=end)


def _state(seq: int, event: Event) -> State | None:
    if (status := _OPENING.get(type(event))) is not None:
        return State(seq=seq, status=status)
    match event:
        case SessionEnding(reason=reason):
            return State(seq=seq, status="ending", reason=reason)
        case SessionEnded(reason=end):
            return State(seq=seq, status="ended", reason=end)
        case SessionFailed(reason=failure):
            return State(seq=seq, status="failed", reason=failure)
        case _:
            return None
