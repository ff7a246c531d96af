"""Replies of many partitions to one search, from a stand-in for their owners.

Planted and found here: lists of different modes that are merged, one refusal that hides what the
others found.
"""

from types import SimpleNamespace

import msgspec
import nats.errors
import pytest

from contracts import codec, subjects
from contracts.events import SegmentRef
from contracts.queries import Refused, SearchHit, SearchServed, SearchWanted
from services.gateway import searching
from services.gateway.problems import ProblemError
from tests.support.facts import at

WANTED = SearchWanted(query="budget", mode="hybrid")
_wanted = msgspec.json.Decoder(SearchWanted)


class Owners:
    """Partitions that reply as a function of their number and what is asked."""

    def __init__(self, reply):
        self._reply, self.asked = reply, []
        self._numbers = {subjects.search_of(one): one for one in range(subjects.PARTITIONS)}

    async def request(self, subject, body, _timeout):
        number, wanted = self._numbers[subject], _wanted.decode(body)
        self.asked.append((number, wanted.mode))
        if (reply := self._reply(number, wanted)) is None:
            raise nats.errors.NoRespondersError
        return SimpleNamespace(data=codec.encode_reply(reply))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(searching, "LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(searching, "PAUSE_SECONDS", 0.02)


def served(mode, score=0.6):
    segment = SegmentRef(segment_id="seg1", seq=1, start=0.0, end=1.0, speaker=None)
    hit = SearchHit(session_id="s1", segment=segment, time=at(), snippet="x", score=score)
    return SearchServed(as_of_seq=1, mode=mode, hits=(hit,))


async def search(reply):
    owners = Owners(reply)
    return await searching.search(SimpleNamespace(nc=owners), WANTED), owners.asked


async def test_where_one_partition_goes_by_words_all_do():
    found, asked = await search(
        lambda number, wanted: served("keyword" if number == 3 else wanted.mode)
    )
    assert {one.mode for one in found.served} == {"keyword"}
    assert (len(found.served), found.missing) == (subjects.PARTITIONS, 0)
    again = asked[subjects.PARTITIONS :]
    assert {mode for _, mode in again} == {"keyword"}
    assert sorted(number for number, _ in again) == [
        one for one in range(subjects.PARTITIONS) if one != 3
    ]


async def test_partitions_of_one_mode_are_asked_once():
    found, asked = await search(lambda _, wanted: served(wanted.mode))
    assert {one.mode for one in found.served} == {"hybrid"}
    assert len(asked) == subjects.PARTITIONS


async def test_a_partition_that_refuses_is_missing_where_others_answer():
    found, asked = await search(
        lambda number, wanted: (
            Refused(reason="unfit", detail="takes too long") if number == 3 else served(wanted.mode)
        )
    )
    assert (len(found.served), found.missing) == (subjects.PARTITIONS - 1, 1)
    assert asked.count((3, "hybrid")) == 1


async def test_what_all_refuse_is_no_search():
    with pytest.raises(ProblemError, match="takes too long"):
        await search(lambda *_: Refused(reason="unfit", detail="takes too long"))


async def test_silence_is_no_answer():
    with pytest.raises(ProblemError, match="does not answer"):
        await search(lambda *_: None)
