"""How alike in meaning to a question what was said around each line is. Pure.

A field for `scoring`. Windows of lines have vectors, lines have not. Its constants were tuned as
those there are.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from services.context.retrieval.index import Floats, Index
from services.context.retrieval.scoring import carried, near, scaled

WIDTHS = (100.0, 400.0, 1000.0)
"""Tokens to either side of a line."""
CARRY = 1500.0


class Alike(msgspec.Struct, frozen=True):
    """Windows that lie side by side, in order: the sequences of the first and last lines of each,
    and its cosine to the question. `trust`, 0 to 1, is what they count beside words."""

    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    cosines: tuple[float, ...] = ()
    trust: float = 1.0


def field(index: Index, seqs: Sequence[int], alike: Alike) -> Floats | None:
    """A number from 0 to `trust` for each line of the index, whose sequences are `seqs`.

    None where no line is in a window. Lines in none get what is around them.
    """
    at, first = np.array(seqs, np.int64), np.array(alike.first, np.int64)
    window = np.searchsorted(np.array(alike.last, np.int64), at, "left")
    inside = window < len(first)
    inside[inside] = first[window[inside]] <= at[inside]
    if not inside.any():
        return None
    cosines = np.zeros(len(index))
    known = np.clip(np.nan_to_num(np.array(alike.cosines)), -1.0, 1.0)
    cosines[inside] = known[window[inside]]
    cosines[inside] -= cosines[inside].mean()  # what all of the meeting is like says nothing
    total = np.zeros(len(index))
    for width in WIDTHS:
        around = near(index, cosines, width)
        total += scaled(around - around.mean())
    total += len(WIDTHS) * scaled(carried(index, total, CARRY))
    return alike.trust * scaled(total)
