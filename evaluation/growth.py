"""What twenty questions cost in prompt tokens, beside sending the whole meeting each time. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from evaluation.counting import Counter
from evaluation.model import Meeting, Results, Run, row_name
from evaluation.scoring import costs
from evaluation.sections import Section

QUESTIONS = 20
INSTRUCTIONS = 350
"""Tokens of a prompt besides the context: what to do, and the question."""


def section(results: Results, meetings: Sequence[Meeting], counter: Counter) -> Section:
    """Prompt tokens by the meetings' length."""
    lengths = {one.meeting_id: sum(costs(one, counter)) for one in meetings}
    largest = max(results.plan.budgets)
    edges = (0, largest // 2, largest, largest * 2, 1 << 62)
    table: list[tuple[str, ...]] = []
    for low, high in pairwise(edges):
        some = {name: length for name, length in lengths.items() if low <= length < high}
        if some:
            table += [_row(run, results.plan.budgets, some) for run in results.runs]
    return Section(
        f"Prompt tokens of {QUESTIONS} questions",
        f"Asked after the meeting, {INSTRUCTIONS} tokens of instructions and question each, not "
        "counting answers; beside it how many times more it is to send everything.",
        (
            *("meetings", "tokens each", "run", "sending everything"),
            *(f"{budget} tokens" for budget in results.plan.budgets),
        ),
        tuple(table),
    )


def _row(run: Run, budgets: Sequence[int], lengths: dict[str, int]) -> tuple[str, ...]:
    mean = sum(lengths.values()) / len(lengths)
    everything = QUESTIONS * (INSTRUCTIONS + mean)
    cells = []
    for budget in budgets:
        row = row_name(None, budget)
        counted = [s.counted for s in run.scores if s.row == row and s.meeting in lengths]
        ours = QUESTIONS * (INSTRUCTIONS + sum(counted) / len(counted))
        cells.append(f"{ours:,.0f} ({everything / ours:.1f}x)")
    return (str(len(lengths)), f"{mean:,.0f}", run.name, f"{everything:,.0f}", *cells)
