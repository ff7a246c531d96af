"""Captions to turns: who speaks in a cue, and what is left without markup.

Does not join the cues of one sentence. A "Name: text" prefix is believed only where all cues agree.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from services.gateway.importing import turns, webvtt_cues
from services.gateway.importing.model import (
    MAX_TEXT,
    OversizedRecordingError,
    Recording,
    Target,
    Turn,
    UnreadableRecordingError,
)
from services.gateway.importing.webvtt_cues import Cue

MAX_CAPTION_BYTES = 16 << 20
"""Captions are read slowly, and the longest meeting has far fewer."""

_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]([^<>]*)>")
_TAG = re.compile(r"</?[A-Za-z0-9][^<>]*>|\{\\[^{}]*\}")
_PREFIX = re.compile(r"(?:- ?)?([^\W\d_][\w .'\u2019()-]{0,39}): (?=\S)")


def read_vtt(plain: bytes, target: Target) -> Recording:
    """A WebVTT file; its `<v Name>` tags name the speakers. Raises UnreadableRecordingError."""
    return turns.recording(_turns(webvtt_cues.vtt(_text(plain)), html.unescape), target)


def read_srt(plain: bytes, target: Target) -> Recording:
    """A SubRip file; a name before each text names the speaker. Raises UnreadableRecordingError."""
    return turns.recording(_named(_turns(webvtt_cues.srt(_text(plain)), str)), target)


def _text(plain: bytes) -> str:
    if len(plain) > MAX_CAPTION_BYTES:
        raise OversizedRecordingError(f"the captions hold more than {MAX_CAPTION_BYTES} bytes")
    return plain.decode()


def _turns(cues: Sequence[Cue], unescape: Callable[[str], str]) -> tuple[Turn, ...]:
    spoken = (
        (cue, where, voice, " ".join(unescape(text).split()))
        for where, cue in enumerate(cues, 1)
        for voice, text in _voices(cue.text, where)
    )
    return tuple(
        Turn(
            number=number,
            speaker=unescape(voice) if voice else None,
            text=text,
            start=cue.start,
            end=cue.end,
            where=f"cue {where}",
        )
        for number, (cue, where, voice, text) in enumerate(row for row in spoken if row[3])
    )


def _voices(markup: str, where: int) -> Iterator[tuple[str | None, str]]:
    """Who says what in one cue; what stands before the first name is nobody's."""
    if len(markup) > 2 * MAX_TEXT:
        raise UnreadableRecordingError(f"cue {where}: text is over {MAX_TEXT} characters")
    before, *rest = _VOICE.split(markup)
    yield None, _TAG.sub("", before)
    for voice, text in zip(rest[::2], rest[1::2], strict=True):
        yield voice, _TAG.sub("", text)


def _named(said: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """The names taken out of the texts, if every text has one and they come back often enough."""
    matches = [_PREFIX.match(turn.text) for turn in said if turn.speaker is None]
    names = [match[1] for match in matches if match]
    if len(names) < len(said) or 2 * len(set(names)) > len(names):
        return said
    return tuple(
        msgspec.structs.replace(turn, speaker=name, text=_PREFIX.sub("", turn.text, count=1))
        for turn, name in zip(said, names, strict=True)
    )
