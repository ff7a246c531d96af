"""Evaluation data from disk: a directory of recordings and questions, or the bundled meetings.

A directory holds `recordings/<meeting_id>.jsonl.gz` (or `.jsonl`): a line `{"meeting_id",
"domain"}`, then `{"turn", "speaker", "text", "start", "end"}` a line; and `queries.jsonl`:
`{"meeting_id", "query", "kind", "evidence": [[first, last], ...]}` a line, of which those with the
kind "specific" are asked.
"""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from evaluation.model import BadInputError, Dataset, Meeting, Plan, Question, Turn

LARGE = Plan(budgets=(2000, 4000, 8000), lags=(0, 300, 900), live_budgets=(2000, 4000))
SMALL = Plan(budgets=(300, 600, 1200), lags=(0, 60, 180), live_budgets=(300, 600))
"""For meetings of seven minutes."""

BUNDLED = Path(__file__).parent / "meetings"
WORDS_PER_SECOND = 2.6
PAUSE = 0.4
"""The bundled meetings were never spoken: their times are made as if they had been, with so many
seconds of silence after each turn."""

T = TypeVar("T")


class _Header(msgspec.Struct):
    meeting_id: str
    domain: str = "meetings"


class _Asked(msgspec.Struct):
    meeting_id: str
    query: str
    kind: str = "specific"
    evidence: tuple[tuple[int, int], ...] = ()


class _Written(msgspec.Struct):
    meeting_id: str
    domain: str
    turns: list[tuple[str, str]]
    questions: tuple[Question, ...]


def bundled() -> Dataset:
    """The meetings that come with Earshot, written for it."""
    files = sorted(BUNDLED.glob("*.json"))
    written = [_decoded(file.read_bytes(), _Written, str(file)) for file in files]
    return Dataset("bundled", tuple(_checked(_timed(one)) for one in written), SMALL)


def directory(path: Path, listed: Path | None = None) -> Dataset:
    """The meetings of a directory, of `listed` those it names; raises BadInputError."""
    asked = _questions(path / "queries.jsonl")
    wanted = _names(listed) if listed else sorted(asked)
    if missing := [name for name in wanted if name not in asked]:
        raise BadInputError(f"{listed}: {path} has no specific question about {missing[0]}")
    if not wanted:
        raise BadInputError(f"{listed or path}: names no meeting")
    meetings = tuple(_meeting(path / "recordings", name, asked[name]) for name in wanted)
    return Dataset(f"{path.name}{f', {listed.stem}' if listed else ''}", meetings, LARGE)


def _questions(file: Path) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for number, line in _lines(file):
        asked = _decoded(line, _Asked, f"{file}: line {number}")
        if asked.kind == "specific":
            question = Question(asked.query, asked.evidence)
            found.setdefault(asked.meeting_id, []).append(question)
    return found


def _names(file: Path) -> list[str]:
    return list(dict.fromkeys(line.decode().strip() for _, line in _lines(file)))


def _meeting(recordings: Path, name: str, questions: Sequence[Question]) -> Meeting:
    if "/" in name or name.startswith("."):
        raise BadInputError(f"{name!r} is no name of a meeting")
    packed = recordings / f"{name}.jsonl.gz"
    file = packed if packed.exists() else recordings / f"{name}.jsonl"
    rows = _lines(file)
    if not rows:
        raise BadInputError(f"{file}: is empty")
    header = _decoded(rows[0][1], _Header, f"{file}: line {rows[0][0]}")
    turns = tuple(_decoded(row, Turn, f"{file}: line {number}") for number, row in rows[1:])
    return _checked(Meeting(name, header.domain, turns, tuple(questions)))


def _timed(written: _Written) -> Meeting:
    turns, now = [], 0.0
    for speaker, text in written.turns:
        end = now + len(text.split()) / WORDS_PER_SECOND
        turns.append(Turn(speaker, text, round(now, 2), round(end, 2)))
        now = end + PAUSE
    return Meeting(written.meeting_id, written.domain, tuple(turns), written.questions)


def _checked(meeting: Meeting) -> Meeting:
    for question in meeting.questions:
        for first, last in question.evidence:
            if not 0 <= first <= last < len(meeting.turns):
                raise BadInputError(
                    f"{meeting.meeting_id}: there is no evidence from turn {first} to {last}, "
                    f"the meeting has {len(meeting.turns)}"
                )
        if not question.evidence:
            raise BadInputError(f"{meeting.meeting_id}: a specific question has no evidence")
    return meeting


def _lines(file: Path) -> list[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers."""
    try:
        data = file.read_bytes()
        plain = gzip.decompress(data) if file.suffix == ".gz" else data
    except FileNotFoundError:
        raise BadInputError(f"{file}: is not there") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"{file}: cannot be read: {error}") from None
    return [(n, line) for n, line in enumerate(plain.splitlines(), 1) if line.strip()]


def _decoded(data: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInputError(f"{where}: {error}") from None
