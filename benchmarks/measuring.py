"""Timings and how they are told: a figure of ours beside its baseline. Judges nothing."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of ours and its baseline, in the same unit, in the same run."""

    name: str
    unit: str
    ours: float
    baseline: float
    baseline_is: str
    runs: int

    @property
    def ratio(self) -> float:
        """Ours over the baseline."""
        return self.ours / self.baseline


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latency(
    name: str, baseline_is: str, ours: Sequence[float], raw: Sequence[float], share: float = 0.5
) -> Figure:
    """A percentile of seconds, the median by default, told in milliseconds."""
    return Figure(
        name=name,
        unit=f"ms p{share * 100:.0f}",
        ours=percentile(ours, share) * 1e3,
        baseline=percentile(raw, share) * 1e3,
        baseline_is=baseline_is,
        runs=len(ours),
    )


def rate(name: str, baseline_is: str, count: int, ours: float, raw: float) -> Figure:
    """`count` events in seconds, told as events a second."""
    return Figure(
        name=name,
        unit="events/s",
        ours=count / ours,
        baseline=count / raw,
        baseline_is=baseline_is,
        runs=1,
    )


def show(figures: Sequence[Figure]) -> None:
    """A table for people."""
    table = Table("figure", "ours", "baseline", "ratio", "unit", "runs", "the baseline is")
    for one in figures:
        table.add_row(
            one.name,
            f"{one.ours:,.2f}",
            f"{one.baseline:,.2f}",
            f"{one.ratio:.2f}",
            one.unit,
            str(one.runs),
            one.baseline_is,
        )
    Console().print(table)
