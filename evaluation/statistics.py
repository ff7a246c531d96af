"""Means that say how sure they are: bootstrap over meetings, since questions about one are alike.

Pure: the same numbers give the same intervals.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from evaluation.model import Key

RESAMPLES = 2000
SEED = 20260101
OUTSIDE = 2.5
"""Percent on either side of an interval."""


class Interval(msgspec.Struct, frozen=True):
    """A mean of `count` values and the bounds of its 95 % confidence interval."""

    mean: float
    low: float
    high: float
    count: int


def interval(values: Sequence[float], clusters: Sequence[str]) -> Interval:
    """The mean of the values; whole clusters are drawn again. Raises ValueError for none."""
    if not values:
        raise ValueError("a mean of nothing")
    _, index = np.unique(np.array(clusters), return_inverse=True)
    sums, counts = np.bincount(index, weights=np.array(values)), np.bincount(index)
    draws = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.percentile(means, [OUTSIDE, 100 - OUTSIDE])
    return Interval(float(np.mean(values)), float(low), float(high), len(values))


def difference(of: Mapping[Key, float], against: Mapping[Key, float]) -> Interval | None:
    """The mean of `of` less `against` where both have a value; None where none has."""
    both = sorted(of.keys() & against.keys())
    if not both:
        return None
    return interval([of[key] - against[key] for key in both], [meeting for meeting, _, _ in both])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` percent do not exceed."""
    return float(np.percentile(np.array(values), share, method="inverted_cdf"))
