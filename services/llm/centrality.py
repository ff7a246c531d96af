"""Which sentences stand for the rest: SumBasic, by how common their words are in the meeting.

Pure. After each pick the picked words count for less, so that the next says something else.
"""

from collections.abc import Iterator, Sequence

import numpy as np

# A sentence shorter than this is weighed as if it were this long: three common words say little.
_FULL_LENGTH = 8


def central(sentences: Sequence[Sequence[str]]) -> Iterator[int]:
    """Positions of the sentences, each a list of stems, most central first; empty ones never."""
    lengths = np.array([len(set(stems)) for stems in sentences], dtype=np.int64)
    vocabulary: dict[str, int] = {}
    members = [
        [vocabulary.setdefault(stem, len(vocabulary)) for stem in dict.fromkeys(stems)]
        for stems in sentences
    ]
    flat = np.array([word for found in members for word in found], dtype=np.int64)
    owner = np.repeat(np.arange(len(members)), lengths)
    weight = np.bincount(flat, minlength=len(vocabulary)) / max(1, len(flat))
    left = lengths > 0
    while left.any():
        sums = np.bincount(owner, weights=weight[flat], minlength=len(members))
        means = np.where(left, sums / np.maximum(lengths, _FULL_LENGTH), -1.0)
        best = int(means.argmax())
        yield best
        left[best] = False
        weight[members[best]] **= 2
