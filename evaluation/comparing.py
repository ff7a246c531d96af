"""A run beside an earlier one over the same questions: what is better, and what is worse. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from evaluation import showing, statistics
from evaluation.model import BadInputError, Key, Plan, Results, Run, Score, rows
from evaluation.sections import Section
from evaluation.statistics import Interval

METRICS: Mapping[str, Callable[[Score], float]] = {
    "mass": lambda one: one.mass,
    "turns": lambda one: one.turns,
    "all": lambda one: float(one.mass >= showing.FULL),
}
Changes: TypeAlias = dict[tuple[str, str], Interval | None]
"""By row and metric."""

GATED = frozenset({"mass", "turns"})
"""A fall of these beyond the tolerance is a regression; the others are only shown."""


def compare(
    now: Results, before: Results | None, tolerance: float
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """A section for each run that was there before, and a sentence for each regression.

    Raises BadInputError when no run was there before.
    """
    if before is None:
        return (), ()
    pairs = list(_pairs(now, before))
    if not pairs:
        names = ", ".join(run.name for run in before.runs)
        raise BadInputError(f"The baseline has none of these runs, but {names}")
    changes = [(run, _changes(run, earlier, now.plan)) for run, earlier in pairs]
    return (
        tuple(_section(run, found, tolerance) for run, found in changes),
        tuple(
            f"{run.name}: {row}: {name} fell by {-one.mean:.3f}"
            for run, found in changes
            for (row, name), one in found.items()
            if name in GATED and one is not None and one.mean < -tolerance
        ),
    )


def _changes(run: Run, earlier: Run, plan: Plan) -> Changes:
    return {
        (row, name): statistics.difference(_values(run, row, metric), _values(earlier, row, metric))
        for row in rows(plan)
        for name, metric in METRICS.items()
    }


def _section(run: Run, found: Changes, tolerance: float) -> Section:
    names = " or ".join(name for name in METRICS if name in GATED)
    shown = dict.fromkeys(row for row, _ in found)
    return Section(
        f"{run.name} against the baseline",
        f"This run less the baseline. A mean {names} that is over {tolerance:g} lower fails.",
        ("asked", *METRICS),
        tuple(
            (row, *(showing.told(found[row, name], signed=True) for name in METRICS))
            for row in shown
        ),
    )


def _pairs(now: Results, before: Results) -> Iterator[tuple[Run, Run]]:
    """Runs of the same name; a single one before and now is the same one under any name."""
    if len(now.runs) == len(before.runs) == 1:
        yield now.runs[0], before.runs[0]
        return
    known = {run.name: run for run in before.runs}
    for run in now.runs:
        if run.name in known:
            yield run, known[run.name]


def _values(run: Run, row: str, metric: Callable[[Score], float]) -> dict[Key, float]:
    return {one.key: metric(one) for one in run.scores if one.row == row}
