"""What fits into a prompt.

Planted and killed, here or in test_indexing, test_covering and test_tokens: an index as it was
before a rename, a removal, or a join; lines of removed pages kept; a second count of tokens that
empties whole languages; a range reported as summarised that no summary was made of.
"""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SessionEnded, SpeakerRenamed
from services.context import tokenizer, tokens
from services.context.assembly import SMALLEST_BUDGET, UnfitBudgetError
from services.context.indexing import Indices
from services.context.lines import line
from services.context.room import fold, state_hash
from tests.support.contexts import served
from tests.support.facts import at, heard, requested
from tests.support.histories import compaction, stories, summarised

budgets = st.integers(SMALLEST_BUDGET, 2000)
questions = st.sampled_from(["", "what about number 7?", "summarise the meeting", "語🎉", '"<['])


def long_story(draw_text="word ", count=40, length=20):
    said = [heard(number, f"{number} " + draw_text * length) for number in range(count)]
    return [(1, requested()), *enumerate(said, 2)]


@given(stories(60), questions, budgets)
def test_the_budget_holds_to_the_token(story, question, budget):
    context = served(fold(story.events), question, budget)
    text = "".join(part.text for part in context.parts)
    assert tokens.count(text) <= context.tokens <= budget


@given(stories(60), questions, budgets)
def test_every_segment_is_accounted_for(story, question, budget):
    coverage = served(fold(story.events), question, budget).coverage
    assert coverage.segments == sum(bool(one.text.strip()) for one in story.said)
    assert coverage.segments == coverage.verbatim + coverage.summarised + coverage.not_covered
    assert sum(one.segments for one in coverage.ranges) == coverage.segments
    assert [one.from_seq for one in coverage.ranges] == sorted(
        one.from_seq for one in coverage.ranges
    )


@given(stories(60), questions, budgets)
def test_what_is_quoted_has_one_line_a_segment_and_says_what_was_said(story, question, budget):
    room = fold(story.events)
    context = served(room, question, budget)
    lines = {one.segment_id: room.line(one) for one in room.segments()}
    quoted = [part for part in context.parts if part.kind != "summary"]
    for part in quoted:
        assert part.text == "".join(lines[one.segment_id] for one in part.segments)
        assert (part.from_seq, part.to_seq) == (part.segments[0].seq, part.segments[-1].seq)
    seqs = [one.seq for part in quoted for one in part.segments]
    assert seqs == sorted(set(seqs))
    assert len(seqs) == context.coverage.verbatim
    assert [part.kind for part in quoted].count("tail") <= 1


@given(stories(60))
def test_what_was_removed_is_in_no_context(story):
    room = fold(story.events)
    gone = {one.segment_id for one in story.said if one.removed}
    for question, budget in (("", 100_000), ("", SMALLEST_BUDGET), ("a", SMALLEST_BUDGET)):
        context = served(room, question, budget)
        assert not gone & {ref.segment_id for part in context.parts for ref in part.segments}


@given(stories(60), questions)
def test_a_large_budget_leaves_nothing_out(story, question):
    context = served(fold(story.events), question, 1_000_000)
    assert context.coverage.verbatim == context.coverage.segments
    assert all(part.kind == "tail" for part in context.parts)


@given(stories(60), st.integers(0, 60), questions, budgets)
def test_an_index_that_grew_with_the_meeting_gives_the_same_context(story, cut, question, budget):
    indices, room = Indices(1), fold(story.events[:cut])
    served(room, question, budget, indices)
    grown = fold(story.events[cut:], room)
    assert served(grown, question, budget, indices) == served(grown, question, budget)


def test_without_a_question_the_newest_go_first_into_a_small_budget():
    context = served(fold(long_story()), "", SMALLEST_BUDGET)
    (tail,) = context.parts
    assert [one.segment_id for one in tail.segments] == [
        f"seg{number}" for number in range(40 - len(tail.segments), 40)
    ]
    assert context.coverage.not_covered == 40 - context.coverage.verbatim > 0
    assert context.as_of_seq == 41


@given(st.lists(st.integers(1, 120), min_size=1, max_size=60), budgets)
def test_a_tail_of_uneven_segments_holds_the_newest_that_fit(lengths, budget):
    said = [heard(number, "word " * length) for number, length in enumerate(lengths)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    context = served(room, "", budget)
    costs = [tokens.units(room.line(segment)) for segment in room.segments()]
    kept = context.coverage.verbatim
    assert sum(costs[len(costs) - kept :]) <= tokens.units_in(budget)
    assert kept == len(costs) or sum(costs[len(costs) - kept - 1 :]) > tokens.units_in(budget)


def test_a_new_name_is_in_the_summaries_too():
    story = long_story()
    story += [
        (50, compaction(1, "seg0", "seg9", "cmp")),
        (51, told("cmp", "Ada: word. Adam left.")),
    ]
    renamed = SpeakerRenamed(session_id="s1", time=at(), change_id="c", speaker="Ada", name="Liza")
    context = served(fold([*story, (52, renamed)]), "", 400)
    assert context.parts[0].text == "Liza: word. Adam left."
    assert all(ref.speaker == "Liza" for part in context.parts for ref in part.segments)


def told(compaction_id, text):
    return summarised(1, "seg0", "seg9", compaction_id, text)


def test_one_huge_line_does_not_keep_the_others_out():
    story = [*long_story(), (99, heard(99, "word " * 3000))]
    context = served(fold(story), "", 400)
    assert context.coverage.verbatim > 0
    assert "seg39" in {ref.segment_id for part in context.parts for ref in part.segments}


def test_the_end_of_a_meeting_is_another_state():
    story = long_story()
    ended = SessionEnded(session_id="s1", time=at(), reason="source_ended")
    assert state_hash(fold(story)) != state_hash(fold([*story, (99, ended)]))


def test_a_question_brings_what_it_is_about_from_far_back():
    story = long_story()
    story[3] = (4, heard(2, "we chose the marzipan for the launch " + "word " * 10))
    context = served(fold(story), "what about the marzipan?", 300)
    excerpt = next(part for part in context.parts if "marzipan" in part.text)
    assert excerpt.kind == "excerpt"


def test_a_budget_too_small_to_hold_anything_is_refused():
    with pytest.raises(UnfitBudgetError, match="budget_tokens"):
        served(fold([]), "", SMALLEST_BUDGET - 1)


@given(st.text(), st.one_of(st.none(), st.text()))
def test_a_line_stays_one_line(text, speaker):
    assert len(line(speaker, text).splitlines()) == 1


@given(st.text("abc 12", max_size=200), st.text("abc 12", max_size=200))
def test_two_texts_cost_no_more_together_than_apart(one, other):
    apart = tokens.count(one) + tokens.count("\n") + tokens.count(other)
    assert tokens.count(one + "\n" + other) <= apart


MEASURED = [
    ("Anna: Der Verkehrsminister war gestern in Berlin, sagte der Haushaltsausschuss.\n", 18),
    ("Luc: Nous devons vérifier les chiffres avant la réunion de jeudi.\n", 13),
    ("Иван: Нам нужно проверить бюджет до следующего совещания.\n", 14),
    ("王: 我们需要在星期五之前完成预算报告 因为董事会下周开会讨论明年的计划。\n", 26),
    ("田中: 来週の会議までに予算の報告書を完成させる必要があります。\n", 24),
    ("राम: हमें शुक्रवार से पहले बजट रिपोर्ट पूरी करनी है।\n", 13),
    ("Bob: 🎉🎉👍🏽 great 👩‍👩‍👧‍👦!!\n", 22),
    ("Bob: see https://example.com/a/b?x=12&y=abc123#frag and foo_bar_baz(x, y)\n", 29),
    ("Bob: 3f9a8c7d2e1b 550e8400-e29b-41d4-a716-446655440000 xqzvkj wrtpl\n", 42),
    ("BOB: WE NEED TO FINISH THE BUDGET REPORT BEFORE FRIDAY OK\n", 18),
    ("PhD F: Mm-hmm. Yeah, I think the 2,500 cepstral features aren't normalised, um.\n", 27),
]


@pytest.mark.parametrize(("text", "cost"), MEASURED)
def test_the_counter_errs_upwards(text, cost):
    """`cost` is what tiktoken counts with o200k_base; a single line may be one token off."""
    assert cost - 1 <= tokens.count(text) <= 5 * cost


class Encoding:
    """A tiktoken encoding with a token a word."""

    def encode_ordinary(self, text):
        return text.split()


def test_with_a_tokeniser_at_hand_the_count_is_exact():
    measure = tokenizer.of_encoding(Encoding())
    said = [heard(number, "word " * 20) for number in range(40)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    context = served(room, "", SMALLEST_BUDGET, Indices(1, measure))
    text = "".join(part.text for part in context.parts)
    assert len(text.split()) == context.tokens
    assert 200 - 21 < context.tokens <= 200


def test_without_its_file_no_tokeniser_is_loaded(monkeypatch, tmp_path):
    fetched = []
    module = SimpleNamespace(
        encoding_name_for_model=lambda _: "o200k_base", get_encoding=fetched.append
    )
    monkeypatch.setitem(sys.modules, "tiktoken", module)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    tokenizer.measure.cache_clear()
    assert tokenizer.measure("some-model") is tokens.units
    assert fetched == []
    tokenizer.measure.cache_clear()
