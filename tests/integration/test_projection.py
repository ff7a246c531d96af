"""Reading the log on a real nats-server: in order, without a gap, and never for ever."""

import asyncio
import os
import shutil
import signal
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

import pytest

from contracts import codec, streams, subjects
from contracts.events import SegmentHeard
from services._runtime import pull
from services._runtime.kv import Bucket
from services._runtime.projection import AWAY, RolledBackError, project
from services._runtime.pull import BrokenOffError, Pull
from tests.support.facts import heard, requested
from tests.support.stack import until

EVERYTHING = ["m.>"]


@pytest.fixture
async def session(runtime):
    await runtime.keyring.create("s1")
    return runtime


async def append(runtime, *numbers):
    """Segments, many at a time; returns the last sequence."""
    last = 0
    for first in range(0, len(numbers), 100):
        some = [runtime.publisher.append(heard(one)) for one in numbers[first : first + 100]]
        last = max(await asyncio.gather(*some))
    return last


class Fold:
    """Remembers the batches it was given."""

    def __init__(self):
        self.batches = []

    async def __call__(self, batch):
        self.batches.append(batch)

    @property
    def numbers(self):
        return [int(event.segment_id[3:]) for one in self.batches for _, event in one.events]

    @property
    def seqs(self):
        return [seq for one in self.batches for seq, _ in one.events]


@asynccontextmanager
async def folding(runtime, after=0, filters=EVERYTHING):
    """A projection that runs; its error fails the test."""
    fold = Fold()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(project(runtime.reader, filters, after, fold))
        yield fold
        task.cancel()


async def tip(fold, count, seconds=20):
    """Wait until `count` events were folded and the tip was reached."""
    async with asyncio.timeout(seconds):
        while len(fold.numbers) < count or not fold.batches[-1].at_tip:
            await asyncio.sleep(0.02)


async def test_nothing_is_lost_or_doubled_while_the_server_is_killed_under_load(server, session):
    count = 2000
    async with server.runtime("producer") as producer, folding(session) as fold:

        async def produce():
            for number in range(count):
                await producer.publisher.append(heard(number))

        producing = asyncio.create_task(produce())
        for kill in range(1, 4):
            while len(fold.numbers) < kill * count // 5:
                await asyncio.sleep(0.01)
            server.kill()
            await server.start()
        await producing
        await tip(fold, count)
    assert fold.numbers == list(range(count))
    assert all(one < other for one, other in pairwise(fold.seqs))
    uptos = [batch.upto for batch in fold.batches]
    assert uptos == sorted(uptos)


async def test_a_message_that_got_lost_on_its_way_is_read_again(session, monkeypatch):
    """As after a slow consumer, or a server that gave up on a connection."""
    await append(session, *range(300))
    taken, arrive = [], Pull._on_message

    def lossy(self, message):
        taken.append(message)
        if len(taken) not in {50, 333}:
            arrive(self, message)

    monkeypatch.setattr(Pull, "_on_message", lossy)
    async with folding(session) as fold:
        await tip(fold, 300)
    assert len(taken) > 333
    assert sorted(fold.numbers) == list(range(300))
    assert fold.seqs == sorted(set(fold.seqs))


async def test_an_empty_log_is_at_its_tip(session):
    async with folding(session) as fold:
        await until(lambda: asyncio.sleep(0, fold.batches))
    assert [(one.events, one.upto, one.at_tip) for one in fold.batches] == [((), 0, True)]
    assert [batch async for batch in session.reader.read(EVERYTHING)] == fold.batches


async def test_the_tip_is_told_at_the_end_and_only_there(session):
    last = await append(session, *range(700))
    batches = [batch async for batch in session.reader.read(EVERYTHING)]
    assert len(batches) > 1
    assert [one.at_tip for one in batches] == [False] * (len(batches) - 1) + [True]
    assert batches[-1].upto == last
    assert max(len(one.events) for one in batches) <= pull.LARGE_BATCH
    assert [batch.upto async for batch in session.reader.read(EVERYTHING, last)] == [last]


@pytest.mark.parametrize("error", [ValueError(), TimeoutError(), BrokenOffError()])
async def test_an_error_of_the_handler_ends_the_projection(session, error):
    """Even one that looks as if the server were away: a fold that cannot go on never skips."""
    await append(session, *range(10))
    seen = []

    async def fold(batch):
        seen.append(batch.upto)
        raise error

    with pytest.raises(type(error)):
        async with asyncio.timeout(5):
            await project(session.reader, EVERYTHING, 0, fold)
    assert len(seen) == 1


async def test_what_cannot_be_read_is_skipped_and_counted(session):
    await append(session, 0)
    key = await session.keyring.key("s1")
    subject = subjects.events_of_type("s1", SegmentHeard)
    newer = codec.seal(b'{"type":"Newer","session_id":"s1"}', key)
    torn = codec.seal(b'{"type":"SegmentHeard"}', key)
    for body in (b"", b"garbage", newer, torn, codec.seal(b"{", key)):
        await session.js.publish(subject, body)
    await session.js.publish("m.1.nobody.SegmentHeard", codec.seal(b"{}", bytes(32)))
    await append(session, 1)
    end = (await session.js.publish(subject, b"unreadable at the end")).seq
    batches = [batch async for batch in session.reader.read(EVERYTHING)]
    read = [event.segment_id for batch in batches for _, event in batch.events]
    assert read == ["seg0", "seg1"]
    assert batches[-1].upto == end
    assert batches[-1].at_tip


async def test_a_projection_begins_behind_its_checkpoint(session):
    await append(session, *range(5))
    seqs = [seq for seq, _ in await session.log.read("s1")]
    async with folding(session, after=seqs[2]) as fold:
        await tip(fold, 2)
    assert fold.numbers == [3, 4]


async def test_what_was_waiting_may_be_deleted_before_it_is_read(session, monkeypatch):
    """A purge while a reader is between two batches leaves it at the tip, not waiting for ever."""
    monkeypatch.setattr(pull, "BATCH", 5)
    await append(session, *range(20))
    async with asyncio.timeout(8), aclosing(session.reader.read(EVERYTHING)) as reading:
        first = await anext(reading)
        assert not first.at_tip
        await session.js.purge_stream(streams.MEETINGS.name)
        rest = [batch async for batch in reading]
    assert rest[-1].at_tip
    assert rest[-1].upto >= first.upto


async def fails(reading):
    """The server is found to be away, and soon."""
    task = asyncio.create_task(reading)
    done, _ = await asyncio.wait({task}, timeout=8)
    assert done, "it hangs"
    with pytest.raises(AWAY):
        task.result()


async def test_what_came_while_nobody_looked_is_read_before_the_tip(session, monkeypatch):
    """A busy process gives up waiting just as everything arrives: the server holds nothing more."""
    await append(session, *range(5))
    take = Pull.next

    async def late(self):
        monkeypatch.setattr(Pull, "next", take)
        await self._request()
        await session.nc.flush()
        return []

    monkeypatch.setattr(Pull, "next", late)
    assert len(await session.log.read("s1")) == 5
    monkeypatch.setattr(Pull, "next", late)
    async with Pull(session.nc, session.js, streams.MEETINGS.name, EVERYTHING) as pulled:
        assert sum([len(messages) async for messages in pulled.stored()]) == 5


async def test_reading_from_a_server_that_is_away_fails(server, session):
    await append(session, 0)
    server.kill()
    await fails(session.log.read("s1"))
    await server.start()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSTOP])
async def test_reading_fails_when_the_server_goes_in_the_middle(
    server, session, monkeypatch, death
):
    monkeypatch.setattr(pull, "BATCH", 5)
    monkeypatch.setattr(pull, "LARGE_BATCH", 5)
    await append(session, *range(200))

    async def read():
        async with aclosing(session.reader.read(EVERYTHING)) as reading:
            await anext(reading)
            os.kill(server.process.pid, death)
            async for _ in reading:
                pass

    try:
        await fails(read())
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
        server.kill()


async def test_what_is_asked_of_a_server_that_is_away_is_unavailable(server, session):
    """Above all it is not gone: a fold would skip, a worker would forget."""
    await append(session, 0)
    async with server.runtime("fresh") as fresh:
        server.kill()
        fresh.js._timeout = 0.5
        bucket = Bucket(fresh.nc, fresh.js, streams.CTX)
        calls = [
            fresh.keyring.key("s1"),
            fresh.log.last_seq("s1"),
            fresh.log.has("m.>"),
            bucket.get("x"),
        ]
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert type(outcome).__name__ == "UnavailableError"
        await server.start()


async def test_a_missing_stream_is_not_a_missing_key(session):
    await session.js.delete_stream(streams.KEYS.name)
    with pytest.raises(AWAY, match="KEYS is missing"):
        await session.keyring.key("other")


async def test_a_log_that_lost_what_was_read_ends_the_projection(server, session):
    """A server without its last second reuses sequences: reading on would skip the new events."""
    store = server.data_dir / "nats" / "store"
    await append(session, 0, 1)
    server.stop()
    shutil.copytree(store, server.data_dir / "early")
    await server.start()
    fold = Fold()
    projecting = asyncio.create_task(project(session.reader, EVERYTHING, 0, fold))
    await append(session, 2, 3)
    await tip(fold, 4)
    server.kill()
    shutil.rmtree(store)
    (server.data_dir / "early").rename(store)
    await server.start()
    with pytest.raises(RolledBackError):
        async with asyncio.timeout(10):
            await projecting


async def test_an_erased_last_event_is_no_loss(server, session):
    last = await append(session, 0, 1)
    async with folding(session) as fold:
        await tip(fold, 2)
        await session.js.delete_msg(streams.MEETINGS.name, last)
        server.kill()
        await server.start()
        await append(session, 2)
        await tip(fold, 3)
    assert fold.numbers == [0, 1, 2]


async def test_readers_leave_no_consumer_behind(session):
    await append(session, *range(600))
    for _ in range(5):
        await session.log.read("s1")
        await session.log.read("s1", upto=3)
        async with aclosing(session.log.follow("s1")) as following:
            await anext(following)
    info = await session.js.stream_info(streams.MEETINGS.name)
    assert info.state.consumer_count == 0


@pytest.mark.parametrize("batch", [1, 256])
async def test_a_session_is_read_up_to_a_sequence(session, monkeypatch, batch):
    monkeypatch.setattr(pull, "BATCH", batch)
    await session.keyring.create("s2")
    seqs = []
    for number in range(6):
        seqs.append(await session.publisher.append(heard(number)))
        if number in {0, 2}:
            await session.publisher.append(heard(number, session_id="s2"))

    async def read(**bounds):
        return [seq for seq, _ in await session.log.read("s1", **bounds)]

    assert await read() == seqs
    assert await read(upto=seqs[2]) == seqs[:3]
    assert await read(upto=seqs[2] + 1) == seqs[:3]
    assert await read(upto=seqs[4]) == seqs[:5]
    assert await read(upto=10_000) == seqs
    assert await read(after=seqs[1], upto=seqs[3]) == seqs[2:4]
    assert await read(after=seqs[5]) == []
    assert await session.log.read("nobody") == ()


async def test_an_event_is_held_where_its_key_is(session):
    seq = await session.publisher.append(requested())
    assert await session.log.holds(seq, "s1:requested")
    assert not await session.log.holds(seq, "s1:other")
    assert not await session.log.holds(seq + 1, "s1:requested")
    assert not await session.log.holds(0, "")


async def test_keys_may_change_while_they_are_listed(session, monkeypatch):
    """A replaced value never comes; the listing must not wait for it."""
    monkeypatch.setattr(pull, "BATCH", 5)
    bucket = Bucket(session.nc, session.js, streams.CTX)
    revisions = {f"s.1.k{n}": await bucket.put(f"s.1.k{n}", b"old", 0) for n in range(40)}
    take, calls = Pull.next, []

    async def changing(self):
        calls.append(1)
        if len(calls) == 2:
            for key, revision in list(revisions.items())[20:]:
                await bucket.put(key, b"new", revision)
            gone = "$KV.CTX.s.1.k39"
            await session.js.publish(gone, b"", headers={"KV-Operation": "DEL"})
        return await take(self)

    monkeypatch.setattr(Pull, "next", changing)
    async with asyncio.timeout(8):
        found = await bucket.matching("s.1.*")
    monkeypatch.undo()
    assert {key: found[key].value for key in found if key in list(revisions)[:10]} == dict.fromkeys(
        list(revisions)[:10], b"old"
    )
    assert {entry.value for entry in found.values()} <= {b"old", b"new"}
    again = await bucket.matching("s.1.*")
    assert set(again) == set(revisions) - {"s.1.k39"}
    assert (await bucket.get("s.1.k39")).value == b""
    assert sum(entry.value == b"new" for entry in again.values()) == 19
    assert again["s.1.k25"].revision == (await bucket.get("s.1.k25")).revision


async def test_keys_may_go_while_they_are_listed(session, monkeypatch):
    monkeypatch.setattr(pull, "BATCH", 5)
    bucket = Bucket(session.nc, session.js, streams.CTX)
    for number in range(20):
        await bucket.put(f"s.1.k{number}", b"x", 0)
    take, calls = Pull.next, []

    async def emptied(self):
        calls.append(1)
        if len(calls) == 2:
            await session.js.purge_stream(f"KV_{streams.CTX}")
        return await take(self)

    monkeypatch.setattr(Pull, "next", emptied)
    async with asyncio.timeout(8):
        assert len(await bucket.matching("s.1.*")) <= 10


async def test_a_pull_never_holds_more_than_it_asked_for(session, monkeypatch):
    monkeypatch.setattr(pull, "BATCH", 7)
    monkeypatch.setattr(pull, "LARGE_BATCH", 7)
    await append(session, *range(50))
    async with Pull(session.nc, session.js, streams.MEETINGS.name, EVERYTHING) as pulled:
        got = []
        while len(got) < 50:
            got += await pulled.next()
            await asyncio.sleep(0.01)
            assert len(pulled._arrived) <= 8
        assert await pulled.next() == []
        assert await pulled.waiting() == 0


async def test_large_messages_come_a_few_at_a_time(session, monkeypatch):
    monkeypatch.setattr(pull, "BATCH_BYTES", 25_000)
    for number in range(12):
        await session.publisher.append(heard(number, "x" * 10_000))
    batches = [batch async for batch in session.reader.read(EVERYTHING)]
    assert sum(len(one.events) for one in batches) == 12
    assert max(len(one.events) for one in batches) <= 2


async def test_a_deleted_consumer_is_noticed_and_followed_by_another(session):
    async with folding(session) as fold:
        await append(session, *range(3))
        await tip(fold, 3)
        for info in await session.js.consumers_info(streams.MEETINGS.name):
            await session.js.delete_consumer(streams.MEETINGS.name, info.name)
        await append(session, *range(3, 6))
        await tip(fold, 6)
    assert sorted(fold.numbers) == list(range(6))
    assert len(fold.seqs) == len(set(fold.seqs)) == 6


async def test_a_reader_that_is_cancelled_at_once_ends(runtime):
    """Before Python 3.12 a cancellation that comes together with a reply was lost."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())

    async def read():
        async for _ in runtime.reader.follow([subjects.session_events("s1")], 0):
            pass

    for number in range(150):
        reading = asyncio.create_task(read())
        await asyncio.sleep(number % 15 / 1500)
        reading.cancel()
        await asyncio.wait([reading], timeout=3)
        assert reading.cancelled()
