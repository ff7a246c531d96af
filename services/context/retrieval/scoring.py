"""How much every line of a meeting has to do with a question: a weighted sum of fields. Pure.

A line is judged by what is said around it, at several widths, since what answers a question is a
stretch of talk in which few lines hold the question's words. Constants were tuned on the
development meetings of QMSum; each is rounded, and recall does not hang on its last digit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.context.retrieval.asking import Asked
from services.context.retrieval.index import Floats, Index
from services.context.retrieval.words import STOP, words

MOST_STEMS = 64
_HALVES = 500.0
"""Of what is carried on, nothing is left after so many."""


class Weights(msgspec.Struct, frozen=True):
    """What each field counts. Widths and the like are tokens to either side of a line."""

    near: float = 100.0
    around: float = 400.0
    far: float = 1500.0
    of_own: float = 0.3
    of_around: float = 2.0
    of_far: float = 1.0
    of_carried: float = 1.5
    pair: float = 40.0
    of_near: float = 2.0
    carry: float = 1500.0
    feedback: float = 0.7
    feedback_stems: int = 20
    passages: int = 5
    saturation: float = 2.5
    length: float = 0.2
    rarity: float = 200.0
    speaker: float = 300.0
    speaker_far: float = 1000.0
    of_speaker: float = 4.0
    of_speaker_far: float = 3.0
    dense: float = 2.0


WEIGHTS = Weights()


class _Terms(NamedTuple):
    """Stems that the meeting holds: their weights, and how often the lines before each line and
    before the end hold each."""

    weights: Floats
    before: Floats


def relevance(
    index: Index,
    asked: Asked,
    dense: NDArray[np.floating] | None = None,
    given: Weights = WEIGHTS,
) -> Floats:
    """A number a line, zero where nothing points to it. `dense` is one more field, of 0 to 1."""
    total = np.zeros(len(index))
    stems = list(dict.fromkeys(stem for found in index.stems(asked.words) for stem in found))
    if (terms := _terms(index, stems[:MOST_STEMS], given)) is not None:
        total += _lexical(index, terms, given)
    if asked.speakers:
        theirs = spoken_by(index, asked)
        total += given.of_speaker * near(index, theirs, given.speaker)
        total += given.of_speaker_far * near(index, theirs, given.speaker_far)
    if dense is not None:
        total += given.dense * np.clip(dense, 0.0, 1.0)
    return total


def spoken_by(index: Index, asked: Asked) -> NDArray[np.bool_]:
    """The lines of the speakers that were named."""
    return np.array([line.speaker in asked.speakers for line in index.lines], np.bool_)


def near(index: Index, lines: NDArray[np.bool_] | Floats, width: float) -> Floats:
    """The share of those lines in what is said around each line; of numbers, their mean there."""
    first, last = index.around(width)
    theirs = np.concatenate(([0.0], np.cumsum(index.costs * lines)))
    said = index.upto[last] - index.upto[first]
    shares: Floats = (theirs[last] - theirs[first]) / np.maximum(said, 1.0)
    return shares


def _lexical(index: Index, terms: _Terms, given: Weights) -> Floats:
    close = scaled(_bm25(index, terms, given.near, given))
    around = scaled(_bm25(index, terms, given.around, given))
    total = given.of_own * scaled(_bm25(index, terms, 0.0, given)) + given.of_around * around
    total += given.of_far * scaled(_bm25(index, terms, given.far, given))
    raised = given.of_near * close + scaled(_pairs(index, terms, given))
    total += given.of_carried * carried(index, raised, given.carry)
    if (more := _feedback(index, close + around / 2, given)) is not None:
        total += given.feedback * scaled(_bm25(index, more, given.around, given))
    return total


def _pairs(index: Index, terms: _Terms, given: Weights) -> Floats:
    """How much is said around each line with several of the stems close together."""
    held = _sums(index, terms.before, given.pair) > 0
    together = (terms.weights @ held) * (held.sum(axis=0) > 1)
    before = np.concatenate(([0.0], np.cumsum(together)))
    pairs: Floats = _sums(index, before[np.newaxis], given.near)[0]
    return pairs


def _terms(index: Index, stems: Sequence[str], given: Weights) -> _Terms | None:
    """The stems that are held at all, the rarer the heavier: Robertson and Sparck Jones' idf, over
    neighbourhoods, since a stem repeated in a stretch is one thing that was said."""
    held = [one for one in map(index.holding, stems) if len(one[0])]
    if not held:
        return None
    before = np.zeros((len(held), len(index) + 1))
    for row, (positions, times) in zip(before, held, strict=True):
        row[positions + 1] = times
    np.cumsum(before, axis=1, out=before)
    holding = np.count_nonzero(_sums(index, before, given.rarity), axis=1)
    return _Terms(_rarity(len(index), holding), before)


def _rarity(all_: int, holding: NDArray[np.integer]) -> Floats:
    weights: Floats = np.log1p((all_ - holding + 0.5) / (holding + 0.5))
    return weights


def _bm25(index: Index, terms: _Terms, width: float, given: Weights) -> Floats:
    """Robertson's BM25 of the neighbourhood of each line; those at an edge count as whole ones."""
    first, last = index.around(width)
    length = np.maximum(index.upto[last] - index.upto[first], 2 * width)
    relative = length / max(float(length.mean()), 1.0)
    expected = given.saturation * (1 - given.length + given.length * relative)
    counts = _sums(index, terms.before, width)
    scores: Floats = terms.weights @ (counts / (counts + np.maximum(expected, 1e-9)))
    return scores


def _sums(index: Index, before: Floats, width: float) -> Floats:
    """The sums over the neighbourhoods, of each row of running totals."""
    first, last = index.around(width)
    sums: Floats = before.take(last, axis=1) - before.take(first, axis=1)
    return sums


def carried(index: Index, field: Floats, half: float) -> Floats:
    """The field, carried on: a topic once raised goes on, by half as much after `half` tokens."""
    found = np.empty(len(index))
    held, since, first = 0.0, 0.0, 0
    while first < len(index):
        # Grown as it fades, what is carried on stays as it is; a stretch at a time, lest it grow
        # beyond what a number holds.
        age = (index.middle[first:] - since) / half
        age = age[: max(1, int(np.searchsorted(age, _HALVES, "right")))]
        end = first + len(age)
        if age[0] > _HALVES:
            held, age = 0.0, np.zeros(1)
        grown = np.maximum.accumulate(field[first:end] * np.exp2(age))
        found[first:end] = np.maximum(grown, held) * np.exp2(-age)
        held, since, first = float(found[end - 1]), float(index.middle[end - 1]), end
    return found


def _feedback(index: Index, scores: Floats, given: Weights) -> _Terms | None:
    """The stems that stand out in the best passages: Lavrenko and Croft's relevance model (RM3)."""
    passages = _passages(index, scores, given)
    found: dict[str, float] = {}
    counted = index.stems([text for _, text in passages])
    for (score, _), stems in zip(passages, counted, strict=True):
        for stem, times in stems.items():
            found[stem] = found.get(stem, 0.0) + score * times
    likely = sorted(found, key=lambda stem: (-found[stem], stem))[:MOST_STEMS]
    names = [stem for stem in likely if len(index.holding(stem)[0])]
    holding = np.array([len(index.holding(stem)[0]) for stem in names], np.int64)
    worth = _rarity(len(index), holding) * [found[stem] for stem in names]
    best = np.argsort(-worth, kind="stable")[: given.feedback_stems]
    terms = _terms(index, [names[at] for at in best], given)
    return None if terms is None else _Terms(worth[best], terms.before)


def _passages(index: Index, scores: Floats, given: Weights) -> list[tuple[float, str]]:
    """The best stretches that do not overlap: the score of a token of each, and its words."""
    left = scores.copy()
    first, last = index.around(given.near)
    passages: list[tuple[float, str]] = []
    while len(passages) < given.passages and left.max() > 0:
        at = int(left.argmax())
        texts = [line.text for line in index.lines[first[at] : last[at]] if not line.blank]
        said = " ".join(word for word in words(" ".join(texts)) if word not in STOP)
        tokens = float(index.upto[last[at]] - index.upto[first[at]])
        passages.append((float(left[at]) / max(tokens, 1.0), said))
        left[first[at] : last[at]] = 0.0
    return passages


def scaled(field: Floats) -> Floats:
    """Between 0 and 1."""
    highest = float(field.max(initial=0.0))
    return np.maximum(field, 0.0) / highest if highest > 0 else np.zeros(len(field))
