"""Turn files: a line about the meeting, then one line a turn. Takes the turns as they are."""

from collections.abc import Iterator

import msgspec

from services.gateway.importing import turns
from services.gateway.importing.model import Recording, Target, Turn, UnreadableRecordingError


class _Header(msgspec.Struct):
    meeting_id: str
    domain: str | None = None


class _Line(msgspec.Struct):
    turn: int
    speaker: str | None
    text: str
    start: float
    end: float


_line = msgspec.json.Decoder(_Line)


def is_header(first_line: bytes) -> bool:
    """Whether the file claims to be a turn file; it may still be malformed."""
    try:
        keys = msgspec.json.decode(first_line, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return False
    return "meeting_id" in keys and "meeting_transcripts" not in keys


def read(plain: bytes, target: Target) -> Recording:
    """Exactly the file's turns, in the file's order.

    Raises UnreadableRecordingError at the first line that does not fit.
    """
    rows = [(number, row) for number, row in enumerate(plain.splitlines(), 1) if row.strip()]
    where, first = rows[0]
    try:
        header = msgspec.json.decode(first, type=_Header)
    except msgspec.MsgspecError as error:
        raise UnreadableRecordingError(f"line {where}: {error}") from error
    about = {"title": header.meeting_id}
    if header.domain is not None:
        about["domain"] = header.domain
    return turns.recording(tuple(_turns(rows[1:])), target, about)


def _turns(rows: list[tuple[int, bytes]]) -> Iterator[Turn]:
    last: int | None = None
    for where, row in rows:
        try:
            line = _line.decode(row)
        except msgspec.MsgspecError as error:
            raise UnreadableRecordingError(f"line {where}: {error}") from error
        if last is not None and line.turn <= last:
            raise UnreadableRecordingError(f"line {where}: turn {line.turn} follows turn {last}")
        last = line.turn
        yield Turn(
            number=line.turn,
            speaker=line.speaker,
            text=line.text,
            start=line.start,
            end=line.end,
            where=f"line {where}",
        )
