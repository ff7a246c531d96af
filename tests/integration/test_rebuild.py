"""Catching up on a real nats-server: many sessions at once, ended midway, in little memory."""

import asyncio
import json
from contextlib import aclosing
from functools import partial

import pytest

from contracts import streams, subjects
from contracts.queries import ContextServed
from services._runtime import pull
from services._runtime.kv import Bucket
from services.context import partition, shelf, sweep
from services.context.partition import Partition
from services.context.room import fold, state_hash
from services.context.shelf import Shelf
from services.context.snapshots import Snapshots
from services.context.sweep import Sweep
from tests.support.facts import at, heard, requested
from tests.support.instances import sessions
from tests.support.stack import running, served, until

SESSIONS = sessions(32)
EACH = 40
EVERY_PARTITION = range(subjects.PARTITIONS)


@pytest.fixture
async def logged(runtime):
    """Meetings that go on side by side; returns the runtime."""
    for one in SESSIONS:
        await runtime.keyring.create(one)
    for number in range(EACH):
        said = [heard(number, f"{one} says {number}", session_id=one) for one in SESSIONS]
        facts = [requested(one) for one in SESSIONS] if number == 0 else said
        await asyncio.gather(*(runtime.publisher.append(fact) for fact in facts))
    return runtime


async def answer(runtime, session_id, seq):
    """None from an owner that is behind."""
    reply = await served(runtime, session_id, min_seq=seq)
    return reply if isinstance(reply, ContextServed) else None


async def checked(runtime, session_ids=SESSIONS):
    """Every session is served as one undisturbed fold of the log has it."""
    for one in session_ids:
        events = await runtime.log.read(one)
        reply = await until(partial(answer, runtime, one, events[-1][0]))
        assert reply.state_hash == state_hash(fold(events)), one


async def test_sessions_side_by_side_are_rebuilt_whole(server, logged):
    async with running(server, "context"):
        await checked(logged)
        ctx = Bucket(logged.nc, logged.js, streams.CTX)

        async def at_rest():
            found = [await ctx.get(subjects.checkpoint(one)) for one in EVERY_PARTITION]
            return all(one.value for one in found)

        await until(at_rest)
        for one in SESSIONS:
            snapshots = Snapshots(ctx, logged.keyring, subjects.partition(one))
            assert await snapshots.load(one) == fold(await logged.log.read(one))


@pytest.mark.parametrize("saves", [3, 17, 30])
async def test_a_rebuild_that_ends_midway_is_taken_up_again(server, logged, monkeypatch, saves):
    """As after kill -9: some rooms are at rest, some of their pages, and no checkpoint."""
    monkeypatch.setattr(pull, "BATCH", 50)
    monkeypatch.setattr(pull, "LARGE_BATCH", 100)
    monkeypatch.setattr(partition, "SAVE_BEHIND_SECONDS", 0)
    save, saved, dead = Snapshots.save, [], asyncio.Event()

    async def dying(self, session_id, room):
        if len(saved) >= saves:
            dead.set()
            await asyncio.Event().wait()
        saved.append(session_id)
        await save(self, session_id, room)

    async def nothing(_):
        pass

    monkeypatch.setattr(Snapshots, "save", dying)
    monkeypatch.setattr(Partition, "_save_at_last", nothing)
    async with running(server, "context"):
        await asyncio.wait_for(dead.wait(), 20)
    monkeypatch.setattr(Snapshots, "save", save)
    async with running(server, "context"):
        await checked(logged)


async def test_a_timer_at_the_end_of_the_log_is_no_place_to_go_on_from(server, logged):
    """It is gone when it fires; where the partition stands has to stay in the log."""
    ctx, timer = Bucket(logged.nc, logged.js, streams.CTX), subjects.schedule("s0", "no_show")
    await logged.js.publish(timer, b"due", headers={"Nats-Msg-Id": "timer"})
    async with running(server, "context"):
        await checked(logged)
        places = await until(partial(standing, ctx))
    await logged.js.purge_stream(streams.MEETINGS.name, subject=timer)
    for seq, key in places:
        assert await logged.log.holds(seq, key)
        assert (await logged.js.get_msg(streams.MEETINGS.name, seq)).subject.startswith("m.")


async def standing(ctx):
    """The sequence and key of every checkpoint, once all have one."""
    found = [await ctx.get(subjects.checkpoint(one)) for one in EVERY_PARTITION]
    if all(one.value for one in found):
        told = [json.loads(one.value) for one in found]
        return [(one["seq"], one["key"]) for one in told]
    return None


async def test_a_room_at_rest_that_is_lost_is_folded_again(server, logged):
    """Where the fold goes on from a checkpoint, a session it has not met may have a past."""
    ctx, lost = Bucket(logged.nc, logged.js, streams.CTX), SESSIONS[::5]
    async with running(server, "context"):
        await checked(logged)
    for one in lost:
        await logged.js.purge_stream(
            f"KV_{streams.CTX}", subject=f"$KV.CTX.{subjects.snapshot(one)}"
        )
    for one in EVERY_PARTITION:
        assert (await ctx.get(subjects.checkpoint(one))).value
    async with running(server, "context"):
        for one in lost:
            await logged.publisher.append(heard(EACH, session_id=one))
        await checked(logged)


async def test_rooms_out_of_memory_come_back_as_they_were(server, logged, monkeypatch):
    monkeypatch.setattr(pull, "LARGE_BATCH", 64)
    monkeypatch.setattr(pull, "BATCH", 64)
    monkeypatch.setattr(shelf, "HELD_SEGMENTS", 200)
    held = []
    clear = Shelf.clear

    def watched(self):
        clear(self)
        held.append(self._held)

    monkeypatch.setattr(Shelf, "clear", watched)
    async with running(server, "context"):
        await checked(logged)
        await logged.publisher.append(heard(EACH, session_id=SESSIONS[0]))
        await checked(logged)
    assert max(held) < len(SESSIONS) * EACH
    assert held[-1] <= 200 + EACH + shelf.ROOM_COST


async def swept(runtime, number, after=0, upto=10**9, others=()):
    """The events of a partition as a sweep brings them; `others` are read for from the start."""
    one = Sweep(runtime.reader)

    async def read(number, after=0):
        async with aclosing(one.batches(number, after, upto)) as batches:
            return [numbered async for batch in batches for numbered in batch.events]

    found = await asyncio.gather(read(number, after), *(read(other) for other in others))
    return found[0]


async def read(runtime, number, after=0):
    filters = [subjects.partition_events(number)]
    batches = [batch async for batch in runtime.reader.read(filters, after)]
    return [numbered for batch in batches for numbered in batch.events]


async def test_a_sweep_brings_what_reading_a_partition_brings(logged):
    number = subjects.partition(SESSIONS[0])
    others = [one for one in EVERY_PARTITION if one != number]
    plain = await read(logged, number)
    assert await swept(logged, number, others=others) == plain
    middle = plain[len(plain) // 2][0]
    assert await swept(logged, number, middle, others=others) == await read(logged, number, middle)


async def test_a_sweep_passes_over_what_was_deleted(logged):
    number = subjects.partition(SESSIONS[0])
    others = [one for one in EVERY_PARTITION if one != number]
    for seq, _ in (await read(logged, number))[3:9]:
        await logged.js.delete_msg(streams.MEETINGS.name, seq)
    name, gone = streams.MEETINGS.name, subjects.session_events(SESSIONS[1])
    await logged.js.purge_stream(name, subject=gone)
    plain = await read(logged, number)
    assert await swept(logged, number, others=others) == plain
    assert plain


async def test_a_sweep_outlives_the_server(server, logged, monkeypatch):
    monkeypatch.setattr(pull, "BATCH", 40)
    monkeypatch.setattr(pull, "LARGE_BATCH", 40)
    number = subjects.partition(SESSIONS[0])
    plain = await read(logged, number)
    part, seen = sweep._part, []

    def slow(rider, events, position):
        seen.append(position)
        if len(seen) == 40:
            server.kill()
        return part(rider, events, position)

    monkeypatch.setattr(sweep, "_part", slow)
    others = [one for one in EVERY_PARTITION if one != number]
    sweeping = asyncio.create_task(swept(logged, number, others=others))
    while len(seen) < 40:
        await asyncio.sleep(0.01)
    await server.start()
    assert await asyncio.wait_for(sweeping, 20) == plain


async def test_a_few_partitions_are_not_swept(logged):
    assert await swept(logged, 1, others=[2]) == []


async def test_a_partition_that_leaves_does_not_hold_the_others_up(logged, monkeypatch):
    monkeypatch.setattr(pull, "BATCH", 20)
    monkeypatch.setattr(pull, "LARGE_BATCH", 20)
    one, number = Sweep(logged.reader), subjects.partition(SESSIONS[0])

    async def leave():
        async with aclosing(one.batches(number, 0, 10**9)) as batches:
            await anext(batches)
            await asyncio.sleep(0.3)

    async def stay(other):
        async with aclosing(one.batches(other, 0, 10**9)) as batches:
            return [numbered async for batch in batches for numbered in batch.events]

    others = [other for other in EVERY_PARTITION if other != number]
    _, *found = await asyncio.wait_for(asyncio.gather(leave(), *map(stay, others)), 20)
    assert found == [await read(logged, other) for other in others]


async def test_work_that_is_due_in_a_room_out_of_memory_is_done(runtime):
    """A room that goes before the tip is reached is looked at there all the same."""
    ids = SESSIONS[:1]
    await runtime.keyring.create(ids[0])
    await runtime.publisher.append(requested(ids[0]))
    number, ctx = subjects.partition(ids[0]), Bucket(runtime.nc, runtime.js, streams.CTX)
    own = Partition(number, runtime, Snapshots(ctx, runtime.keyring, number), at, shelf=Shelf(1))
    own._open.add(ids[0])
    own._memory.from_the_start = True
    own._begun.set()
    await own._settle()
    assert own._open == set()
