"""Which format a file has, and the file to a recording. Guesses by content, never by name."""

import re
from collections.abc import Callable
from typing import TypeAlias

from contracts import recording
from services.gateway.importing import captions, own, qmsum, turnfile
from services.gateway.importing.model import (
    MAX_BYTES,
    Recording,
    Target,
    UnreadableRecordingError,
)
from services.gateway.importing.unpacking import unpack

Reader: TypeAlias = Callable[[bytes, Target], Recording]

ACCEPTED = (
    "an Earshot recording (JSON Lines), a QMSum meeting (JSON), a turn file (JSON Lines), "
    "WebVTT or SubRip (SRT), each also packed with gzip"
)

_FIRST_LINE = re.compile(rb"\s*([^\r\n]*)")


def read(data: bytes, target: Target, *, limit: int = MAX_BYTES) -> Recording:
    """The file as facts of the target's session; `limit` in bytes, unpacked.

    Raises UnreadableRecordingError.
    """
    plain = unpack(data, limit)
    try:
        return _reader(plain)(plain, target)
    except RecursionError:
        raise UnreadableRecordingError("the JSON is nested too deeply") from None


def write(recorded: Recording) -> bytes:
    """The recording as a file in Earshot's own format, numbered from 1."""
    lines = (recording.render_line(seq, event) for seq, event in enumerate(recorded.events, 1))
    return b"".join((recording.render_header(recorded.session), *lines))


def _reader(plain: bytes) -> Reader:
    match = _FIRST_LINE.match(plain)
    first = match[1].strip() if match else b""
    if recording.is_recording(first):
        return own.read
    if turnfile.is_header(first):
        return turnfile.read
    if qmsum.KEY in plain:
        return qmsum.read
    if first.startswith(b"WEBVTT"):
        return captions.read_vtt
    if first.isdigit() or b"-->" in first:
        return captions.read_srt
    raise UnreadableRecordingError(f"not a format we know; accepted: {ACCEPTED}")
