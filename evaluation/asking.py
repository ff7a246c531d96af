"""Which cases a plan makes of meetings. Pure."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from evaluation.model import Case, Dataset, Meeting, Plan, rows

_NO_TIME = 1e-6
"""Seconds that are rounding."""


def cases(meetings: Iterable[Meeting], plan: Plan) -> tuple[Case, ...]:
    """Every question after the meeting, and while it runs where it does not end before that."""
    return tuple(
        case
        for meeting in meetings
        for number in range(len(meeting.questions))
        for case in _of_question(meeting, number, plan)
    )


def digest(dataset: Dataset, counter: str) -> str:
    """Equal for runs that can be compared: the same meetings asked the same, counted the same."""
    asked = msgspec.json.encode([dataset.meetings, rows(dataset.plan), counter])
    return hashlib.sha256(asked).hexdigest()[:16]


def _of_question(meeting: Meeting, number: int, plan: Plan) -> Iterator[Case]:
    for budget in plan.budgets:
        yield Case(meeting, number, budget, None, len(meeting.turns))
    last = max(meeting.questions[number].gold)
    ended = max(turn.end for turn in meeting.turns[: last + 1])  # others may speak at once
    for budget in plan.live_budgets:
        for lag in plan.lags:
            if (upto := _heard(meeting, ended + lag)) is not None:
                yield Case(meeting, number, budget, lag, upto)


def _heard(meeting: Meeting, at: float) -> int | None:
    """How many turns have ended by then; None when the meeting is over already."""
    over, ends = 0.0, []
    for turn in meeting.turns:
        over = max(over, turn.end)
        ends.append(over)
    if at > over + _NO_TIME:
        return None
    return bisect_right(ends, at + _NO_TIME)
