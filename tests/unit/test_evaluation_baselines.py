"""The methods that contexts are held against, and which cases a plan makes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evaluation import asking, baselines, counting, loading, showing
from evaluation.model import Dataset, Plan, row_name, rows
from evaluation.stems import stems
from tests.support.evaluated import case, meeting

LONG = meeting(
    *(f"Ann: filler number {number} goes here" for number in range(40)),
    "Bob: the harbour crane is broken",
    *(f"Cy: more filler, number {number}" for number in range(40)),
    evidence=[(38, 42)],
)


def prepared(of):
    return baselines.prepare(of, counting.regex)


def asked(of, question):
    wanted = stems([question])[0]
    known = prepared(of)
    often = {
        stem: np.array([found.count(stem) for found in stems([turn.line for turn in of.turns])])
        for stem in wanted
    }
    return replace(known, often=often), wanted


def test_the_tail_is_the_newest_that_fit():
    of = meeting("A: a", "B: a very long line that cannot fit here", "C: c", "D: d")
    assert baselines.tail(prepared(of), 4, 12) == {0, 2, 3}
    assert baselines.tail(prepared(of), 2, 8) == {0}
    assert baselines.tail(prepared(of), 4, 2) == frozenset()


def test_windows_bring_the_neighbours_of_what_was_asked_for():
    known, wanted = asked(LONG, "harbour cranes")
    chosen = baselines.windows(known, wanted, len(LONG.turns), 180)
    assert set(range(32, 52)) <= chosen
    assert chosen.isdisjoint(range(32))


def test_windows_see_nothing_that_was_said_later():
    known, wanted = asked(LONG, "harbour cranes")
    assert max(baselines.windows(known, wanted, 30, 100)) == 29


def test_a_question_without_a_known_word_gets_the_tail():
    known, wanted = asked(LONG, "zeppelins")
    total = len(LONG.turns)
    assert baselines.windows(known, wanted, total, 60) == baselines.tail(known, total, 60)


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(0, 120))
def test_the_best_mass_is_the_best_of_all_choices(costs, budget):
    sums = {0}
    for one in costs:
        sums |= {one + other for other in sums}
    assert baselines.best_mass(costs, budget) == max(found for found in sums if found <= budget)


def test_methods_stay_within_the_budget_and_below_the_oracle():
    cases = [case(LONG, budget) for budget in (20, 60, 200, 5000)]
    *others, oracle = baselines.runs(cases, counting.regex)
    for method in others:
        for got, best in zip(method.scores, oracle.scores, strict=True):
            assert got.mass <= best.mass
            assert got.turns <= best.turns
        assert method.scores[-1].mass == 1


def test_stems_forget_endings_and_keep_the_order():
    assert stems(["Cranes were lifting", "", "lifts"]) == [
        ["crane", "were", "lift"],
        [],
        ["lift"],
    ]


PLAN = Plan(budgets=(300, 600), lags=(0, 15, 900), live_budgets=(300,))


def test_a_plan_asks_after_the_meeting_and_while_it_runs():
    of = meeting("A: a", "B: b", "C: c", "D: d", evidence=[(1, 1)])
    cases = asking.cases([of], PLAN)
    assert [(one.lag, one.budget, one.upto) for one in cases] == [
        (None, 300, 4),
        (None, 600, 4),
        (0, 300, 2),
        (15, 300, 3),
    ]
    assert {one.row for one in cases} < set(rows(PLAN))
    assert cases[2].row == row_name(0, 300) == "0 s after it was said, 300 tokens"


def test_what_ended_exactly_then_was_heard():
    of = meeting("A: a", "B: b", "C: c", evidence=[(0, 0)])
    plan = Plan(budgets=(), lags=(10, 20, 21), live_budgets=(300,))
    assert [(one.lag, one.upto) for one in asking.cases([of], plan)] == [(10, 2), (20, 3)]


def test_a_line_is_heard_when_all_that_began_before_it_is_over():
    said = meeting("A: a long one", "B: the budget", "C: later", evidence=[(1, 1)])
    monologue = replace(said.turns[0], end=25.0)
    of = replace(said, turns=(monologue, *said.turns[1:]))
    plan = Plan(budgets=(), lags=(0,), live_budgets=(300,))
    assert [one.upto for one in asking.cases([of], plan)] == [2]


def test_a_digest_tells_other_questions_apart():
    of = Dataset("x", (LONG,), PLAN)
    known = asking.digest(of, "regex")
    assert known == asking.digest(replace(of, name="y"), "regex")
    assert known != asking.digest(replace(of, meetings=(meeting("A: a"),)), "regex")
    assert known != asking.digest(replace(of, plan=Plan((300,), (), ())), "regex")
    assert known != asking.digest(of, "cl100k")


def test_the_bundled_meetings_tell_methods_apart():
    given = loading.bundled()
    assert len({one.domain for one in given.meetings}) == len(given.meetings) == 3
    for one in given.meetings:
        assert 60 <= len(one.turns) <= 150
        assert len(one.questions) >= 6
    found = baselines.runs(asking.cases(given.meetings, given.plan), counting.regex)
    means = [showing.means(run) for run in found]
    for row, *expected in (
        (row_name(None, 300), 0.218, 0.465, 1.0),
        (row_name(None, 600), 0.416, 0.84, 1.0),
        (row_name(60, 300), 0.488, 0.638, 1.0),
        (row_name(180, 600), 0.075, 0.866, 1.0),
    ):
        assert [round(one[row], 3) for one in means] == expected
