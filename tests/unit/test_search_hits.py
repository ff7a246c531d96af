"""Hits of many partitions as one list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SegmentRef
from contracts.queries import SearchHit, SearchServed, SearchWanted
from services.context.search import ranking
from services.gateway import hits
from services.gateway.hits import BadCursorError, Place
from tests.support.facts import at

WANTED = SearchWanted(query="budget")


def hit(number, score, session_id="s1", snippet="the \x02budget\x03"):
    segment = SegmentRef(
        segment_id=f"seg{number}", seq=number, start=number + 0.25, end=number + 1.0, speaker="Ada"
    )
    return SearchHit(
        session_id=session_id, segment=segment, time=at(), snippet=snippet, score=score
    )


def served(*found, mode="keyword"):
    return SearchServed(as_of_seq=9, mode=mode, hits=found)


def page(*replies, wanted=WANTED, first=0, limit=10, missing=0):
    return hits.page(replies, wanted, first, limit, missing)


def test_a_hit_is_shown_as_plain_text_with_where_it_matched():
    shown = hits.item(hit(3, 0.75, "a/b c"))
    assert shown.snippet == "the budget"
    assert shown.highlights == ((4, 10),)
    assert shown.url == "/?session=a%2Fb%20c&t=3.25"
    assert (shown.segment_id, shown.seq, shown.start, shown.speaker) == ("seg3", 3, 3.25, "Ada")


@given(st.lists(st.tuples(st.text("ab<é"), st.text("cd&")), max_size=5), st.text("xy"))
def test_highlights_are_where_the_marks_were(parts, end):
    marked = "".join(f"{plain}\x02{found}\x03" for plain, found in parts) + end
    text, highlights = hits.unmarked(marked)
    assert text == "".join(plain + found for plain, found in parts) + end
    assert [text[one:other] for one, other in highlights] == [found for _, found in parts if found]


@pytest.mark.parametrize("snippet", ["\x03a\x02", "\x02\x02a\x03\x03", "\x02a"])
def test_marks_that_do_not_match_do_no_harm(snippet):
    assert hits.unmarked(snippet).text == "a"


def test_the_best_of_all_partitions_come_first():
    shown = page(served(hit(1, 0.9), hit(2, 0.6)), served(hit(3, 0.7), hit(4, 0.55)))
    assert [one.seq for one in shown.items] == [1, 3, 2, 4]
    assert (shown.next_cursor, shown.partial, shown.missing_partitions) == (None, False, 0)


def test_equals_stand_in_one_order_whoever_answers_first():
    replies = [served(hit(2, 0.6, "s2")), served(hit(9, 0.6, "s1"), hit(1, 0.6, "s1"))]
    assert page(*replies).items == page(*reversed(replies)).items


def test_some_words_count_only_where_no_partition_has_all():
    assert hits.ALL_WORDS == ranking.ALL_WORDS
    some = served(hit(1, 0.4))
    assert [one.seq for one in page(some, served(hit(2, 0.5))).items] == [2]
    assert [one.seq for one in page(some, served(hit(2, 0.3))).items] == [1, 2]
    meant = [served(*one.hits, mode="semantic") for one in (some, served(hit(2, 0.5)))]
    assert [one.seq for one in page(*meant).items] == [2, 1]


def test_the_mode_is_the_one_that_all_could_use():
    assert page(served(mode="hybrid"), served(mode="hybrid")).mode == "hybrid"
    assert page(served(mode="hybrid"), served(mode="keyword")).mode == "keyword"


def test_the_next_page_is_of_the_same_mode_as_this_one():
    wanted = SearchWanted(query="budget", mode="hybrid")
    shown = page(served(hit(1, 0.9), hit(2, 0.8)), wanted=wanted, limit=1)
    assert shown.mode == "keyword"
    assert hits.decode_cursor(wanted, shown.next_cursor) == Place(1, "keyword")


@given(scores=st.lists(st.floats(0.5, 1), max_size=40), limit=st.integers(1, 7))
def test_pages_are_the_list_in_pieces(scores, limit):
    reply = served(*(hit(number, score) for number, score in enumerate(scores)))
    whole, pieces, cursor = page(reply, limit=100).items, [], None
    while True:
        first = 0 if cursor is None else hits.decode_cursor(WANTED, cursor).first
        shown = page(reply, first=first, limit=limit)
        pieces += shown.items
        if (cursor := shown.next_cursor) is None:
            break
        assert len(shown.items) == limit
    assert pieces == list(whole)


def test_a_list_ends_at_its_depth():
    reply = served(*(hit(number, 0.9) for number in range(600)))
    assert page(reply, first=hits.MAX_DEPTH - 10, limit=10).next_cursor is None
    assert page(reply, first=hits.MAX_DEPTH - 20, limit=10).next_cursor is not None


@pytest.mark.parametrize("cursor", ["", "x", "é", "YmVmb3JlOjE", "====", "a" * 500])
def test_other_cursors_are_refused(cursor):
    with pytest.raises(BadCursorError):
        hits.decode_cursor(WANTED, cursor)


def test_a_cursor_of_another_search_is_refused():
    for other in (
        SearchWanted(query="launch"),
        SearchWanted(query="budget", speaker="Ada"),
        SearchWanted(query="budget", since=at()),
        SearchWanted(query="budget", until=at()),
        SearchWanted(query="budget", session_id="s1"),
        SearchWanted(query="budget", mode="hybrid"),
    ):
        with pytest.raises(BadCursorError):
            hits.decode_cursor(WANTED, hits.encode_cursor(other, Place(10, "keyword")))
    with pytest.raises(BadCursorError):
        hits.decode_cursor(WANTED, hits.encode_cursor(WANTED, Place(hits.MAX_DEPTH, "keyword")))
