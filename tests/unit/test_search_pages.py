"""Pages of a search, from the tables to what a caller sees: each hit once, however many are equal.

Planted and found here: a pool that grows with the page, an order of the tables that is not the
order of the list, equals that are cut off where a page ends.
"""

import random
from contextlib import closing

import numpy as np
import pytest
from msgspec.structs import replace

from contracts.queries import SearchServed, SearchWanted
from services.context.search import embedding, finding, phrases, writing
from services.context.search.finding import Sought
from services.gateway import hits
from tests.support.facts import heard
from tests.support.search import tables

PAGE = 20


def write(index, events):
    writing.apply(index, list(enumerate(events, 1)), len(events), "key")


def pages(index, wanted, vector=None):
    """The ids of all segments shown, page by page."""
    shown, first = [], 0
    while True:
        asked = Sought(replace(wanted, limit=first + PAGE + 1), phrases.parse(wanted.query), vector)
        served = SearchServed(as_of_seq=1, mode=wanted.mode, hits=finding.find(index, asked))
        page = hits.page([served], wanted, first, PAGE, 0)
        shown += [item.segment_id for item in page.items]
        if page.next_cursor is None:
            return shown
        first = hits.decode_cursor(wanted, page.next_cursor).first


def test_equals_are_shown_once_each():
    dice = random.Random(1)
    said = [heard(one, "Okay then", f"s{dice.randrange(12)}") for one in range(120)]
    with closing(tables()) as index:
        write(index, said + [heard(one, f"other words {one}", "z") for one in range(120, 400)])
        shown = pages(index, SearchWanted(query="okay"))
    assert len(shown) == 120
    assert set(shown) == {f"seg{one}" for one in range(120)}


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_pages_go_on_where_the_one_before_ended(mode):
    dice, numbers = random.Random(2), np.random.default_rng(1)
    words = ["alpha", "beta", "gamma", "delta", "plan", "budget"]
    said = [
        heard(one, " ".join(dice.choices(words, k=dice.randrange(4, 40))), f"s{one % 30}")
        for one in range(900)
    ]
    with closing(tables()) as index:
        write(index, said)
        while stale := embedding.stale(index):
            vectors = numbers.integers(-1, 2, size=(len(stale), 4)) + 0.01
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            embedding.keep(index, stale, vectors.astype(np.float32))
        vector = None if mode == "keyword" else np.array([0.5, 0.5, 0.5, 0.5], np.float32)
        wanted = SearchWanted(query="budget", mode=mode, limit=hits.MAX_DEPTH)
        shown = pages(index, wanted, vector)
        whole = finding.find(index, Sought(wanted, phrases.parse("budget"), vector))
    assert len(shown) > 5 * PAGE
    assert shown == [hit.segment.segment_id for hit in whole]
