"""What fits into a prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.context import tokens
from services.context.assembly import SMALLEST_BUDGET, UnfitBudgetError, assemble
from services.context.lines import line
from services.context.room import fold
from tests.support.facts import heard, requested
from tests.support.histories import histories
from tests.unit.test_room import heard_ids

budgets = st.integers(SMALLEST_BUDGET, 2000)


@given(histories(), budgets)
def test_the_budget_holds_to_the_token(history, budget):
    context = assemble(fold(history), budget)
    assert sum(tokens.count(part.text) for part in context.parts) <= context.tokens <= budget


@given(histories(), budgets)
def test_every_segment_is_accounted_for(history, budget):
    room = fold(history)
    coverage = assemble(room, budget).coverage
    assert coverage.segments == len(heard_ids(history))
    assert coverage.segments == coverage.verbatim + coverage.summarised + coverage.not_covered
    assert sum(one.segments for one in coverage.ranges) == coverage.segments
    assert [one.from_seq for one in coverage.ranges] == sorted(
        one.from_seq for one in coverage.ranges
    )


@given(histories(), budgets)
def test_a_tail_has_one_line_a_segment(history, budget):
    context = assemble(fold(history), budget)
    for part in context.parts:
        if part.kind == "tail":
            assert part.text.count("\n") == len(part.segments)
            assert part.text.endswith("\n")
            assert (part.from_seq, part.to_seq) == (part.segments[0].seq, part.segments[-1].seq)


@given(histories())
def test_a_large_budget_leaves_nothing_out(history):
    coverage = assemble(fold(history), 1_000_000).coverage
    assert coverage.not_covered == 0


def test_the_newest_go_first_into_a_small_budget():
    said = [heard(number, "word " * 20) for number in range(40)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    context = assemble(room, SMALLEST_BUDGET)
    assert context.parts[-1].segments[-1].segment_id == "seg39"
    assert context.coverage.not_covered == 40 - context.coverage.verbatim > 0
    assert context.as_of_seq == 41


@given(st.lists(st.integers(1, 120), min_size=1, max_size=60), budgets)
def test_a_tail_of_uneven_segments_holds_the_newest_that_fit(lengths, budget):
    said = [heard(number, "word " * length) for number, length in enumerate(lengths)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    context = assemble(room, budget)
    costs = [segment.cost for segment in room.tail]
    kept = context.coverage.verbatim
    assert sum(costs[len(costs) - kept :]) == context.tokens <= budget
    assert kept == len(costs) or context.tokens + costs[-kept - 1] > budget


def test_a_budget_too_small_to_hold_anything_is_refused():
    with pytest.raises(UnfitBudgetError, match="budget_tokens"):
        assemble(fold([]), SMALLEST_BUDGET - 1)


@given(st.text(), st.one_of(st.none(), st.text()))
def test_a_line_stays_one_line(text, speaker):
    assert len(line(speaker, text).splitlines()) == 1


@given(st.text("abc 12", max_size=200), st.text("abc 12", max_size=200))
def test_two_texts_cost_no_more_together_than_apart(one, other):
    apart = tokens.count(one) + tokens.count(other)
    assert tokens.count(one + "\n" + other) <= apart


def test_the_counter_errs_upwards():
    assert tokens.count("") == 0
    assert tokens.count("hello, world") >= 3
    assert tokens.count("会议") >= 4
    assert tokens.count("a" * 120) >= 10
