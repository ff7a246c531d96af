"""Rooms that come and go: which snapshot is believed, what stays unsaved, what is left at the end.

Bugs planted by hand that these tests killed: a snapshot older than what was let go of is believed;
a room that was let go of is empty where its snapshot is gone; a full store taken for too large a
room; a load that ends late puts its room on the shelf.
"""

import asyncio
from types import SimpleNamespace

import pytest

from services._runtime.connection import UnavailableError
from services._runtime.jetstream import FullError, TooLargeError
from services.context.indexing import Indices
from services.context.memory import Memory
from services.context.room import fold, initial
from services.context.shelf import Shelf
from tests.support.facts import heard, requested

HISTORY = ((1, requested()), (2, heard(1)), (3, heard(2)))


class Bucket:
    """Snapshots as a dictionary; `refusal` is raised instead of saving."""

    def __init__(self):
        self.rooms, self.refusal, self.saves, self.asked = {}, None, 0, asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def load(self, session_id):
        self.asked.set()
        await self.released.wait()
        return self.rooms.get(session_id)

    async def save(self, session_id, known):
        self.saves += 1
        if self.refusal is not None:
            raise self.refusal
        self.rooms[session_id] = known

    async def drop(self, session_id):
        self.rooms.pop(session_id, None)

    def forget(self, _):
        pass


class Log:
    """The history of one session, and how often it was read."""

    def __init__(self):
        self.reads = 0

    async def holds(self, *_):
        return True

    async def read(self, _, upto):
        self.reads += 1
        return tuple(one for one in HISTORY if one[0] <= upto)


@pytest.fixture
def own():
    """A memory of all of a log, its snapshots, log and shelf."""
    bucket, logged, shelf = Bucket(), Log(), Shelf()
    memory = Memory(bucket, logged, shelf, Indices(1), lambda: 3)
    memory.from_the_start = True
    return SimpleNamespace(memory=memory, bucket=bucket, log=logged, shelf=shelf)


async def let_go(own):
    own.memory.put("s1", fold(HISTORY))
    await own.memory.save()
    assert own.memory.let_go("s1")


async def test_what_was_let_go_of_comes_back_from_its_snapshot(own):
    await let_go(own)
    assert await own.memory.room("s1") == fold(HISTORY)
    assert own.log.reads == 0


@pytest.mark.parametrize("left", [None, fold(HISTORY[:2])], ids=["unreadable", "older"])
async def test_without_its_own_snapshot_it_comes_back_from_the_log(own, left):
    await let_go(own)
    own.bucket.rooms["s1"] = left
    assert await own.memory.room("s1") == fold(HISTORY)
    assert own.log.reads == 1


async def test_who_was_never_met_has_nothing_where_all_was_read(own):
    assert await own.memory.room("s1") == initial
    own.memory.from_the_start = False
    assert await own.memory.room("s2") == fold(HISTORY)


async def test_a_store_without_room_leaves_a_room_to_be_saved_later(own):
    own.memory.put("s1", fold(HISTORY))
    own.bucket.refusal = FullError("10002")
    with pytest.raises(FullError):
        await own.memory.save()
    assert own.memory.unsaved == 1
    assert not own.memory.let_go("s1")
    own.bucket.refusal = None
    await own.memory.save()
    assert own.memory.unsaved == 0
    assert own.bucket.rooms == {"s1": fold(HISTORY)}


async def test_a_room_too_large_for_a_snapshot_is_tried_once_and_folds_from_the_log(own):
    own.memory.put("s1", fold(HISTORY[:2]))
    await own.memory.save()
    own.memory.put("s1", fold(HISTORY))
    own.bucket.refusal = TooLargeError("larger than the server's max_payload")
    await own.memory.save()
    await own.memory.save()
    assert (own.bucket.saves, own.bucket.rooms, own.memory.unsaved) == (2, {}, 0)
    assert own.memory.let_go("s1")
    assert await own.memory.room("s1") == fold(HISTORY)
    assert own.log.reads == 1


async def test_at_the_end_nothing_is_left_on_the_shelf_and_who_waits_is_told(own):
    own.memory.put("s0", fold(HISTORY))
    own.bucket.released.clear()
    waiting = asyncio.create_task(own.memory.room("s1"))
    await own.bucket.asked.wait()
    await own.memory.close()
    own.bucket.released.set()
    with pytest.raises(UnavailableError):
        await waiting
    for session_id in ("s0", "s2"):
        with pytest.raises(UnavailableError):
            await own.memory.room(session_id)
    own.memory.put("s3", fold(HISTORY))
    assert own.shelf.oldest(own.memory) == []


async def test_who_asked_first_and_gave_up_does_not_take_the_room_from_the_others(own):
    own.bucket.released.clear()
    first, second = (asyncio.create_task(own.memory.room("s1")) for _ in range(2))
    await own.bucket.asked.wait()
    first.cancel()
    own.bucket.released.set()
    assert await second == initial
