"""What reading a file takes and gives, and how large it may be."""

from datetime import datetime
from typing import Literal

import msgspec

from contracts.events import Event
from contracts.recording import RecordedSession

MAX_BYTES = 64 << 20
MAX_SEGMENTS = 200_000
MAX_TEXT = 20_000
MAX_NAME = 200
MAX_SECONDS = 7 * 24 * 60 * 60.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The session the file is read for; `uploaded_at` is UTC.

    An `import` ended when it was uploaded, unless the file knows its own times; a `replay` starts
    then.
    """

    session_id: str
    mode: Literal["replay", "import"]
    uploaded_at: datetime


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A file as the facts of the target's session, in the order they are to be stored.

    The facts of the session's own lifecycle are not among them. `derived` says whether what models
    made of the meeting is.
    """

    session: RecordedSession
    events: tuple[Event, ...]
    derived: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One thing somebody said in a foreign file; `where` names its place in it for people.

    `start` and `end` in seconds; `number` is the turn's own and differs from every other turn's.
    """

    number: int
    speaker: str | None
    text: str
    start: float
    end: float
    where: str


class UnreadableRecordingError(ValueError):
    """The file cannot be read; the message names the place and the cause and quotes no speech."""


class OversizedRecordingError(UnreadableRecordingError):
    """The file may be fine, but it is over a limit."""


def check(where: str, speaker: str | None, text: str, start: float, end: float) -> None:
    """Raise UnreadableRecordingError unless this can be a segment of a meeting."""
    if not 0 <= start <= MAX_SECONDS:
        raise UnreadableRecordingError(f"{where}: start is {start}, not 0 to {MAX_SECONDS} seconds")
    if not 0 <= end <= MAX_SECONDS:
        raise UnreadableRecordingError(f"{where}: end is {end}, not 0 to {MAX_SECONDS} seconds")
    if end < start:
        raise UnreadableRecordingError(f"{where}: end is {end}, before start at {start}")
    if len(text) > MAX_TEXT:
        raise UnreadableRecordingError(f"{where}: text is over {MAX_TEXT} characters")
    if speaker is not None and len(speaker) > MAX_NAME:
        raise UnreadableRecordingError(f"{where}: speaker is over {MAX_NAME} characters")


def check_count(segments: int) -> None:
    """Raise UnreadableRecordingError when nobody spoke, or too often to be one meeting."""
    if segments == 0:
        raise UnreadableRecordingError("nobody says a word in this file")
    if segments > MAX_SEGMENTS:
        raise OversizedRecordingError(f"{segments} segments, {MAX_SEGMENTS} are allowed")
