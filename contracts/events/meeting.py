"""Who was there, what was said, and what nobody heard."""

from datetime import datetime
from typing import Literal

from contracts.events.base import CallFact, Fact, Word


class ParticipantJoined(Fact, frozen=True, kw_only=True, tag="ParticipantJoined"):
    """A person entered; `name` is what they call themselves, null when unknown.

    `participant_id` is one visit: who leaves and returns gets another.
    """

    participant_id: str
    name: str | None = None
    user_id: str | None = None
    owner: bool = False
    joined_at: datetime | None = None


class ParticipantLeft(Fact, frozen=True, kw_only=True, tag="ParticipantLeft"):
    """A person went; `reason` is the room's word for it, "away" when nobody saw them go."""

    participant_id: str
    reason: str | None = None


class ParticipantUpdated(CallFact, frozen=True, kw_only=True, tag="ParticipantUpdated"):
    """What is now known of a person. `media` maps a track ("microphone", "screenVideo", a custom
    track's name) to its state ("playable", "off", ...); `can_admin` are the rights they hold."""

    participant_id: str
    name: str | None = None
    user_id: str | None = None
    owner: bool = False
    can_admin: tuple[str, ...] = ()
    media: dict[str, str] = {}


class ParticipantCountsChanged(CallFact, frozen=True, kw_only=True, tag="ParticipantCountsChanged"):
    """How many are in the room, the bot included; hidden ones are counted apart."""

    present: int
    hidden: int


class ActiveSpeakerChanged(CallFact, frozen=True, kw_only=True, tag="ActiveSpeakerChanged"):
    """Who the room takes for the one that speaks."""

    participant_id: str


class TranscriptionStarted(CallFact, frozen=True, kw_only=True, tag="TranscriptionStarted"):
    """The room is being transcribed; `own` says that our bot started it."""

    own: bool
    instance_id: str | None = None
    language: str | None = None
    model: str | None = None
    started_by: str | None = None


class TranscriptionUpdated(CallFact, frozen=True, kw_only=True, tag="TranscriptionUpdated"):
    """Who is transcribed from here on; an empty list is nobody, null is everybody."""

    participants: tuple[str, ...] | None = None
    updated_by: str | None = None


class TranscriptionStopped(CallFact, frozen=True, kw_only=True, tag="TranscriptionStopped"):
    """The room is not transcribed any more."""

    stopped_by: str | None = None
    by_error: bool = False


class TranscriptionFailed(CallFact, frozen=True, kw_only=True, tag="TranscriptionFailed"):
    """Transcription reported an error, or could not be started."""

    detail: str


class TranscriptionStalled(CallFact, frozen=True, kw_only=True, tag="TranscriptionStalled"):
    """People speak and no words arrive, for `seconds` by now."""

    seconds: float


class GapOpened(Fact, frozen=True, kw_only=True, tag="GapOpened"):
    """From `start` on, what is said is not heard."""

    gap_id: str
    cause: str
    start: float


class GapClosed(Fact, frozen=True, kw_only=True, tag="GapClosed"):
    """Hearing resumed at `end`."""

    gap_id: str
    end: float


class SegmentHeard(Fact, frozen=True, kw_only=True, tag="SegmentHeard"):
    """One final transcription segment. `speaker` is the name known then; null stays null."""

    segment_id: str
    start: float
    end: float
    text: str
    speaker: str | None = None
    speaker_id: str | None = None
    track: str | None = None
    language: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


class SegmentCorrected(Fact, frozen=True, kw_only=True, tag="SegmentCorrected"):
    """The segment says `text` from here on; `revision` counts its corrections, from 1.

    A redacted or suppressed segment is not brought back by it.
    """

    segment_id: str
    revision: int
    text: str
    words: tuple[Word, ...] = ()


class SegmentSuppressed(Fact, frozen=True, kw_only=True, tag="SegmentSuppressed"):
    """The segment is no part of the meeting: nobody said it, or it was heard a second time."""

    segment_id: str
    reason: str = ""


class SegmentRedacted(Fact, frozen=True, kw_only=True, tag="SegmentRedacted"):
    """What the segment said is to be known no more, nor anything that was made of it."""

    segment_id: str


class SpeakerRenamed(Fact, frozen=True, kw_only=True, tag="SpeakerRenamed"):
    """A speaker is called `name` from the beginning on; `contracts.speakers` says how it is read.

    `speaker` is a speaker's id, or the name they are shown by. `change_id` tells two apart.
    """

    change_id: str
    speaker: str
    name: str


class SpeakersMerged(Fact, frozen=True, kw_only=True, tag="SpeakersMerged"):
    """Two speakers are one person, whom the meeting knows as `into`; ids or shown names."""

    change_id: str
    speaker: str
    into: str


class GapFilled(Fact, frozen=True, kw_only=True, tag="GapFilled"):
    """A second source gave `segments` segments for the gap."""

    gap_id: str
    source: Literal["webvtt"]
    segments: int
