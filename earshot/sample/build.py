"""Makes the sample meeting from its script; the same script always gives the same bytes.

A line of the script is `Name: text`, one segment each. An empty line is a pause, `~` before the
text means that it is said over the end of the line before, and `--` at the end that the next
speaker cuts this one off. Nobody said it: the times come from the length of the words.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from contracts import ids, recording
from contracts.events import (
    Event,
    ParticipantJoined,
    SegmentHeard,
    SessionEnded,
    SessionRequested,
    SessionStarted,
    Word,
)

SESSION_ID = "sample"
BEGAN = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
METADATA = {"title": "Offline mode: launch planning"}
SCRIPT = Path(__file__).with_name("script.txt")
RECORDING = Path(__file__).with_name("meeting.jsonl")

FIRST_JOIN = 1.0
JOIN_EVERY = 3.0
FIRST_WORD = 12.0
A_WORD = 0.12
A_LETTER = 0.048
"""All in seconds; together they make conversational English of about 2.7 words a second."""
BETWEEN_WORDS = 0.03
BREATH = 0.3
TOPIC_PAUSE = 1.2
OVER_THE_END = 0.25
CUT_OFF = 0.7


class Line(msgspec.Struct, frozen=True):
    """One line of the script and how it follows the one before."""

    speaker: str
    text: str
    pause: float


def lines(script: str) -> Iterator[Line]:
    """The script's lines, with the seconds of silence before each; negative where two overlap."""
    pause = 0.0
    for row in script.splitlines():
        if not row:
            pause = TOPIC_PAUSE
            continue
        speaker, _, text = row.partition(": ")
        over = text.startswith("~ ")
        yield Line(speaker, text.removeprefix("~ "), -OVER_THE_END if over else pause)
        pause = -CUT_OFF if text.endswith("--") else BREATH


def render(script: str) -> bytes:
    """The recording, as stored in meeting.jsonl."""
    heard = tuple(_segments(lines(script)))
    events = (*_opening(heard), *heard, _ended(heard[-1]))
    session = recording.RecordedSession(
        session_id=SESSION_ID,
        source="recording",
        requested_at=BEGAN,
        last_seq=len(events),
        metadata=METADATA,
    )
    rendered = (recording.render_line(seq, event) for seq, event in enumerate(events, 1))
    return b"".join((recording.render_header(session), *rendered))


def _opening(heard: Iterable[SegmentHeard]) -> Iterator[Event]:
    yield SessionRequested(
        session_id=SESSION_ID, time=BEGAN, source="recording", language="en", metadata=METADATA
    )
    yield SessionStarted(session_id=SESSION_ID, time=BEGAN)
    for number, speaker in enumerate(dict.fromkeys(segment.speaker for segment in heard)):
        yield ParticipantJoined(
            session_id=SESSION_ID,
            time=_at(FIRST_JOIN + number * JOIN_EVERY),
            participant_id=ids.digest(SESSION_ID, speaker),
            name=speaker,
        )


def _segments(script: Iterable[Line]) -> Iterator[SegmentHeard]:
    end = FIRST_WORD
    for line in script:
        start = round(end + line.pause, 2)
        words = tuple(_words(line.text, start))
        end = words[-1].end
        yield SegmentHeard(
            session_id=SESSION_ID,
            time=_at(end),
            segment_id=ids.segment_id(SESSION_ID, line.speaker, None, start, line.text),
            start=start,
            end=end,
            text=line.text,
            speaker=line.speaker,
            speaker_id=ids.digest(SESSION_ID, line.speaker),
            language="en",
            words=words,
        )


def _words(text: str, start: float) -> Iterator[Word]:
    for word in text.split():
        if word != "--":
            end = round(start + A_WORD + len(word) * A_LETTER, 2)
            yield Word(text=word, start=start, end=end)
            start = round(end + BETWEEN_WORDS, 2)


def _ended(last: SegmentHeard) -> SessionEnded:
    return SessionEnded(session_id=SESSION_ID, time=_at(last.end + BREATH), reason="source_ended")


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


if __name__ == "__main__":
    RECORDING.write_bytes(render(SCRIPT.read_text(encoding="utf-8")))
