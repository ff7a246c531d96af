"""What an event means for the index: a line more, one that says something else, one that is gone.

Pure. Lines of a meeting are what somebody said or wrote in the chat. Whose they are is kept beside
them and named anew when a speaker is renamed or merged.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from contracts import ids, speakers
from contracts.events import (
    ChatReceived,
    Event,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
)
from contracts.speakers import Speakers
from services.context.search import letters

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A session as far as its next line depends on it; `heard_until` is the end of the last one."""

    speakers: Speakers = Speakers()
    heard_until: float = 0.0


class Line(msgspec.Struct, frozen=True):
    """A line to be found: `start` and `end` in seconds of the meeting, `time` in microseconds since
    1970, and whom it was heard from."""

    segment_id: str
    seq: int
    start: float
    end: float
    time: int
    speaker_id: str | None
    label: str | None
    text: str


class Restated(msgspec.Struct, frozen=True):
    """The line says `text` from here on, unless it is gone."""

    segment_id: str
    text: str


class Gone(msgspec.Struct, frozen=True):
    """The line is never to be found again."""

    segment_id: str


Change: TypeAlias = Line | Restated | Gone


class Names(msgspec.Struct, frozen=True):
    """Whom a line is by: the name it is `shown` with, and the spellings it is asked for by, which
    are that name, the speaker's own id, and what the person goes by after merges."""

    shown: str | None
    name: str | None
    own_id: str | None
    person: str | None


def evolve(known: Known, seq: int, event: Event) -> tuple[Known, Change | None]:
    """The session after one more event, and what it changes in the index."""
    told = speakers.evolve(known.speakers, event)
    match event:
        case SegmentHeard():
            return Known(told, event.end), _heard(seq, event)
        case ChatReceived():
            return Known(told, known.heard_until), _written(known, seq, event)
        case SegmentCorrected(segment_id=segment_id, text=text):
            return known, Restated(segment_id, letters.clean(text))
        case SegmentSuppressed(segment_id=segment_id) | SegmentRedacted(segment_id=segment_id):
            return known, Gone(segment_id)
        case _ if told is known.speakers:
            return known, None
        case _:
            return Known(told, known.heard_until), None


def names(known: Speakers, speaker_id: str | None, label: str | None) -> Names:
    """Whom a line heard from this speaker is by, now."""
    shown = speakers.shown(known, speaker_id, label)
    person = speakers.key(known, speaker_id, label)
    return Names(shown, folded(shown), folded(speaker_id), folded(person))


def folded(name: str | None) -> str | None:
    """The spelling in which names are compared: without case, width and space around."""
    return None if name is None else unicodedata.normalize("NFKC", name).casefold().strip()


def microseconds(time: datetime) -> int:
    """A time as microseconds since 1970; one without a zone is UTC."""
    known = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (known - _EPOCH) // timedelta(microseconds=1)


def clock_time(since_epoch: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=since_epoch)


def _heard(seq: int, event: SegmentHeard) -> Line:
    return Line(
        event.segment_id,
        seq,
        event.start,
        event.end,
        microseconds(event.time),
        event.speaker_id,
        event.speaker,
        letters.clean(event.text),
    )


def _written(known: Known, seq: int, event: ChatReceived) -> Line:
    """A line of chat stands where the meeting was when it came."""
    at = known.heard_until
    own = ids.chat_id(event.session_id, event.bot_id, event.number)
    time = microseconds(event.time)
    return Line(own, seq, at, at, time, event.sender_id, event.name, letters.clean(event.text))
