"""What a context is worth: only what stands in it word for word, within the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.events import CoverageRange
from evaluation import baselines, counting, scoring
from evaluation.model import Quoted
from tests.support.evaluated import case, heard, meeting, quoted, reply, score

THREE = meeting(
    "Ann: We open on Friday.", "Bob: Mm-hmm.", "Cy: Then I call the printer.", evidence=[(0, 1)]
)


def test_all_of_the_evidence_is_one():
    got, faults = score(THREE, reply(THREE, quoted(THREE, 0, 1)))
    assert (got.mass, got.turns, faults) == (1.0, 1.0, ())


def test_mass_weighs_turns_by_their_tokens():
    got, faults = score(THREE, reply(THREE, quoted(THREE, 0)))
    assert (got.mass, got.turns, faults) == (7 / 13, 0.5, ())


def test_what_is_no_evidence_earns_nothing():
    got, faults = score(THREE, reply(THREE, quoted(THREE, 2)))
    assert (got.mass, got.turns, faults) == (0.0, 0.0, ())


def test_a_line_that_ends_behind_the_budget_does_not_count_and_is_over_it():
    exact, faults = score(THREE, reply(THREE, quoted(THREE, 0, 1)), budget=13)
    assert (exact.mass, faults) == (1.0, ())
    cut, faults = score(THREE, reply(THREE, quoted(THREE, 0, 1)), budget=12)
    assert cut.mass == 7 / 13
    assert [fault.rpartition(": ")[2] for fault in faults] == [
        "13 tokens, 12 are allowed",
        "13 tokens by its own count, 12 are allowed",
    ]


def test_padding_costs():
    padding = Quoted("summary", "word " * 6, ())
    got, _ = score(THREE, reply(THREE, padding, quoted(THREE, 0, 1)), budget=14)
    assert got.mass == 7 / 13
    first, _ = score(THREE, reply(THREE, quoted(THREE, 0, 1), padding), budget=14)
    assert first.mass == 1.0


def test_a_report_over_the_budget_is_a_fault_though_the_text_is_not():
    _, faults = score(THREE, reply(THREE, quoted(THREE, 0), tokens=21), budget=20)
    assert len(faults) == 1
    assert "21 tokens by its own count" in faults[0]


def test_a_paraphrase_earns_nothing_and_its_claim_is_a_fault():
    told = Quoted("excerpt", "Ann: The opening is on Friday.\n", ("s0",))
    got, faults = score(THREE, reply(THREE, told))
    assert got.mass == 0
    assert any("turn 0 is named and is not there whole" in fault for fault in faults)


def test_half_a_line_or_more_than_it_earns_nothing():
    for text in ("Ann: We open on", "Ann: We open on Friday. Yes.", "x Ann: We open on Friday."):
        got, faults = score(THREE, reply(THREE, Quoted("tail", text, ("s0",))))
        assert got.mass == 0
        assert faults


def test_a_summary_that_quotes_a_line_earns_nothing():
    summary = Quoted("summary", "Ann: We open on Friday.", ("s0",))
    got, faults = score(THREE, reply(THREE, summary))
    assert (got.mass, faults) == (0.0, ())


def test_faults_quote_nobody():
    given = Quoted("excerpt", "Ann: secret words\nBob: Mm-hmm.\n", ("s0", "s9"))
    _, faults = score(THREE, reply(THREE, given, told={0}))
    assert faults
    assert not any(word in " ".join(faults) for word in ("secret", "Mm-hmm", "Friday"))


AGAIN = meeting(
    "Ann: Yes.", "Bob: Is it?", "Ann: Yes.", "Bob: Good.", "Ann: Yes.", evidence=[(2, 3)]
)


def test_a_line_that_is_said_twice_counts_for_the_segment_that_is_named():
    right, faults = score(AGAIN, reply(AGAIN, quoted(AGAIN, 2, 3)))
    assert (right.mass, faults) == (1.0, ())
    wrong, faults = score(AGAIN, reply(AGAIN, quoted(AGAIN, 0, 3)))
    assert (wrong.turns, faults) == (0.5, ())


def test_one_line_is_not_counted_for_two_segments():
    given = Quoted("excerpt", "Ann: Yes.\n", ("s0", "s2"))
    got, faults = score(AGAIN, reply(AGAIN, given))
    assert got.mass == 0
    assert any("turn 2 is named and is not there" in fault for fault in faults)


def test_a_segment_quoted_twice_is_a_fault_and_its_first_place_counts():
    got, faults = score(AGAIN, reply(AGAIN, quoted(AGAIN, 2, 3), quoted(AGAIN, 2)), budget=8)
    assert got.mass == 1.0
    assert any("quoted twice" in fault for fault in faults)


def test_a_line_that_nobody_names_is_a_fault_and_earns_nothing():
    given = Quoted("excerpt", "Ann: We open on Friday.\nBob: Mm-hmm.\n", ("s1",))
    got, faults = score(THREE, reply(THREE, given))
    assert got.turns == 0.5
    assert any("1 lines are quoted without being named" in fault for fault in faults)


def test_what_was_not_heard_yet_cannot_be_quoted():
    got, faults = score(THREE, reply(THREE, quoted(THREE, 1, 2), told={1}, upto=2), upto=2)
    assert got.turns == 0.5
    assert any("segment s2 was not heard by then" in fault for fault in faults)


def test_coverage_has_to_be_what_is_there():
    claims_more = reply(THREE, quoted(THREE, 0), told={0, 1})
    claims_less = reply(THREE, quoted(THREE, 0, 1), told={0})
    another = reply(THREE, quoted(THREE, 0), told={1})
    for told in (claims_more, claims_less, another):
        _, faults = score(THREE, told)
        assert any("coverage is wrong about" in fault for fault in faults)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"segments": 4, "not_covered": 2}, "tells of 4 segments, 3 were heard"),
        ({"summarised": 1}, "does not add up"),
        ({"verbatim": 1, "not_covered": 2}, "says 1 are verbatim, 2 are there"),
        (
            {"ranges": (CoverageRange(kind="verbatim", from_seq=10, to_seq=13, segments=9),)},
            "counts 9 from 10 to 13",
        ),
    ],
)
def test_coverage_has_to_add_up(change, told):
    honest = reply(THREE, quoted(THREE, 0, 1))
    _, faults = score(THREE, replace(honest, coverage=replace(honest.coverage, **change)))
    assert any(told in fault for fault in faults)


def test_spaces_and_other_scripts_are_what_they_are():
    of = meeting("Zoë  Ål: naïve  — “yes”, 東京 tomorrow", "Bob: no", evidence=[(0, 0)])
    assert of.turns[0].line == "Zoë Ål: naïve — “yes”, 東京 tomorrow"
    got, faults = score(of, reply(of, quoted(of, 0)))
    assert (got.mass, faults) == (1.0, ())
    tokens = len(counting.regex(of.turns[0].line))
    short, _ = score(of, reply(of, quoted(of, 0)), budget=tokens - 1)
    assert short.mass == 0


WORDS = ("yes", "no", "we open", "on Friday, then.", "42 euros", "größer", "日本 go")


@st.composite
def contexts(draw):
    lines = draw(
        st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(WORDS)), min_size=1, max_size=12)
    )
    total = len(lines)
    first = draw(st.integers(0, total - 1))
    of = meeting(
        *(f"{who}: {said}" for who, said in lines),
        evidence=[(first, draw(st.integers(first, total - 1)))],
    )
    taken = sorted(draw(st.sets(st.integers(0, total - 1))))
    border = draw(st.integers(0, len(taken)))
    parts = [quoted(of, *some) for some in (taken[:border], taken[border:]) if some]
    if draw(st.booleans()):
        parts.insert(0, Quoted("summary", "they met " * draw(st.integers(0, 5)), ()))
    return of, parts, draw(st.integers(1, 80))


@given(contexts())
def test_shares_are_shares_and_nothing_beats_the_oracle(made):
    of, parts, budget = made
    got, _ = score(of, reply(of, *parts), budget=budget)
    assert 0 <= got.mass <= 1
    assert 0 <= got.turns <= 1
    *_, oracle = baselines.runs([case(of, budget)], counting.regex)
    assert got.mass <= oracle.scores[0].mass + 1e-9
    assert got.turns <= oracle.scores[0].turns + 1e-9


@given(contexts())
def test_an_honest_context_within_its_budget_has_no_fault(made):
    of, parts, _ = made
    _, faults = score(of, reply(of, *parts), budget=10_000)
    assert faults == ()


@given(contexts(), st.integers(1, 40))
def test_more_budget_is_never_worth_less(made, more):
    of, parts, budget = made
    asked, known = case(of, budget), heard(of)
    wider = case(of, budget + more)
    less = scoring.find(asked, parts, known, counting.regex).within
    assert less <= scoring.find(wider, parts, known, counting.regex).within
