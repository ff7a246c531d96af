"""What is evaluated and what is measured, as data. Pure."""

from typing import TypeAlias

import msgspec

from contracts.commands import UNKNOWN_SPEAKER
from contracts.events import Coverage

Key: TypeAlias = tuple[str, int, str]
"""Meeting, number of the question in it, row: what two runs are compared by."""


class BadInputError(Exception):
    """The data, a variant or a baseline cannot be used; a sentence for a person."""


class Turn(msgspec.Struct, frozen=True):
    """One thing somebody said; `start` and `end` in seconds from the meeting's start."""

    speaker: str | None
    text: str
    start: float
    end: float

    @property
    def line(self) -> str:
        """How it has to read in a context, without the line's end."""
        speaker = " ".join((self.speaker or "").split()) or UNKNOWN_SPEAKER
        return f"{speaker}: {' '.join(self.text.split())}"


class Question(msgspec.Struct, frozen=True):
    """A question and its evidence: ranges of turns, from 0, both ends inclusive."""

    text: str
    evidence: tuple[tuple[int, int], ...]

    @property
    def gold(self) -> frozenset[int]:
        """The numbers of the turns that are evidence."""
        return frozenset(turn for first, last in self.evidence for turn in range(first, last + 1))


class Meeting(msgspec.Struct, frozen=True):
    """A meeting and what is asked about it; every question has evidence in it."""

    meeting_id: str
    domain: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


class Plan(msgspec.Struct, frozen=True):
    """Token budgets to ask with after the meeting; and those to ask with while it runs, each of
    `lags` seconds after a question's evidence ended."""

    budgets: tuple[int, ...]
    lags: tuple[int, ...]
    live_budgets: tuple[int, ...]


class Dataset(msgspec.Struct, frozen=True):
    """Meetings, and how to ask about them unless told otherwise."""

    name: str
    meetings: tuple[Meeting, ...]
    plan: Plan


class Case(msgspec.Struct, frozen=True):
    """A question asked when the first `upto` turns of its meeting were heard.

    `lag` is None after the meeting.
    """

    meeting: Meeting
    number: int
    budget: int
    lag: int | None
    upto: int

    @property
    def question(self) -> Question:
        """What is asked."""
        return self.meeting.questions[self.number]

    @property
    def row(self) -> str:
        """The name of all cases that are asked alike."""
        return row_name(self.lag, self.budget)

    @property
    def key(self) -> Key:
        """The same in every run over the same data."""
        return self.meeting.meeting_id, self.number, self.row


class Quoted(msgspec.Struct, frozen=True):
    """A piece of a context as it came back; a summary claims no segment."""

    kind: str
    text: str
    segment_ids: tuple[str, ...]


class Reply(msgspec.Struct, frozen=True):
    """A context as it came back; the two times in milliseconds, the second as the server says."""

    tokens: int
    parts: tuple[Quoted, ...]
    coverage: Coverage
    took: float
    assembly: float | None = None


class Score(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one case got. `mass` and `turns` are shares of the evidence, by tokens and by count.

    Tokens of the context as counted and as reported; times in milliseconds.
    """

    meeting: str
    question: int
    row: str
    domain: str
    mass: float
    turns: float
    counted: int = 0
    reported: int = 0
    took: float = 0.0
    assembly: float | None = None

    @property
    def key(self) -> Key:
        """The same in every run over the same data."""
        return self.meeting, self.question, self.row


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All cases on one system or by one method; `faults` say what no context may do."""

    name: str
    settings: dict[str, str] = {}
    scores: tuple[Score, ...] = ()
    faults: tuple[str, ...] = ()


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What `results.json` holds of a suite; `data` is a digest of what was asked and how.

    `anchors` are the mean masses of other methods, by their name and row.
    """

    name: str
    data: str
    counter: str
    meetings: int
    questions: int
    plan: Plan
    anchors: dict[str, dict[str, float]]
    runs: tuple[Run, ...]


def row_name(lag: int | None, budget: int) -> str:
    """As it is shown and compared by."""
    return (
        f"{'after the meeting' if lag is None else f'{lag} s after it was said'}, {budget} tokens"
    )


def rows(plan: Plan) -> tuple[str, ...]:
    """Every row of a plan, in the order it is shown."""
    after = [row_name(None, budget) for budget in plan.budgets]
    return (*after, *(row_name(lag, budget) for budget in plan.live_budgets for lag in plan.lags))
