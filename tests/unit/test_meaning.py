"""Likeness in meaning as a field of lines, and in the choice of what is quoted."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.context import assembly, tokens
from services.context.assembly import SMALLEST_BUDGET
from services.context.indexing import Indices
from services.context.retrieval import Index, Line
from services.context.retrieval.meaning import Alike, field
from services.context.room import fold
from tests.support.contexts import served
from tests.support.facts import heard, requested
from tests.support.histories import stories

LINES = [Line(at, "Ada", f"thing {at}", 20.0, 3.0 * at, 3.0 * at + 2) for at in range(60)]
SEQS = [10 * at for at in range(60)]


def index(lines=LINES):
    made = Index()
    made.sync(lines)
    return made


def test_lines_in_a_window_that_is_alike_stand_out_and_so_do_their_neighbours():
    alike = Alike(first=(0, 200, 400), last=(190, 390, 590), cosines=(0.1, 0.8, 0.1))
    found = field(index(), SEQS, alike)
    assert 20 <= int(found.argmax()) < 40
    assert found[30] > found[45] > found[0]
    assert found[19] > found[0]
    assert found.min() >= 0.0
    assert found.max() == 1.0


def test_trust_scales_what_it_counts():
    alike = Alike(first=(0, 200), last=(190, 390), cosines=(0.1, 0.8))
    whole, half = field(index(), SEQS, alike), field(index(), SEQS, replace(alike, trust=0.5))
    assert np.allclose(half, whole / 2)


def test_where_no_line_is_in_a_window_nothing_is_known():
    assert field(index(), SEQS, Alike()) is None
    assert field(index(), SEQS, Alike(first=(601,), last=(700,), cosines=(0.9,))) is None
    assert field(index(), SEQS, Alike(first=(11,), last=(19,), cosines=(0.9,))) is None


def test_windows_that_are_all_as_alike_tell_nothing():
    alike = Alike(first=(0, 300), last=(290, 590), cosines=(0.7, 0.7))
    assert np.allclose(field(index(), SEQS, alike), 0.0)


cosines = st.floats(-1, 1) | st.sampled_from([float("nan"), float("inf"), -float("inf")])


@st.composite
def likenesses(draw):
    """Windows somewhere among the sequences, whatever their likeness."""
    edges = sorted(draw(st.sets(st.integers(0, 120), min_size=2, max_size=12)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return Alike(
        first=tuple(first for first, _ in pairs),
        last=tuple(last for _, last in pairs),
        cosines=tuple(draw(cosines) for _ in pairs),
        trust=draw(st.sampled_from([0.5, 1.0])),
    )


def with_alike(room, question, budget, alike):
    indices = Indices(1)
    made = asyncio.run(indices.of("s1", room))
    return assembly.assemble(room, question, budget, made, indices.measure, alike=alike)


@given(
    stories(60),
    st.sampled_from(["what about number 7?", "word", "zebra", "語"]),
    st.integers(SMALLEST_BUDGET, 1000),
    likenesses(),
)
def test_no_likeness_breaks_the_budget_or_brings_back_what_was_removed(
    story, question, budget, alike
):
    room = fold(story.events)
    context = with_alike(room, question, budget, alike)
    text = "".join(part.text for part in context.parts)
    assert tokens.count(text) <= context.tokens <= budget
    gone = {one.segment_id for one in story.said if one.removed}
    assert not gone & {ref.segment_id for part in context.parts for ref in part.segments}
    coverage = context.coverage
    assert coverage.segments == coverage.verbatim + coverage.summarised + coverage.not_covered


@given(stories(40), st.integers(SMALLEST_BUDGET, 600))
def test_without_a_window_the_context_is_the_one_of_words(story, budget):
    room = fold(story.events)
    assert with_alike(room, "number 7", budget, Alike()) == served(room, "number 7", budget)


def test_what_shares_no_word_with_the_question_is_quoted_when_it_is_alike():
    said = [heard(number, f"{number} " + "filler words " * 10) for number in range(80)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    alike = Alike(first=(2, 22, 32), last=(21, 31, 81), cosines=(0.05, 0.6, 0.05))
    ended = replace(room, over=True)

    def quoted(context):
        return {ref.segment_id for part in context.parts for ref in part.segments}

    wanted = {f"seg{number}" for number in range(22, 28)}
    assert wanted <= quoted(with_alike(ended, "zebra?", 400, alike))
    assert not wanted & quoted(with_alike(ended, "zebra?", 400, None))


def test_a_topic_is_asked_for_only_where_lines_have_to_be_chosen():
    made = index()
    assert assembly.topic("what did Ada say about the budget?", 200, made) == "budget"
    assert assembly.topic("what about the budget?", 10_000, made) == ""
    assert assembly.topic("summarise the whole meeting", 200, made) == ""
    assert assembly.topic("", 200, made) == ""
