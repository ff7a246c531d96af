"""Daily's transcription messages to what was said, and that to segments. Pure; never raises.

Times in a message count from the start of one audio stream; where that lies in the meeting is told
by who keeps the streams.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import SegmentHeard, Word
from services.ingest.bot import readings

MAX_TEXT = 20_000
"""Characters of one segment; a longer text becomes several."""
MAX_WORDS = 5000
_MAX_SECONDS = 1e7


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `start` is null where the stream's time is not known: then there are no words.

    `stamp` is Daily's own time of the message in Unix seconds, with whatever meaning it has.
    """

    participant_id: str | None
    track: str | None
    text: str
    final: bool
    start: float | None = None
    duration: float = 0.0
    stamp: float | None = None
    language: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where what was said belongs. `origin` is where the message's times count from, in seconds
    from the meeting's start; `stream` tells apart streams that count from zero again."""

    session_id: str
    at: datetime
    speaker: str | None
    stream: str
    origin: float


def parse(message: object) -> Spoken | None:
    """What a message says; without a raw response it is final. None for what is no message."""
    if not isinstance(message, Mapping):
        return None
    raw = readings.mapping(message.get("rawResponse"))
    alternative = readings.mapping(_first(readings.mapping(raw.get("channel")).get("alternatives")))
    start = readings.number(raw.get("start"), 0, _MAX_SECONDS)
    duration = readings.number(raw.get("duration"), 0, _MAX_SECONDS)
    stamp = readings.moment(message.get("timestamp"))
    timed = start is not None and duration is not None
    return Spoken(
        participant_id=readings.ident(message.get("participantId")),
        track=readings.text(message.get("trackType"), readings.MAX_NAME),
        text=readings.text(message.get("text"))
        or readings.text(alternative.get("transcript"))
        or "",
        final=raw.get("is_final") is not False,
        start=start if timed else None,
        duration=duration if timed and duration is not None else 0.0,
        stamp=None if stamp is None else stamp.timestamp(),
        language=readings.text(_first(alternative.get("languages")), readings.MAX_NAME),
        confidence=readings.number(alternative.get("confidence"), 0, 1),
        words=tuple(_words(alternative.get("words"))) if timed else (),
    )


def segment_id(spoken: Spoken, session_id: str, stream: str, otherwise: float) -> str:
    """The id of the (first) segment: the same for the same message heard again.

    Without a time in the stream, Daily's stamp tells messages apart; without that, `otherwise`.
    """
    start = next(time for time in (spoken.start, spoken.stamp, otherwise) if time is not None)
    track = f"{spoken.track or ''}:{stream}"
    return ids.segment_id(session_id, spoken.participant_id, track, start, spoken.text)


def segments(spoken: Spoken, place: Place) -> tuple[SegmentHeard, ...]:
    """The final as segments in order: one, or several where the text is too long for one.

    Several share the time evenly by length and carry no words.
    """
    if not spoken.text:
        return ()
    begin = place.origin + (spoken.start or 0.0)
    whole = SegmentHeard(
        session_id=place.session_id,
        time=place.at,
        segment_id=segment_id(spoken, place.session_id, place.stream, place.origin),
        start=readings.finite(begin),
        end=readings.finite(begin + spoken.duration),
        text=spoken.text,
        speaker=place.speaker,
        speaker_id=spoken.participant_id,
        track=spoken.track,
        language=spoken.language,
        confidence=spoken.confidence,
        words=tuple(_moved(word, place.origin) for word in spoken.words),
    )
    if len(spoken.text) <= MAX_TEXT:
        return (whole,)
    return tuple(_pieces(whole))


def _pieces(whole: SegmentHeard) -> Iterator[SegmentHeard]:
    pace = (whole.end - whole.start) / len(whole.text)
    cut = 0
    while cut < len(whole.text):
        piece = whole.text[cut : cut + MAX_TEXT]
        if cut + MAX_TEXT < len(whole.text) and " " in piece:
            piece = piece[: piece.rindex(" ") + 1]
        begin, cut = cut, cut + len(piece)
        if piece.isspace():
            continue
        yield replace(
            whole,
            segment_id="seg_" + ids.digest(whole.segment_id, begin) if begin else whole.segment_id,
            start=readings.finite(whole.start + pace * begin),
            end=readings.finite(whole.start + pace * cut),
            text=piece.strip(),
            words=(),
        )


def _words(listed: object) -> Iterator[Word]:
    for entry in readings.sequence(listed)[:MAX_WORDS]:
        word = _word(readings.mapping(entry))
        if word is not None:
            yield word


def _word(entry: Mapping[str, Any]) -> Word | None:
    written = readings.text(entry.get("punctuated_word"), readings.MAX_NAME)
    written = written or readings.text(entry.get("word"), readings.MAX_NAME)
    start = readings.number(entry.get("start"), 0, _MAX_SECONDS)
    end = readings.number(entry.get("end"), 0, _MAX_SECONDS)
    if written is None or start is None or end is None:
        return None
    confidence = readings.number(entry.get("confidence"), 0, 1)
    return Word(text=written, start=start, end=max(start, end), confidence=confidence)


def _moved(word: Word, origin: float) -> Word:
    return replace(
        word, start=readings.finite(origin + word.start), end=readings.finite(origin + word.end)
    )


def _first(listed: object) -> object:
    return next(iter(readings.sequence(listed)), None)
