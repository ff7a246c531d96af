"""Where a partition could lose an event between two awaits."""

import asyncio
from types import SimpleNamespace

from services._runtime.projection import Batch
from services._runtime.settings import Settings
from services.context.partition import Partition
from services.context.room import fold, initial
from tests.support.facts import at, heard, requested


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


def partition(snapshots):
    async def holds(*_):
        return True

    runtime = SimpleNamespace(
        settings=Settings(_env_file=None), log=SimpleNamespace(holds=holds), publisher=None
    )
    folding = Partition(0, runtime, snapshots, at)
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
    assert len(folding._rooms) == 0
