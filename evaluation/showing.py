"""The runs of the suite `context` as tables and charts. Pure."""

from collections.abc import Callable, Iterable, Sequence

from evaluation import statistics
from evaluation.baselines import WINDOWS
from evaluation.model import Key, Results, Run, Score, rows
from evaluation.sections import Bar, Chart, Section
from evaluation.statistics import Interval

FULL = 0.95
"""From this share of its evidence on, a question has all of it."""


def means(run: Run) -> dict[str, float]:
    """The mean mass of each row."""
    found: dict[str, list[float]] = {}
    for score in run.scores:
        found.setdefault(score.row, []).append(score.mass)
    return {row: sum(masses) / len(masses) for row, masses in found.items()}


def sections(results: Results, anchors: Sequence[Run]) -> tuple[Section, ...]:
    """Everything there is to show of the runs themselves."""
    shown = [row for row in rows(results.plan) if _of(results.runs[0], row)]
    against = next(one for one in anchors if one.name == WINDOWS)
    found = [
        _recall(results.runs, anchors, shown),
        _paired(results.runs, against, shown),
        _details(results.runs, shown),
        _domains(results.runs, against, shown),
        _costs(results.runs, shown),
    ]
    return tuple(one for one in found if one.rows)


def told(one: Interval | None, *, signed: bool = False) -> str:
    """A mean and its interval in one cell."""
    if one is None:
        return "-"
    sign = "+" if signed else ""
    return f"{one.mean:{sign}.3f} [{one.low:{sign}.3f}, {one.high:{sign}.3f}]"


def over(scores: Sequence[Score], value: Callable[[Score], float]) -> Interval:
    """The mean of a value over the scores."""
    return statistics.interval([value(one) for one in scores], [one.meeting for one in scores])


def _recall(runs: Sequence[Run], anchors: Sequence[Run], shown: Sequence[str]) -> Section:
    table, charts = [], []
    for row in shown:
        bars = [Bar(run.name, over(_of(run, row), _mass)) for run in runs]
        bars += [Bar(run.name, over(_of(run, row), _mass), anchor=True) for run in anchors]
        cells = [f"{bar.value.mean:.3f}" if bar.anchor else told(bar.value) for bar in bars]
        table.append((row, str(bars[0].value.count), *cells))
        charts.append(Chart(row, tuple(bars)))
    return Section(
        "Evidence recall",
        "The share of the evidence's tokens that a context holds word for word within its budget: "
        "mean over questions, 95 % interval over meetings.",
        ("asked", "questions", *(run.name for run in (*runs, *anchors))),
        tuple(table),
        tuple(charts),
    )


def _paired(runs: Sequence[Run], against: Run, shown: Sequence[str]) -> Section:
    pairs = [(run, against) for run in runs] + [(run, runs[0]) for run in runs[1:]]
    table = [
        (row, *(told(_difference(one, other, row), signed=True) for one, other in pairs))
        for row in shown
    ]
    return Section(
        "Paired differences",
        "The same questions by two methods, one less the other.",
        ("asked", *(f"{one.name} - {other.name}" for one, other in pairs)),
        tuple(table),
    )


def _difference(one: Run, other: Run, row: str) -> Interval | None:
    return statistics.difference(_masses(one, row), _masses(other, row))


def _masses(run: Run, row: str) -> dict[Key, float]:
    return {score.key: score.mass for score in _of(run, row)}


def _details(runs: Sequence[Run], shown: Sequence[str]) -> Section:
    table = []
    for row in shown:
        for run in runs:
            scores = _of(run, row)
            full = sum(one.mass >= FULL for one in scores) / len(scores)
            none = sum(one.mass == 0 for one in scores) / len(scores)
            turns = told(over(scores, lambda one: one.turns))
            table.append((row, run.name, turns, f"{full:.2f}", f"{none:.2f}"))
    return Section(
        "Turns, all and nothing",
        f"Recall by the count of turns; the share of questions with {FULL:.0%} of their evidence "
        "or more, and with none.",
        ("asked", "run", "turns", "all", "none"),
        tuple(table),
    )


def _domains(runs: Sequence[Run], against: Run, shown: Sequence[str]) -> Section:
    domains = sorted({score.domain for score in runs[0].scores})
    table = []
    for row in shown:
        for domain in domains:
            parts = [
                [one for one in _of(run, row) if one.domain == domain] for run in (*runs, against)
            ]
            if parts[0]:
                cells = (told(over(part, _mass)) for part in parts)
                table.append((row, domain, str(len(parts[0])), *cells))
    return Section(
        "By kind of meeting",
        "Evidence recall by tokens.",
        ("asked", "kind", "questions", *(run.name for run in (*runs, against))),
        tuple(table),
    )


def _costs(runs: Sequence[Run], shown: Sequence[str]) -> Section:
    table = []
    for row in shown:
        for run in runs:
            scores = _of(run, row)
            counted = [one.counted for one in scores]
            reported = [one.reported for one in scores]
            table.append(
                (
                    row,
                    run.name,
                    f"{sum(counted) / len(counted):.0f} / {max(counted)}",
                    f"{sum(reported) / len(reported):.0f} / {max(reported)}",
                    _times(one.took for one in scores),
                    _times(one.assembly for one in scores if one.assembly is not None),
                )
            )
    return Section(
        "Tokens and time",
        "Tokens of a context as counted here and as reported, mean / largest. Milliseconds of a "
        "request and, where the server tells, of the assembly, p50 / p95, with requests side by "
        "side: take one at a time to measure one.",
        ("asked", "run", "counted", "reported", "request", "assembly"),
        tuple(table),
    )


def _times(given: Iterable[float]) -> str:
    values = list(given)
    if not values:
        return "-"
    middle, slow = statistics.percentile(values, 50), statistics.percentile(values, 95)
    return f"{middle:.1f} / {slow:.1f}"


def _of(run: Run, row: str) -> list[Score]:
    return [one for one in run.scores if one.row == row]


def _mass(score: Score) -> float:
    return score.mass
