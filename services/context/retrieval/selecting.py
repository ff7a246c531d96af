"""Which lines a question gets within a budget, verbatim. Pure.

There is no fixed share for the newest lines: being recent counts towards a line as relevance does,
and what is left of the budget goes to the newest.
"""

import math

import numpy as np
from numpy.typing import NDArray

from services.context.retrieval.asking import Asked
from services.context.retrieval.index import Floats, Index
from services.context.retrieval.scoring import near, relevance, spoken_by
from services.context.retrieval.times import Span

_SECONDS_AGO = (0.0, 350.0, 550.0, 1150.0, 1500.0)
_RECENT = (0.9, 0.75, 0.6, 0.6, 0.0)
"""While a meeting runs, what is asked about was mostly said in the last twenty minutes; being so
recent is worth this part of the highest score. Tuned as the weights of `scoring` are."""

_OPENING = (0.0, 0.05)
_COURTESY = (-0.2, 0.0)
"""A meeting opens with courtesies: half as much is asked about there as elsewhere."""

_IN_SPAN = 1000.0
_BY_NAMED = 100.0
_NEIGHBOURS = 30.0


def select(
    index: Index,
    asked: Asked,
    budget: float,
    *,
    ended: bool,
    dense: NDArray[np.floating] | None = None,
) -> tuple[int, ...]:
    """The numbers of the chosen lines, in the order of the meeting; they cost `budget` at most.

    `ended` says that the meeting is over, and its end no more likely to be asked about than the
    rest. `dense` holds a relevance a line from elsewhere, as of embeddings.
    """
    if not len(index):
        return ()
    scores = relevance(index, asked, dense)
    if not ended:
        scores += _recent(index, scores)
    if asked.span is not None:
        scores = _within(index, asked, asked.span, scores, budget)
    elif ended:
        scores += _courtesies(index, scores)
    return tuple(index.lines[at].number for at in _affordable(index, scores, budget))


def _recent(index: Index, scores: Floats) -> Floats:
    worth = np.interp(index.length - index.end, _SECONDS_AGO, _RECENT)
    recent: Floats = worth * (float(scores.max()) or 1.0)
    return recent


def _courtesies(index: Index, scores: Floats) -> Floats:
    worth = np.interp(index.middle / (index.upto[-1] or 1.0), _OPENING, _COURTESY)
    likely: Floats = worth * (float(scores.max()) or 1.0)
    return likely


def _within(index: Index, asked: Asked, span: Span, scores: Floats, budget: float) -> Floats:
    """The part that was named before all else, which is out unless there is room for it too; in
    the part, those who were named first, and who spoke next to them."""
    since, until = span.since.at(index.length), span.until.at(index.length)
    inside = (index.end > since) & (index.start < until)
    theirs = spoken_by(index, asked) & inside
    beside = near(index, theirs, _NEIGHBOURS) > 0
    worth: Floats = scores + _IN_SPAN * inside + _BY_NAMED * theirs + _BY_NAMED * (beside & inside)
    if float(index.costs[inside].sum()) <= budget:
        return worth
    worth[~inside] = -np.inf
    return worth


def _affordable(index: Index, scores: Floats, budget: float) -> list[int]:
    """The positions of the best lines that fit, ascending; of equal ones the newest first."""
    costs = index.costs
    order = np.lexsort((-np.arange(len(scores)), -scores))
    order = order[(costs[order] > 0) & (scores[order] > -np.inf)]
    totals = np.cumsum(costs[order])
    whole = int(np.searchsorted(totals, budget, "right"))
    chosen = order[:whole].tolist()
    left = budget - float(totals[whole - 1]) if whole else budget
    least = float(costs[order].min(initial=math.inf))
    for at in order[whole:].tolist():
        if left < least:
            break
        if costs[at] <= left:
            chosen.append(at)
            left -= float(costs[at])
    return sorted(chosen)
