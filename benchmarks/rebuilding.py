"""The context service on a log it knows nothing of, until all of it is folded and at rest."""

import asyncio
import resource
import time

import msgspec

from benchmarks import rig
from benchmarks.measuring import Figure, rate
from benchmarks.meetings import Meetings
from contracts import streams, subjects
from services._runtime.app import Runtime
from services._runtime.kv import Bucket
from services._runtime.pull import Pull
from services._runtime.settings import Settings
from services.context.compaction import Policy
from services.context.partition import Partition
from services.context.shelf import Shelf
from services.context.snapshots import Snapshots
from services.context.sweep import Sweep
from services.context.tenure import ALONE

LOOK_SECONDS = 0.02
CHECKED = 20
"""Sessions whose rooms at rest are compared with what they must be."""


class Size(msgspec.Struct, frozen=True):
    """How many sessions, and how many events each of them has."""

    sessions: int = 100
    events: int = 1000


async def side_by_side(given: Settings, size: Size) -> Figure:
    """Meetings that were held at the same time."""
    return await _measured("rebuild, side by side", given, size, interleaved=True)


async def in_turn(given: Settings, size: Size) -> Figure:
    """Meetings that were held one after the other."""
    return await _measured("rebuild, in turn", given, size, interleaved=False)


async def _measured(name: str, given: Settings, size: Size, *, interleaved: bool) -> Figure:
    policy = Policy(given.compact_above_tokens, given.compact_down_to_tokens)
    meetings = Meetings(size.sessions, size.events, policy)
    async with rig.runtime(given) as own:
        await meetings.log(own, interleaved=interleaved)
        raw = await _read(own)
        start = time.perf_counter()
        await _caught_up(own)
        ours = time.perf_counter() - start
        await _check(own, meetings)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    baseline = f"the log read and thrown away; {megabytes} MB at most, in this process"
    return rate(name, baseline, size.sessions * size.events, ours, raw)


async def _read(own: Runtime) -> float:
    start = time.perf_counter()
    async with Pull(own.nc, own.js, streams.MEETINGS.name, []) as pull:
        async for _ in pull.stored():
            pass
    return time.perf_counter() - start


async def _caught_up(own: Runtime) -> None:
    """Every partition folded to the end and saved, the search index left out."""
    shelf, sweep = Shelf(), Sweep(own.reader)
    bucket = Bucket(own.nc, own.js, streams.CTX)
    partitions = [
        Partition(
            number,
            own,
            Snapshots(bucket, own.keyring, number),
            lambda: rig.START,
            ALONE,
            shelf=shelf,
            sweep=sweep,
        )
        for number in range(subjects.PARTITIONS)
    ]
    running = [asyncio.create_task(one.run()) for one in partitions]
    while not all(one.caught_up for one in partitions):
        for task in running:
            assert not task.done(), task.exception()
        await asyncio.sleep(LOOK_SECONDS)
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def _check(own: Runtime, meetings: Meetings) -> None:
    bucket = Bucket(own.nc, own.js, streams.CTX)
    for session_id in meetings.ids[:: max(1, len(meetings.ids) // CHECKED)]:
        seqs = [seq for seq, _ in await own.log.read(session_id)]
        snapshots = Snapshots(bucket, own.keyring, subjects.partition(session_id))
        assert await snapshots.load(session_id) == meetings.expected(session_id, seqs), session_id
