"""A session's log as a file: a header line, then one event a line as stored, with its seq."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from contracts import codec
from contracts.events import Event, Numbered, Source


class RecordedSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the header says of the session a recording was taken from."""

    session_id: str
    source: Source | None = None
    room_url: str | None = None
    requested_at: datetime | None = None
    last_seq: int = 0
    metadata: dict[str, str] = {}


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line; `earshot` is the version of the format."""

    earshot: Literal[1]
    session: RecordedSession


class MalformedRecordingError(ValueError):
    """A line does not fit the format; the message names the line and the field."""


class _Line(msgspec.Struct):
    seq: int


_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(_Line)


def render_header(session: RecordedSession) -> bytes:
    """The first line, newline included."""
    return msgspec.json.encode(Header(earshot=1, session=session)) + b"\n"


def render_line(seq: int, event: Event) -> bytes:
    """One event's line, newline included."""
    return b'{"seq":%d,%s\n' % (seq, codec.encode(event)[1:])


def is_recording(first_line: bytes) -> bool:
    """Whether the file claims to be one of ours; it may still be malformed."""
    try:
        return "earshot" in msgspec.json.decode(first_line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return False


def parse(lines: Iterable[bytes]) -> tuple[RecordedSession, tuple[Numbered, ...]]:
    """The session and its events; events of newer types are left out, as every fold skips them.

    Raises MalformedRecordingError at the first line that does not fit.
    """
    numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
    try:
        _, first = next(numbered)
        session = _header.decode(first).session
    except StopIteration:
        raise MalformedRecordingError("the file is empty") from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedRecordingError(f"line 1: {error}") from error
    return session, tuple(_events(numbered))


def _events(lines: Iterator[tuple[int, bytes]]) -> Iterator[Numbered]:
    for number, line in lines:
        try:
            seq, event = _line.decode(line).seq, codec.events.decode(line)
        except (ValueError, RecursionError) as error:
            raise MalformedRecordingError(f"line {number}: {error}") from error
        if event is not None:
            yield seq, event
