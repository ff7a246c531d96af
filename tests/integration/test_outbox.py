"""The outbox on a real nats-server: order and count, whatever dies, and for how long."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from contracts import codec, ids, streams, subjects
from contracts.events import BotAssigned, SegmentHeard
from services._runtime import provision, pump
from services._runtime.connection import UnavailableError, connect_once, drop
from services._runtime.fence import Fence, FencedError
from services._runtime.keyring import Keyring
from services._runtime.outbox import Outbox
from services._runtime.publishing import event_headers
from services._runtime.spool import Entry, Position, Spool
from tests.support.facts import at, heard
from tests.support.nats import Server

START = Position(0, 0)
ROOM = 1 << 20


@asynccontextmanager
async def pumping(server, runtime, spool, max_bytes=ROOM):
    """An outbox that runs; an error in it fails the test."""
    outbox = Outbox(spool, runtime.keyring, server.url, max_bytes)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outbox.run())
        yield outbox
        task.cancel()


@asynccontextmanager
async def own_spool(server, **fields):
    with Spool(server.data_dir / "spool", **fields) as spool:
        yield spool


async def drained(outbox, seconds=15):
    async with asyncio.timeout(seconds):
        await outbox.drained()


async def stored(runtime, session_id="s1"):
    return [event.segment_id for _, event in await runtime.log.read(session_id)]


def numbered(*numbers):
    return [f"seg{number}" for number in numbers]


async def entry(runtime, number, text=None, age=0.0) -> Entry:
    """What the outbox spools for a segment, put `age` seconds ago."""
    event = heard(number, text)
    sealed = codec.seal(codec.encode(event), await runtime.keyring.key("s1"))
    headers = event_headers(event)
    return Entry(subjects.of(event), ids.of_event(event), headers, sealed, time.time() - age)


async def reconfigured(runtime, **fields):
    """MEETINGS with another limit."""
    config = (await runtime.js.stream_info(streams.MEETINGS.name)).config
    await runtime.js.update_stream(replace(config, **fields))


@pytest.fixture
async def session(runtime):
    await runtime.keyring.create("s1")
    return runtime


PRODUCER = """
import asyncio, sys
from pathlib import Path
from services._runtime.app import opened
from services._runtime.outbox import Outbox
from services._runtime.settings import Settings
from services._runtime.spool import Spool
from tests.support.facts import at, heard

async def main(url, directory, count):
    given = Settings(_env_file=None, nats_url=url, data_dir=directory)
    async with opened("producer", given, asyncio.Event()) as own:
        outbox = Outbox(Spool(Path(directory) / "spool"), own.keyring, url, 1 << 20)
        await outbox.put(heard(0))
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(1, count):
            await outbox.put(heard(number))
        print("put", flush=True)
        sys.stdin.readline()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_what_a_killed_process_spooled_arrives_after_a_restart(server, session):
    command = [sys.executable, "-c", PRODUCER, server.url, str(server.data_dir), "50"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as producer:
        assert await asyncio.to_thread(producer.stdout.readline) == "ready\n"
        server.kill()  # nothing of what follows can go out
        producer.stdin.write("\n")
        producer.stdin.flush()
        assert await asyncio.to_thread(producer.stdout.readline) == "put\n"
        producer.kill()
    await server.start()
    async with own_spool(server) as spool, pumping(server, session, spool) as outbox:
        await outbox.put(heard(50))
        await drained(outbox)
    assert await stored(session) == numbered(*range(51))


@pytest.fixture
async def forgetful(session, monkeypatch):
    """A server that remembers keys for a second, and an outbox that knows it."""
    monkeypatch.setattr(pump, "RECHECK_SECONDS", 0.5)
    await reconfigured(session, duplicate_window=1.0)
    return session


async def test_nothing_is_doubled_after_an_outage_beyond_the_duplicate_window(server, forgetful):
    """The server stored some, died before it said so, and has forgotten their keys since."""
    entries = [await entry(forgetful, number, age=60) for number in range(40)]
    for one in entries[:25]:
        await forgetful.js.publish(one.subject, one.data, headers={"Nats-Msg-Id": one.key})
    await asyncio.sleep(1.5)
    server.kill()
    await server.start()
    async with own_spool(server) as spool:
        for one in entries:
            spool.put(one)
        async with pumping(server, forgetful, spool) as outbox:
            await outbox.put(heard(40))
            await drained(outbox)
    assert await stored(forgetful) == numbered(*range(41))


async def test_a_long_doubt_is_settled_piece_by_piece(server, forgetful, monkeypatch):
    monkeypatch.setattr(pump, "CHUNK", 32)
    monkeypatch.setattr(pump, "WINDOW", 8)
    looked_up = []
    look = pump.Pump._stored

    async def counted(self, subject, keys):
        looked_up.append(len(keys))
        return await look(self, subject, keys)

    monkeypatch.setattr(pump.Pump, "_stored", counted)
    ages = [60 if number < 200 else -60 for number in range(400)]
    entries = [await entry(forgetful, number, age=age) for number, age in enumerate(ages)]
    for one in (*entries[:10], *entries[150:160]):
        await forgetful.js.publish(one.subject, one.data, headers={"Nats-Msg-Id": one.key})
    await asyncio.sleep(1.5)
    async with own_spool(server, segment_bytes=4000) as spool:
        for one in entries:
            spool.put(one)
        async with pumping(server, forgetful, spool) as outbox:
            await drained(outbox)
    # What lies between was not stored, as after another instance took a session over.
    order = (*range(10), *range(150, 160), *range(10, 150), *range(160, 400))
    assert await stored(forgetful) == numbered(*order)
    assert max(looked_up) == 32
    assert sum(looked_up) == 200  # where no entry is old there is no doubt


async def test_what_a_power_loss_took_from_the_server_is_sent_again(server, session):
    store = server.data_dir / "nats" / "store"
    async with own_spool(server) as spool, pumping(server, session, spool) as outbox:
        for number in range(30):
            await outbox.put(heard(number))
        await drained(outbox)
        server.stop()
        shutil.copytree(store, server.data_dir / "early")
        await server.start()
        for number in range(30, 90):
            await outbox.put(heard(number))
            await asyncio.sleep(0.01)
        await drained(outbox)
        server.kill()
        shutil.rmtree(store)
        (server.data_dir / "early").rename(store)
        await server.start()
        await outbox.put(heard(90))
        await drained(outbox)
        assert await stored(session) == numbered(*range(91))


async def test_acknowledgements_settle_in_time_even_when_nothing_follows(
    server, session, monkeypatch
):
    monkeypatch.setattr(pump, "SETTLE_SECONDS", 1.0)
    async with own_spool(server, segment_bytes=1000) as spool:
        async with pumping(server, session, spool) as outbox:
            for number in range(20):
                await outbox.put(heard(number))
            await drained(outbox)
            assert spool.cursor.settled == START
            async with asyncio.timeout(5):
                while spool.cursor.settled != spool.end:
                    await asyncio.sleep(0.05)
        spool.save()
        assert len(list((server.data_dir / "spool").glob("*.seg"))) == 1


async def test_a_full_spool_makes_putting_wait_until_there_is_room(server, session):
    server.kill()
    async with own_spool(server) as spool, pumping(server, session, spool, 4000) as outbox:
        put = []

        async def fill():
            for number in range(60):
                await outbox.put(heard(number))
                put.append(number)

        filling = asyncio.create_task(fill())
        await asyncio.sleep(0.5)
        assert 0 < len(put) < 30
        assert 4000 <= spool.backlog < 5000
        await server.start()
        async with asyncio.timeout(10):
            await filling
        await drained(outbox)
    assert await stored(session) == numbered(*range(60))


async def test_segments_roll_over_without_a_stop(server, session):
    """Each entry is alone on its way when its segment is full."""
    async with own_spool(server, segment_bytes=500) as spool:
        async with pumping(server, session, spool) as outbox:
            for number in range(40):
                began = time.monotonic()
                await outbox.put(heard(number))
                await drained(outbox)
                assert time.monotonic() - began < 1
        assert spool.end.segment > 10
    assert await stored(session) == numbered(*range(40))


async def test_what_is_too_large_is_put_aside_and_the_rest_flows(server, session):
    """Between the two limits lies what only fits without its headers: the server hangs up on it."""
    fits = session.nc.max_payload - 500
    texts = {1: "x" * (session.nc.max_payload + 10), 2: "x" * fits}
    plain = len((await entry(session, 2, "")).data)
    texts[3] = "x" * (session.nc.max_payload - plain)
    async with own_spool(server) as spool:
        for number in range(5):
            spool.put(await entry(session, number, texts.get(number)))
        async with pumping(server, session, spool) as outbox:
            await drained(outbox)
    assert await stored(session) == numbered(0, 2, 4)
    assert refused(server) == [ids.of_event(heard(1)), ids.of_event(heard(3))]


def refused(server):
    """Keys of what was put aside."""
    folder = server.data_dir / "aside"
    folder.mkdir()
    shutil.copy(server.data_dir / "spool" / "refused", folder / "000000000001.seg")
    with closing(Spool(folder)) as spool:
        return [one.key for _, one in spool.entries(START)]


async def test_what_the_server_will_never_take_is_put_aside_and_the_rest_flows(server, session):
    await reconfigured(session, max_msg_size=2000)
    async with own_spool(server) as spool, pumping(server, session, spool) as outbox:
        for number in range(100):
            await outbox.put(heard(number, "x" * 3000 if number % 10 == 5 else None))
        await drained(outbox)
    taken = [number for number in range(100) if number % 10 != 5]
    assert await stored(session) == numbered(*taken)
    assert refused(server) == [ids.of_event(heard(number)) for number in range(5, 100, 10)]


@asynccontextmanager
async def limited(tmp_path, max_file):
    """A server whose account may store so many bytes, with the log, the keys and a stream that
    fills most of it."""
    server = Server(tmp_path)
    path = tmp_path / "nats" / "nats.conf"
    config = json.loads(path.read_text())
    user = config.pop("authorization")
    config["accounts"] = {"A": {"users": [user], "jetstream": {"max_file": max_file}}}
    path.write_text(json.dumps(config))
    await server.start()
    nc = await nats.connect(server.url)
    js = nc.jetstream(timeout=5)
    try:
        for stream in (streams.MEETINGS, streams.KEYS):
            await js.add_stream(provision._config(stream))
        await js.add_stream(StreamConfig(name="FILLER", subjects=["f"]))
        await js.publish("f", bytes(max_file // 2))
        yield server, js
    finally:
        await nc.close()
        server.stop()


async def test_a_full_store_is_waited_for(tmp_path):
    """The server calls this a bad request, as it does what it will never take."""
    async with limited(tmp_path, 100_000) as (server, js):
        keyring = Keyring(js, bytes(32))
        await keyring.create("s1")
        async with own_spool(server) as spool:
            outbox = Outbox(spool, keyring, server.url, ROOM)
            task = asyncio.create_task(outbox.run())
            for number in range(100):
                await outbox.put(heard(number, "x" * 500))
            await asyncio.sleep(1)
            assert spool.cursor.acked < spool.end
            await js.delete_stream("FILLER")
            await drained(outbox)
            task.cancel()
        assert not (tmp_path / "spool" / "refused").exists()
        assert (await js.stream_info(streams.MEETINGS.name)).state.messages == 100


async def test_a_server_that_hangs_is_left_and_found_again(server, session):
    async with own_spool(server) as spool, pumping(server, session, spool) as outbox:
        for number in range(20):
            await outbox.put(heard(number))
        await drained(outbox)
        tasks = len(asyncio.all_tasks())
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            for number in range(20, 200):
                await outbox.put(heard(number))
                await asyncio.sleep(0.025)
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        await drained(outbox)
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) <= tasks + 3
    assert await stored(session) == numbered(*range(200))


async def test_an_acknowledgement_that_never_comes_holds_the_cursor_and_is_not_waited_for(
    server, session, monkeypatch
):
    monkeypatch.setattr(pump, "STALL_SECONDS", 0.7)
    reply, lost = pump.Pump._on_reply, []

    async def lossy(self, message):
        if message.subject.endswith(".5") and not lost:
            lost.append(message)
        else:
            await reply(self, message)

    monkeypatch.setattr(pump.Pump, "_on_reply", lossy)
    async with own_spool(server) as spool:
        for number in range(20):
            spool.put(await entry(session, number))
        behind = [at for at, _ in spool.entries(START)]
        async with pumping(server, session, spool) as outbox:
            await asyncio.sleep(0.5)
            assert len(await stored(session)) == 20
            assert spool.cursor.acked == behind[3]
            await drained(outbox, 5)
    assert await stored(session) == numbered(*range(20))


def open_handles():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_hanging_connection_is_dropped_at_once_and_whole(server, session):
    handles = open_handles()
    nc = await connect_once(server.url, "test")

    async def ignore(_):
        """Only its task matters."""

    await nc.subscribe("x", cb=ignore)
    tasks = asyncio.all_tasks()
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        for _ in range(7):
            await nc.publish("x", bytes(1 << 20))
            await asyncio.sleep(0)
        began = time.monotonic()
        await drop(nc)
        assert time.monotonic() - began < 0.5
        await asyncio.sleep(0.1)
        assert open_handles() == handles
        assert len(asyncio.all_tasks()) < len(tasks)
        with pytest.raises(UnavailableError):
            await connect_once(server.url, "test")
        assert open_handles() == handles
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def test_drained_means_what_was_put_until_then(server, session):
    async with own_spool(server) as spool:
        outbox = Outbox(spool, session.keyring, server.url, ROOM)
        await asyncio.wait_for(outbox.drained(), 1)  # nothing was put
        await outbox.put(heard(0))
        waiting = asyncio.create_task(outbox.drained())
        await asyncio.sleep(0.1)
        assert not waiting.done()  # nobody pumps
        async with pumping(server, session, spool) as pumped:
            await drained(pumped)
            server.kill()
            await pumped.put(heard(1))
            waiting = asyncio.create_task(pumped.drained())
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await server.start()
            async with asyncio.timeout(10):
                await waiting
    assert await stored(session) == numbered(0, 1)


async def test_what_is_held_in_memory_does_not_grow_with_the_spool(server, session, monkeypatch):
    pumps = []
    make = pump.Pump.__init__

    def remember(self, *given, **options):
        pumps.append(self)
        make(self, *given, **options)

    monkeypatch.setattr(pump.Pump, "__init__", remember)
    peak = 0
    async with own_spool(server, segment_bytes=20_000) as spool:
        for number in range(3000):
            spool.put(await entry(session, number))
        async with pumping(server, session, spool) as outbox:
            waiting = asyncio.create_task(drained(outbox))
            while not waiting.done():
                await asyncio.sleep(0)
                for one in pumps:
                    sizes = len(one._sent), len(one._acked), len(one._replies), len(one._known)
                    peak = max(peak, *sizes)
            await waiting
            (only,) = pumps
            assert (len(only._sent), len(only._acked), only._flying) == (0, 0, 0)
            assert len(only._acks) <= 12
    assert 0 < peak <= pump.WINDOW
    assert len(await stored(session)) == 3000


async def test_large_entries_are_not_all_in_flight_at_once(server, session, monkeypatch):
    monkeypatch.setattr(pump, "WINDOW_BYTES", 50_000)
    publish, most = nats.aio.client.Client.publish, 0

    async def watched(self, subject, *given, **more):
        nonlocal most
        if subject.startswith("m."):
            most = max(most, *(one._flying for one in pumps))
        await publish(self, subject, *given, **more)

    pumps = []
    make = pump.Pump.__init__
    monkeypatch.setattr(
        pump.Pump, "__init__", lambda self, *a, **k: (pumps.append(self), make(self, *a, **k))[1]
    )
    monkeypatch.setattr(nats.aio.client.Client, "publish", watched)
    async with own_spool(server) as spool:
        for number in range(60):
            spool.put(await entry(session, number, "x" * 10_000))
        async with pumping(server, session, spool) as outbox:
            await drained(outbox)
    assert 50_000 <= most < 62_000
    assert len(await stored(session)) == 60


async def test_a_failing_disk_is_survived(server, session, monkeypatch):
    monkeypatch.setattr("services._runtime.outbox.DISK_PAUSE_SECONDS", 0.1)
    failures = []

    def fail(self):
        failures.append(1)
        raise OSError("disk")

    monkeypatch.setattr(Spool, "save", fail)
    async with own_spool(server) as spool, pumping(server, session, spool) as outbox:
        for number in range(5):
            await outbox.put(heard(number))
        await drained(outbox)
        while len(failures) < 3:
            await asyncio.sleep(0.05)
        monkeypatch.undo()
        await asyncio.sleep(0.4)
    with Spool(server.data_dir / "spool") as again:
        assert again.cursor.acked == again.end


async def test_a_replaced_writer_is_refused_and_its_heir_delivers(server, session, tmp_path):
    """Who writes is an event of the log; the server compares with it at each message."""
    subject = subjects.events_of_type("s1", BotAssigned)
    seq = await session.publisher.append(assigned("bot1", 1))
    with closing(Spool(tmp_path / "fenced")) as spool:
        outbox = Outbox(spool, session.keyring, server.url, 1 << 20, fence=Fence(subject, seq))
        pumping = asyncio.create_task(outbox.run())
        for number in range(50):
            await outbox.put(heard(number))
        await outbox.drained()
        await session.publisher.append(assigned("bot2", 2))
        await outbox.put(heard(50))
        with pytest.raises(ExceptionGroup) as raised:
            await pumping
        assert raised.group_contains(FencedError)
        assert await segments(session) == list(range(50))
        heir = Outbox(spool, session.keyring, server.url, 1 << 20)
        pumping = asyncio.create_task(heir.run())
        await heir.drained()
        pumping.cancel()
        assert await segments(session) == list(range(51))


def assigned(bot_id, number):
    return BotAssigned(session_id="s1", time=at(), bot_id=bot_id, number=number)


async def segments(session):
    events = [event for _, event in await session.log.read("s1")]
    return [int(one.segment_id[3:]) for one in events if isinstance(one, SegmentHeard)]
