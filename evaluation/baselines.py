"""The methods that a context is held against, each choosing whole turns within a budget. Pure.

- tail: the newest turns that fit.
- BM25 windows: windows of 8 turns, a new one every 4, ranked by BM25 over the stems of "speaker:
  text" without stop words; each is taken with 4 neighbours at either side, in the order of the
  meeting, until a turn does not fit. What is left goes to the newest turns that fit.
- oracle: the evidence itself, as much of it as fits.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec
import numpy as np
from numpy.typing import NDArray

from evaluation import scoring
from evaluation.counting import Counter
from evaluation.model import Case, Meeting, Run, Score
from evaluation.stems import stems

TAIL, WINDOWS, ORACLE = "tail only", "BM25 windows", "oracle"

WINDOW, STEP, NEIGHBOURS = 8, 4, 4
K1, B = 1.2, 0.75

_STOP = """
    a about an and are as at be been by can could did do does during for from had has have he her
    his how i if in into is it its not of on or she should so than that the their them then there
    they this to up was we were what when which while who whom why with would you
"""


class Prepared(msgspec.Struct, frozen=True):
    """A meeting's turns as the methods need them: tokens and stems of each, and how often each
    turn holds each stem that is asked for; `asked` are the stems of the questions."""

    costs: tuple[int, ...]
    lengths: NDArray[np.int64]
    often: dict[str, NDArray[np.int64]]
    asked: tuple[tuple[str, ...], ...]


def prepare(meeting: Meeting, counter: Counter) -> Prepared:
    """Count and stem once a meeting."""
    said = stems([turn.line for turn in meeting.turns])
    stop = {stem for found in stems(_STOP.split()) for stem in found}
    found = stems([question.text for question in meeting.questions])
    asked = tuple(tuple(dict.fromkeys(one for one in q if one not in stop)) for q in found)
    return Prepared(
        costs=scoring.costs(meeting, counter),
        lengths=np.array([len(stems_of_turn) for stems_of_turn in said]),
        often={
            stem: np.array([stems_of_turn.count(stem) for stems_of_turn in said])
            for stem in {stem for q in asked for stem in q}
        },
        asked=asked,
    )


def tail(meeting: Prepared, upto: int, budget: int) -> frozenset[int]:
    """The newest turns, but for those that do not fit."""
    return frozenset(_filled(meeting, upto, budget, set()))


def windows(meeting: Prepared, asked: Sequence[str], upto: int, budget: int) -> frozenset[int]:
    """The best windows and their neighbours, and the newest turns."""
    taken: set[int] = set()
    left = budget
    for turn in _in_ranked_windows(meeting, asked, upto):
        if turn in taken:
            continue
        if meeting.costs[turn] > left:
            break
        taken.add(turn)
        left -= meeting.costs[turn]
    return frozenset(_filled(meeting, upto, left, taken))


def best_mass(costs: Iterable[int], budget: int) -> int:
    """The most tokens that any of the costs add up to within the budget."""
    sums = 1  # bit n is set when some of them cost n together
    for one in costs:
        sums |= sums << one
    return (sums & ((1 << (budget + 1)) - 1)).bit_length() - 1


def runs(cases: Sequence[Case], counter: Counter) -> tuple[Run, ...]:
    """The methods on every case, as if they were systems."""
    known: dict[str, Prepared] = {}
    scores: dict[str, list[Score]] = {TAIL: [], WINDOWS: [], ORACLE: []}
    for case in cases:
        if (meeting := known.get(case.meeting.meeting_id)) is None:
            meeting = known[case.meeting.meeting_id] = prepare(case.meeting, counter)
        gold, asked = case.question.gold, meeting.asked[case.number]
        chosen = {
            TAIL: tail(meeting, case.upto, case.budget),
            WINDOWS: windows(meeting, asked, case.upto, case.budget),
        }
        for name, turns in chosen.items():
            scores[name].append(_score(case, *scoring.recall(gold, turns, meeting.costs)))
        scores[ORACLE].append(_score(case, *_oracle(case, meeting)))
    return tuple(Run(name=name, scores=tuple(found)) for name, found in scores.items())


def _score(case: Case, mass: float, turns: float) -> Score:
    meeting_id, number, row = case.key
    domain = case.meeting.domain
    return Score(
        meeting=meeting_id, question=number, row=row, domain=domain, mass=mass, turns=turns
    )


def _oracle(case: Case, meeting: Prepared) -> tuple[float, float]:
    """The most that is possible by tokens, and the most by count: not always the same turns."""
    costs = sorted(meeting.costs[turn] for turn in case.question.gold)
    fitting = int(np.searchsorted(np.cumsum(costs), case.budget, "right"))
    return best_mass(costs, case.budget) / sum(costs), fitting / len(costs)


def _filled(meeting: Prepared, upto: int, left: int, taken: AbstractSet[int]) -> set[int]:
    full = set(taken)
    for turn in reversed(range(upto)):
        if turn not in full and meeting.costs[turn] <= left:
            full.add(turn)
            left -= meeting.costs[turn]
    return full


def _in_ranked_windows(meeting: Prepared, asked: Sequence[str], upto: int) -> Iterator[int]:
    starts = np.arange(0, max(1, upto - WINDOW + STEP), STEP)
    scores = _bm25(meeting, asked, upto, starts)
    for place in np.argsort(-scores, kind="stable"):
        if scores[place] <= 0:
            return
        start = int(starts[place])
        yield from range(max(0, start - NEIGHBOURS), min(upto, start + WINDOW + NEIGHBOURS))


def _bm25(
    meeting: Prepared, asked: Sequence[str], upto: int, starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    ends = np.minimum(upto, starts + WINDOW)
    lengths = _sums(meeting.lengths, starts, ends)
    norm = K1 * (1 - B + B * lengths / max(1.0, lengths.mean()))
    scores = np.zeros(len(starts))
    for stem in asked:
        often = _sums(meeting.often[stem], starts, ends)
        holding = (often > 0).sum()
        idf = np.log(1 + (len(starts) - holding + 0.5) / (holding + 0.5))
        scores += idf * often * (K1 + 1) / (often + norm)
    return scores


def _sums(
    values: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    running = np.concatenate([[0.0], np.cumsum(values)])
    sums: NDArray[np.float64] = running[ends] - running[starts]
    return sums
