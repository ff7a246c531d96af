"""The suite `context`: evidence recall at a token budget, with the whole service in the loop."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from earshot.errors import EarshotError
from evaluation import asking, baselines, comparing, counting, growth, loading, scoring, showing
from evaluation.counting import Counter
from evaluation.model import BadInputError, Case, Dataset, Meeting, Plan, Results, Run
from evaluation.scoring import Heard
from evaluation.suite import Outcome, System, Wanted
from evaluation.visiting import Brought, Visit

SHOWN_FAULTS = 20


class AlteredError(EarshotError):
    """A meeting came back with other words than it was imported with."""


def run(wanted: Wanted) -> Outcome:
    """Measure every system and hold it against other methods, and against an earlier run.

    Raises BadInputError and EarshotError.
    """
    counter = counting.named(wanted.counter)
    dataset = _dataset(wanted)
    cases = asking.cases(dataset.meetings, dataset.plan)
    digest = asking.digest(dataset, wanted.counter)
    if wanted.baseline is not None and wanted.baseline.data != digest:
        raise BadInputError("The baseline was asked other questions, or of other meetings")
    measured = tuple(_measure(one, dataset, cases, counter, wanted) for one in wanted.systems)
    anchors = baselines.runs(cases, counter)
    results = Results(
        name=dataset.name,
        data=digest,
        counter=wanted.counter,
        meetings=len(dataset.meetings),
        questions=sum(len(meeting.questions) for meeting in dataset.meetings),
        plan=dataset.plan,
        anchors={one.name: showing.means(one) for one in anchors},
        runs=measured,
    )
    compared, worse = comparing.compare(results, wanted.baseline, wanted.tolerance)
    growing = growth.section(results, dataset.meetings, counter)
    shown = (*showing.sections(results, anchors), growing, *compared)
    return Outcome(results, shown, (*_faults(measured), *worse))


def _dataset(wanted: Wanted) -> Dataset:
    if wanted.data is None and wanted.listed is not None:
        raise BadInputError("A list of meetings needs the data that they are in")
    given = loading.directory(wanted.data, wanted.listed) if wanted.data else loading.bundled()
    if not wanted.budgets:
        return given
    budgets = tuple(dict.fromkeys(wanted.budgets))
    live = tuple(one for one in given.plan.live_budgets if one in budgets) or budgets[:1]
    return replace(given, plan=Plan(budgets, given.plan.lags, live))


def _measure(
    system: System, dataset: Dataset, cases: Sequence[Case], counter: Counter, wanted: Wanted
) -> Run:
    with system.reached() as client:
        visit = Visit(client, wanted.at_once, wanted.tell)
        brought = visit.bring(dataset.meetings)
        heard = _heard(dataset, brought, counter)
        replies = visit.ask(cases, brought)
    scored = [
        scoring.score(case, reply, heard[case.meeting.meeting_id], counter)
        for case, reply in zip(cases, replies, strict=True)
    ]
    return Run(
        name=system.name,
        settings=system.settings,
        scores=tuple(score for score, _ in scored),
        faults=tuple(fault for _, faults in scored for fault in faults),
    )


def _heard(dataset: Dataset, brought: Mapping[str, Brought], counter: Counter) -> dict[str, Heard]:
    found = {}
    for meeting in dataset.meetings:
        segments = brought[meeting.meeting_id].segments
        lines = tuple(scoring.line(one.speaker, one.text) for one in segments)
        _check_whole(meeting, lines)
        found[meeting.meeting_id] = Heard(
            segment_ids=tuple(one.segment_id for one in segments),
            seqs=tuple(one.seq for one in segments),
            lines=lines,
            costs=scoring.costs(meeting, counter),
        )
    return found


def _check_whole(meeting: Meeting, lines: Sequence[str]) -> None:
    where = f"{meeting.meeting_id}: the transcript is not what was imported"
    if len(lines) != len(meeting.turns):
        raise AlteredError(f"{where}: {len(lines)} segments of {len(meeting.turns)} turns")
    for number, (line, turn) in enumerate(zip(lines, meeting.turns, strict=True)):
        if line != turn.line:
            raise AlteredError(f"{where}: turn {number} is another")


def _faults(measured: Sequence[Run]) -> tuple[str, ...]:
    told = []
    for one in measured:
        told += [f"{one.name}: {fault}" for fault in one.faults[:SHOWN_FAULTS]]
        if (more := len(one.faults) - SHOWN_FAULTS) > 0:
            told.append(f"{one.name}: and {more} more faults")
    return tuple(told)
