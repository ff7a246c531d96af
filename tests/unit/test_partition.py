"""Where a partition could lose an event between two awaits, and what it does when it must wait."""

import asyncio
import math
from types import SimpleNamespace

from structlog.testing import capture_logs

from services._runtime.connection import UnavailableError
from services._runtime.jetstream import FullError
from services._runtime.projection import Batch
from services._runtime.settings import Settings
from services.context.partition import Partition
from services.context.room import fold, initial
from services.context.snapshots import Checkpoint
from services.context.tenure import ALONE, Hold, Tenure
from tests.support.facts import asked, at, heard, requested


class SlowSnapshots:
    """Answers the first reader only when told, with what was true when it asked."""

    def __init__(self):
        self.asked, self.released, self.saved = 0, asyncio.Event(), initial

    async def load(self, _):
        self.asked += 1
        found = self.saved
        if self.asked == 1:
            await self.released.wait()
        return found

    async def save(self, *_):
        pass

    async def save_checkpoint(self, _):
        pass

    def forget(self, _):
        pass


def partition(snapshots, hold=ALONE):
    async def holds(*_):
        return True

    runtime = SimpleNamespace(
        settings=Settings(_env_file=None), log=SimpleNamespace(holds=holds), publisher=None
    )
    folding = Partition(0, runtime, snapshots, at, hold)
    folding._begun.set()
    return folding


async def test_a_reader_who_waited_does_not_overwrite_what_was_folded_meanwhile():
    snapshots = SlowSnapshots()
    folding = partition(snapshots)
    reading = asyncio.create_task(folding.at_least("s1", 0))
    await asyncio.sleep(0)
    history = ((1, requested()), (2, heard(1)), (3, heard(2)))
    batch = asyncio.create_task(folding._on_batch(Batch(history, 3, at_tip=True)))
    await asyncio.sleep(0.01)
    snapshots.released.set()
    await asyncio.gather(reading, batch)
    await folding._on_batch(Batch(((4, heard(3)),), 4, at_tip=True))
    assert (await folding.at_least("s1", 4)) == fold([*history, (4, heard(3))])


async def test_a_reader_waits_for_the_fold_to_reach_what_they_saw():
    folding = partition(SlowSnapshots())
    folding._snapshots.released.set()
    reading = asyncio.create_task(folding.at_least("s1", 2))
    await asyncio.sleep(0.01)
    assert not reading.done()
    history = ((1, requested()), (2, heard(1)))
    await folding._on_batch(Batch(history, 2, at_tip=True))
    assert await reading == fold(history)


async def test_asking_for_nobodys_session_leaves_nothing_in_memory():
    folding = partition(SlowSnapshots())
    folding._snapshots.released.set()
    for number in range(50):
        assert await folding.at_least(f"nobody{number}", 0) == initial
    assert len(folding._memory) == 0


class Scripted(Hold):
    """Held for so many acts, and then no more."""

    def __init__(self, acts):
        super().__init__(0, Tenure(math.inf))
        self.acts = acts

    async def held(self):
        if self.acts == 0:
            await asyncio.Event().wait()
        self.acts -= 1


async def test_a_right_that_lapses_while_many_are_settled_stops_the_rest(monkeypatch):
    folding, acted = partition(SlowSnapshots(), Scripted(3)), []
    folding._snapshots.released.set()
    monkeypatch.setattr(folding._effects, "may_follow", lambda _: True)

    async def act(session_id, _):
        acted.append(session_id)

    monkeypatch.setattr(folding._effects, "act", act)
    batch = Batch(tuple((n, requested(f"s{n}")) for n in range(1, 10)), 9, at_tip=True)
    task = asyncio.create_task(folding._on_batch(batch))
    await asyncio.wait({task}, timeout=0.2)
    assert acted == ["s1", "s2"]
    task.cancel()


async def test_what_a_full_store_did_not_take_is_done_though_nothing_more_is_said(monkeypatch):
    monkeypatch.setattr("services.context.partition.AGAIN_SECONDS", 0.01)
    snapshots = SlowSnapshots()
    snapshots.released.set()
    folding, saved = partition(snapshots), []

    async def refused(*_):
        raise FullError("10002")

    async def save(session_id, _):
        saved.append(session_id)

    monkeypatch.setattr(snapshots, "save", refused)
    with capture_logs() as logs:
        again = asyncio.create_task(folding._try_again())
        await folding._on_batch(Batch(((1, requested()),), 1, at_tip=True, key="k"))
        await asyncio.sleep(0.1)
        assert folding.caught_up
        snapshots.save = save
        async with asyncio.timeout(5):
            while folding._memory.unsaved:
                await asyncio.sleep(0.01)
    again.cancel()
    assert saved == ["s1"]
    assert [one["event"] for one in logs] == ["partition.waits"]


async def test_what_is_not_of_the_servers_log_any_more_is_not_acted_on_again(monkeypatch):
    monkeypatch.setattr("services.context.partition.AGAIN_SECONDS", 0.01)
    folding, acted = partition(SlowSnapshots()), []
    folding._snapshots.released.set()
    monkeypatch.setattr(folding._effects, "may_follow", lambda _: True)

    async def act(session_id, _):
        acted.append(session_id)
        raise UnavailableError("away")

    async def lost(*_):
        return False

    monkeypatch.setattr(folding._effects, "act", act)
    await folding._on_batch(Batch(((1, requested()),), 1, at_tip=True, key="k"))
    folding._runtime.log.holds = lost
    again = asyncio.create_task(folding._try_again())
    await asyncio.sleep(0.1)
    again.cancel()
    assert acted == ["s1"]


async def test_what_was_left_open_is_taken_up_without_any_snapshot_of_it():
    """As of a room too large for one; rooms at rest are not looked at."""
    history = [(1, requested()), (2, heard(1)), (3, asked("q1"))]
    taken, read = [], []

    class Log:
        async def holds(self, *_):
            return True

        async def last_seq_of(self, _):
            return 3

        async def read(self, session_id, upto):
            read.append(session_id)
            return tuple(one for one in history if one[0] <= upto)

    class Publisher:
        async def enqueue(self, job):
            taken.append(job.query_id)

    snapshots = SlowSnapshots()
    snapshots.asked = 1  # not slow
    snapshots.saved = None
    snapshots.checkpoint = returning(Checkpoint(3, "k", ("s1",)))
    runtime = SimpleNamespace(
        settings=Settings(_env_file=None), log=Log(), publisher=Publisher(), reader=None
    )
    folding = Partition(0, runtime, snapshots, at)
    await folding._begin("m.0.>")
    await folding._on_batch(Batch((), 3, at_tip=True))
    assert (taken, read) == (["q1"], ["s1"])


def returning(value):
    async def call():
        return value

    return call
