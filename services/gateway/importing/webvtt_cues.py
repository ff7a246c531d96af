"""WebVTT and SubRip text to timed cues: the only file that knows webvtt-py. Cleans nothing."""

import re
from collections.abc import Sequence

import msgspec
import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from services.gateway.importing.model import UnreadableRecordingError

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_CLAIM = re.compile(r"[ \t]*\d[\d:., \t]*-->")
_VTT_TIMES = re.compile(
    r"\s*(?:\d+:)?[0-5]?\d:[0-5]?\d\.\d{1,3}\s*-->\s*(?:\d+:)?[0-5]?\d:[0-5]?\d\.\d"
)
_SRT_TIMES = re.compile(r"\s*\d+:\d{1,2}:\d{1,2}[,.]\d+\s*-->\s*\d+:\d{1,2}:\d{1,2}[,.]\d")


class Cue(msgspec.Struct, frozen=True):
    """One caption with its markup; `start` and `end` in seconds."""

    start: float
    end: float
    text: str


def vtt(text: str) -> tuple[Cue, ...]:
    """Every cue of a WebVTT file. Raises UnreadableRecordingError when one would be lost."""
    cues = _parse(text.lstrip(), "vtt")
    rows = _LINE_BREAK.split(text)
    claims = [at for at, row in enumerate(rows) if _CLAIM.match(row)]
    _check(rows, claims, _VTT_TIMES, lost=len(claims) - len(cues))
    return cues


def srt(text: str) -> tuple[Cue, ...]:
    """Every cue of a SubRip file that has a text. Raises as `vtt` does."""
    cues = _parse(text.lstrip(), "srt")
    rows = [*_LINE_BREAK.split(text), "", ""]
    claims = [at for at, row in enumerate(rows) if _CLAIM.match(row)]
    worded = [at for at in claims if rows[at + 1].strip() and not _CLAIM.match(rows[at + 2])]
    _check(rows, claims, _SRT_TIMES, lost=len(worded) - len(cues))
    return cues


def _parse(text: str, kind: str) -> tuple[Cue, ...]:
    try:
        captions = webvtt.WebVTT.from_buffer([text], format=kind).captions
    except (MalformedFileError, MalformedCaptionError) as error:
        raise UnreadableRecordingError(f"{kind.upper()}: {error}") from error
    return tuple(
        Cue(
            caption.start_time.in_milliseconds() / 1000,
            caption.end_time.in_milliseconds() / 1000,
            caption.raw_text,
        )
        for caption in captions
    )


def _check(rows: Sequence[str], claims: Sequence[int], times: re.Pattern[str], lost: int) -> None:
    """The library passes over what it cannot read; in a meeting every cue counts."""
    if lost <= 0:
        return
    for at in claims:
        if not times.match(rows[at]):
            raise UnreadableRecordingError(f"line {at + 1}: the cue's times do not fit the format")
    raise UnreadableRecordingError(f"{lost} of {len(claims)} cues do not fit the format")
