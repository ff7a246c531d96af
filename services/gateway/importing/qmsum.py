"""QMSum's meeting JSON: cleaned of transcription marks, with invented times since it has none."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from services.gateway.importing import turns
from services.gateway.importing.model import Recording, Target, Turn, UnreadableRecordingError

KEY = b'"meeting_transcripts"'
WORDS_PER_SECOND = 2.6
PAUSE = 0.4
"""Seconds of silence after each turn."""

_MARK = re.compile(r"\{[a-z]+\}")
_SPELLED = re.compile(r"\b(?:[A-Za-z]_)+(?=s?(?!\w))")
_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")
_CONTRACTION = re.compile(r"(?<=\w) (n't|'(?:s|re|m|ll|ve|d))\b", re.IGNORECASE)
_BEFORE_PUNCTUATION = re.compile(r"\s([.,?!;:%)\]])")
_A_WORD = re.compile(r"\w")


class _Said(msgspec.Struct):
    speaker: str
    content: str


class _Meeting(msgspec.Struct):
    meeting_transcripts: list[_Said]


def read(plain: bytes, target: Target) -> Recording:
    """Every turn with a word in it, numbered afresh; the queries and topics are left out.

    Raises UnreadableRecordingError naming the field that does not fit.
    """
    try:
        meeting = msgspec.json.decode(plain, type=_Meeting)
    except msgspec.MsgspecError as error:
        raise UnreadableRecordingError(f"QMSum meeting: {error}") from error
    return turns.recording(tuple(_turns(meeting.meeting_transcripts)), target)


def clean(content: str) -> str:
    """`content` as one would write it: no marks, `T_V_` as "TV", "do n't" as "don't"."""
    text = _MARK.sub(" ", content)
    text = _SPELLED.sub(lambda match: match[0].replace("_", ""), text)
    text = _HYPHEN.sub("-", text)
    text = _CONTRACTION.sub(r"\1", text)
    return _BEFORE_PUNCTUATION.sub(r"\1", " ".join(text.split()))


def _turns(transcript: Iterable[_Said]) -> Iterator[Turn]:
    start, number = 0.0, 0
    for index, said in enumerate(transcript):
        text = clean(said.content)
        if not _A_WORD.search(text):
            continue
        end = start + len(text.split()) / WORDS_PER_SECOND
        yield Turn(
            number=number,
            speaker=said.speaker,
            text=text,
            start=round(start, 2),
            end=round(end, 2),
            where=f"meeting_transcripts[{index}]",
        )
        start, number = end + PAUSE, number + 1
