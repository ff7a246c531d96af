"""Means with intervals, runs held against each other, and how they are shown."""

import re
import sys
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import comparing, counting, growth, html, showing, statistics, suites, visiting
from evaluation.model import BadInputError, Plan, Results, Run, Score, row_name
from evaluation.suite import Outcome
from tests.support.evaluated import meeting

PLAN = Plan(budgets=(300,), lags=(0,), live_budgets=(300,))
AFTER, LIVE = row_name(None, 300), row_name(0, 300)


def scores(*masses, row=AFTER):
    """One question in each of as many meetings."""
    return tuple(
        Score(
            meeting=f"m{number}",
            question=0,
            row=row,
            domain="product" if number % 2 else "academic",
            mass=mass,
            turns=mass,
            counted=200 + number,
            reported=210 + number,
            took=5.0 + number,
        )
        for number, mass in enumerate(masses)
    )


def results(*runs, data="d"):
    return Results(
        name="made up",
        data=data,
        counter="regex",
        meetings=4,
        questions=4,
        plan=PLAN,
        anchors={},
        runs=runs,
    )


def run(*masses, name="earshot", **more):
    return Run(name=name, scores=scores(*masses), **more)


WINDOWS = run(0.1, 0.2, 0.3, 0.4, name="BM25 windows")


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcde")), min_size=1, max_size=30))
def test_an_interval_holds_its_mean_and_is_the_same_again(made):
    values, clusters = zip(*made, strict=True)
    found = statistics.interval(values, clusters)
    assert found == statistics.interval(values, clusters)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    if len(set(clusters)) == 1:
        assert found.low == pytest.approx(found.mean)
    assert found.count == len(values)


def test_questions_of_one_meeting_do_not_make_it_surer():
    apart = statistics.interval([0.0, 1.0] * 10, [str(number) for number in range(20)])
    together = statistics.interval([0.0, 1.0] * 10, ["a", "b"] * 10)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_a_difference_is_of_the_same_questions():
    of = {("m", 0, "r"): 0.9, ("m", 1, "r"): 0.5}
    against = {("m", 1, "r"): 0.2, ("n", 0, "r"): 0.0}
    assert statistics.difference(of, against).mean == pytest.approx(0.3)
    assert statistics.difference(of, against).count == 1
    assert statistics.difference(of, {}) is None


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="nothing"):
        statistics.interval([], [])


def test_percentiles_are_values_that_were_measured():
    assert statistics.percentile([1.0, 2.0, 3.0, 40.0], 50) == 2.0
    assert statistics.percentile([1.0, 2.0, 3.0, 40.0], 95) == 40.0


def test_a_fall_beyond_the_tolerance_is_a_regression():
    before = results(run(0.5, 0.5, 0.5, 0.5))
    shown, worse = comparing.compare(results(run(0.5, 0.5, 0.5, 0.4)), before, 0.01)
    assert worse == (
        f"earshot: {AFTER}: mass fell by 0.025",
        f"earshot: {AFTER}: turns fell by 0.025",
    )
    assert shown[0].rows[0][1].startswith("-0.025 [")


def test_a_fall_within_it_and_a_rise_are_none():
    before = results(run(0.5, 0.5, 0.5, 0.5))
    for masses in ((0.5, 0.5, 0.5, 0.47), (0.9, 0.9, 0.9, 0.9)):
        assert comparing.compare(results(run(*masses)), before, 0.01)[1] == ()
    assert comparing.compare(before, None, 0.01) == ((), ())


def test_runs_are_paired_by_name_and_a_single_one_with_a_single_one():
    one, other = run(0.5, name="a"), run(0.1, name="b")
    assert comparing.compare(results(other), results(one), 0.01)[1]
    assert not comparing.compare(results(one, other), results(other, one), 0.01)[1]
    with pytest.raises(BadInputError, match="none of these runs, but a, b"):
        comparing.compare(results(run(0.5, name="c")), results(one, other), 0.01)


def test_every_row_is_shown_with_each_run_and_method():
    mixed = Run(name="x", scores=scores(0.5, 1.0) + scores(0.9, 0.7, row=LIVE))
    method = Run(name="BM25 windows", scores=scores(0.1, 0.2) + scores(0.1, 0.1, row=LIVE))
    recall, paired, details, domains, costs = showing.sections(results(mixed), [method])
    assert [row[:2] for row in recall.rows] == [(AFTER, "2"), (LIVE, "2")]
    assert recall.rows[0][2].startswith("0.750 [")
    assert paired.rows[0][1].startswith("+0.600 [")
    assert details.rows[0][3:] == ("0.50", "0.00")
    assert [row[1] for row in domains.rows] == ["academic", "product"] * 2
    assert costs.rows[0][2:] == ("200 / 201", "210 / 211", "5.0 / 6.0", "-")
    assert [bar.anchor for bar in recall.charts[0].bars] == [False, True]


def test_a_row_that_nothing_was_asked_in_is_left_out():
    recall, *_ = showing.sections(results(run(0.5)), [WINDOWS])
    assert [row[0] for row in recall.rows] == [AFTER]


def test_twenty_questions_cost_the_context_and_not_the_meeting():
    of = meeting(*("Ann: word word word word word word" for _ in range(100)), meeting_id="m0")
    found = growth.section(results(run(1.0)), [of], counting.regex)
    assert found.rows == (("1", "800", "earshot", "23,000", "11,000 (2.1x)"),)


def test_the_page_needs_nothing_and_obeys_nobody():
    evil = run(0.5, 0.7, name="<script>alert(1)</script>")
    outcome = Outcome(results(evil), showing.sections(results(evil), [WINDOWS]), ("<b>bad</b>",))
    page = suites.report({"context": outcome})
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    assert (
        re.findall(r'https?://[^"]*', page).count("http://www.w3.org/2000/svg")
        == page.count("<svg")
        == len(re.findall("https?://", page))
    )
    assert page.count("<rect") == 2


def test_a_bar_is_as_long_as_its_value():
    page = html.page("t", [("n", "a", showing.sections(results(run(0.5)), [WINDOWS]))], [])
    assert 'width="120.0"' in page


def test_results_are_read_as_they_were_written(tmp_path):
    outcome = Outcome(results(run(0.5, settings={"A": "1"}, faults=("f",))), (), ())
    file = tmp_path / "results.json"
    file.write_bytes(suites.encode({"context": outcome}))
    assert suites.earlier(file, ["context"]) == {"context": outcome.results}
    assert suites.earlier(tmp_path, ["context"]) == {"context": outcome.results}


@pytest.mark.parametrize("text", ["", "{}", '{"earshot_eval":2,"suites":{}}', "\xff"])
def test_what_is_no_result_is_refused(tmp_path, text):
    file = tmp_path / "results.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(BadInputError, match=r"not a results\.json of this version"):
        suites.earlier(file, ["context"])


def test_a_baseline_without_the_suite_is_refused(tmp_path):
    file = tmp_path / "results.json"
    file.write_bytes(suites.encode({}))
    with pytest.raises(BadInputError, match="no results of the suite context"):
        suites.earlier(file, ["context"])
    with pytest.raises(BadInputError, match="No such file"):
        suites.earlier(tmp_path / "none.json", ["context"])


def recording(*events):
    return b'{"earshot":1,"session":{}}\n' + b"".join(
        msgspec.json.encode({"seq": 1, "type": kind, "compaction_id": one}) + b"\n"
        for kind, one in events
    )


def test_a_compaction_is_open_until_a_summary_answers_it():
    asked = ("CompactionRequested", "cmp_1")
    assert visiting.open_compactions(recording(asked)) == {"cmp_1"}
    assert not visiting.open_compactions(recording(asked, ("ContextSummarised", "cmp_1")))
    assert visiting.open_compactions(recording(asked, ("ContextSummarised", "cmp_2")))


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        ("", None),
        ("assembly;dur=3.25", 3.25),
        ('total;dur=9, assembly;desc="made";dur=4', 4.0),
        ("reassembly;dur=4", None),
        ("assembly", None),
    ],
)
def test_the_server_may_tell_how_long_it_took(header, milliseconds):
    assert visiting.assembly(header) == milliseconds


def test_a_turn_file_is_a_header_and_a_line_a_turn():
    header, first, *_ = visiting.turn_file(meeting("Ann: yes", "Bob: no")).splitlines()
    assert msgspec.json.decode(header) == {"meeting_id": "m1", "domain": "product"}
    assert msgspec.json.decode(first) == {
        "turn": 0,
        "speaker": "Ann",
        "text": "yes",
        "start": 0.0,
        "end": 9.0,
    }


def test_tokens_are_runs_of_letters_runs_of_digits_and_the_rest_one_by_one():
    assert counting.regex("don't go, 42ff é") == [3, 4, 5, 8, 9, 12, 14, 16]


class Encoding:
    """Tokens of three characters, as tiktoken would give them."""

    def encode_ordinary(self, text):
        return [text[at : at + 3] for at in range(0, len(text), 3)]

    def decode_with_offsets(self, tokens):
        return "".join(tokens), [3 * number for number in range(len(tokens))]


def test_a_tokeniser_counts_by_where_its_tokens_end():
    counter = counting.of_encoding(Encoding())
    assert counter("abcdefgh") == [3, 6, 8]
    assert counter("") == []


def test_cl100k_is_taken_only_where_its_file_is_at_hand(tmp_path, monkeypatch):
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    with pytest.raises(BadInputError, match="TIKTOKEN_CACHE_DIR"):
        counting.named("cl100k")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(BadInputError, match="TIKTOKEN_CACHE_DIR"):
        counting.named("cl100k")
    (tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").touch()
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(BadInputError, match="not installed"):
        counting.named("cl100k")
    library = SimpleNamespace(get_encoding=lambda _: Encoding())
    monkeypatch.setitem(sys.modules, "tiktoken", library)
    assert counting.named("cl100k")("abcd") == [3, 4]
    with pytest.raises(BadInputError, match="no counter 'words'"):
        counting.named("words")
