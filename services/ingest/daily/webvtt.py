"""A stored WebVTT transcript to cues with speakers: knows webvtt-py, and is pure.

Cues that the library cannot read are passed over: what is read fills gaps, and half is better than
nothing. A name before the text is believed only where every cue has one.
"""

import html
import re
from collections.abc import Iterator, Sequence

import msgspec
import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

MAX_CHARACTERS = 8 << 20
"""Captions are read slowly, and the longest meeting has far fewer."""
MAX_TEXT = 20_000
MAX_NAME = 200

_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]([^<>]*)>|<v>([^<>]*)</v>")
_TAG = re.compile(r"</?[A-Za-z0-9][^<>]*>")
_PREFIX = re.compile(r"([^\W\d_][\w .'\u2019()-]{0,79}): (?=\S)")


class Cue(msgspec.Struct, frozen=True):
    """What somebody said; `start` and `end` in seconds from the file's own zero."""

    start: float
    end: float
    speaker: str | None
    text: str


class UnreadableTranscriptError(ValueError):
    """The file is no WebVTT, or too long; the message quotes no speech."""


def parse(text: str) -> tuple[Cue, ...]:
    """The cues that say something, in the file's order. Raises UnreadableTranscriptError.

    Takes seconds for a long meeting, so keep it off an event loop.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableTranscriptError(f"the transcript has over {MAX_CHARACTERS} characters")
    try:
        captions = webvtt.WebVTT.from_buffer([text.lstrip("\ufeff \t\r\n")], format="vtt").captions
    except (MalformedFileError, MalformedCaptionError):
        raise UnreadableTranscriptError("the transcript is not WebVTT") from None
    return _named([cue for caption in captions for cue in _cues(caption)])


def _cues(caption: webvtt.Caption) -> Iterator[Cue]:
    start = caption.start_time.in_milliseconds() / 1000
    end = caption.end_time.in_milliseconds() / 1000
    for voice, markup in _voices(caption.raw_text[:MAX_TEXT]):
        if end >= start and (text := _plain(_TAG.sub("", markup))):
            yield Cue(start, end, _plain(voice)[:MAX_NAME] or None, text)


def _voices(markup: str) -> Iterator[tuple[str, str]]:
    """Who says what in one cue; "" where nobody is named. `<v>Name:</v>text` is a voice as well."""
    before, *rest = _VOICE.split(markup)
    yield "", before
    for tagged, enclosed, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        yield tagged or (enclosed or "").strip().removesuffix(":"), text


def _plain(markup: str) -> str:
    """One line of printable characters."""
    text = html.unescape(markup)
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _named(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    matches = [_PREFIX.match(cue.text) for cue in cues if cue.speaker is None]
    if None in matches or len(matches) < len(cues):
        return tuple(cues)
    return tuple(
        msgspec.structs.replace(cue, speaker=match[1], text=cue.text[match.end() :])
        for cue, match in zip(cues, matches, strict=True)
        if match
    )
