"""Room, question, budget to context: what a model gets to see, and what of it is left out. Pure.

Summaries come first, because they change least from one question to the next; then, in the order
of the meeting, what is quoted. A line is quoted whole or not at all, and what is not quoted is
reported as summarised or not covered.
"""

import math
from collections.abc import Sequence

import numpy as np

from contracts.commands import Context, Part
from services.context import covering, lines, overview, tokens
from services.context.overview import Shown
from services.context.retrieval import meaning
from services.context.retrieval.asking import understand
from services.context.retrieval.index import Index
from services.context.retrieval.meaning import Alike
from services.context.retrieval.selecting import select
from services.context.state import Room
from services.context.tokens import UNITS, Measure

SMALLEST_BUDGET = 200

WHOLE_SHARE = 0.5
"""The most that summaries get of the budget of a question about the whole meeting."""
SHARE = 1 / 16
"""The most that full summaries get of any other."""


class UnfitBudgetError(ValueError):
    """The budget is too small to hold anything of use."""


def topic(question: str, budget: int, index: Index) -> str:
    """The words that a line may be alike to in meaning; empty where no line has to be chosen."""
    if index.upto[-1] <= budget:
        return ""
    return " ".join(understand(question, index.speakers).words)


def assemble(
    room: Room,
    question: str,
    budget: int,
    index: Index,
    measure: Measure = tokens.units,
    *,
    alike: Alike | None = None,
) -> Context:
    """What fits into `budget` tokens for a question; an empty one asks about the whole meeting.

    `index` holds the room's lines, numbered as its segments and priced in tokens by `measure`;
    `alike` says what of it is alike to the question's topic in meaning. Without a tokeniser, the
    plainest way to count tokens has to find no more of them either. Raises UnfitBudgetError below
    SMALLEST_BUDGET.
    """
    if budget < SMALLEST_BUDGET:
        raise UnfitBudgetError(f"budget_tokens: {budget} is below {SMALLEST_BUDGET}")
    allowed = budget
    while True:
        shown, quoted = _chosen(allowed, room, question, index, measure=measure, alike=alike)
        runs = 0 if measure is not tokens.units else _runs(index, shown, quoted)
        if runs <= budget:
            return _context(room, index, shown, quoted)
        allowed = allowed * budget // runs


def _runs(index: Index, shown: Sequence[Shown], quoted: Sequence[int]) -> int:
    return sum(tokens.runs(one.text) for one in shown) + int(index.runs[list(quoted)].sum())


def _chosen(
    budget: int,
    room: Room,
    question: str,
    index: Index,
    *,
    measure: Measure,
    alike: Alike | None,
) -> tuple[Sequence[Shown], Sequence[int]]:
    """The summaries and the lines that fit into so many tokens."""
    if index.upto[-1] <= budget:
        return (), _newest(index, budget)
    asked = understand(question, index.speakers)
    if asked.whole or not question.strip():
        shown = overview.finest(room, int(budget * UNITS * WHOLE_SHARE), measure)
        return shown, _newest(index, budget - _tokens(shown))
    shown = overview.gists(room, int(budget * UNITS * SHARE), measure)
    seqs = [segment.seq for segment in room.segments()] if alike else []
    dense = meaning.field(index, seqs, alike) if alike else None
    return shown, select(index, asked, budget - _tokens(shown), ended=room.over, dense=dense)


def _tokens(shown: Sequence[Shown]) -> float:
    return overview.spent(shown) / UNITS


def _newest(index: Index, budget: float) -> tuple[int, ...]:
    """The newest lines that fit, without a gap but for those that are larger than the budget."""
    fitting = np.where(index.costs <= budget, index.costs, 0.0)
    newest = np.cumsum(fitting[::-1])[::-1] <= budget
    return tuple(np.flatnonzero(newest & (fitting > 0)).tolist())


def _context(room: Room, index: Index, shown: Sequence[Shown], quoted: Sequence[int]) -> Context:
    gone = np.flatnonzero(index.costs == 0).tolist()
    cost = _tokens(shown) + float(index.costs[list(quoted)].sum())
    return Context(
        as_of_seq=room.seq,
        tokens=math.ceil(cost),
        parts=(*(overview.part(room, one) for one in shown), *_quotes(room, index, quoted)),
        coverage=covering.coverage(room, [one.summary for one in shown], quoted, gone),
    )


def _quotes(room: Room, index: Index, quoted: Sequence[int]) -> list[Part]:
    """A part for each stretch of lines; the one that reaches the newest line is the tail."""
    there = np.flatnonzero(index.costs)
    places = np.searchsorted(there, np.asarray(quoted, np.intp))
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    runs = [run.tolist() for run in np.split(np.asarray(quoted, np.intp), breaks) if len(run)]
    return [_quote(room, index, run, is_tail=run[-1] == there[-1]) for run in runs]


def _quote(room: Room, index: Index, run: Sequence[int], *, is_tail: bool) -> Part:
    spoken = [room.segment(number) for number in run]
    labels = [index.lines[number].speaker for number in run]
    said = zip(labels, spoken, strict=True)
    return Part(
        kind="tail" if is_tail else "excerpt",
        text="".join(lines.line(label, segment.text) for label, segment in said),
        from_seq=spoken[0].seq,
        to_seq=spoken[-1].seq,
        segments=tuple(room.ref(segment) for segment in spoken),
    )
