"""The plumbing against a real nats-server."""

import asyncio
import signal

import pytest

from contracts import codec, streams, subjects
from contracts.commands import EndSession
from contracts.events import SegmentHeard
from services._runtime.jetstream import ConflictError
from services._runtime.keyring import KeyGoneError, Keyring, WrongMasterKeyError
from services._runtime.kv import Bucket
from services._runtime.outbox import Outbox
from services._runtime.projection import project
from services._runtime.session_log import UnknownSessionError
from services._runtime.spool import Spool
from services._runtime.worker import Worker
from tests.support.facts import heard, requested, started


async def test_an_event_is_stored_once_however_often_it_is_appended(runtime):
    await runtime.keyring.create("s1")
    first = await runtime.publisher.append(requested())
    assert await runtime.publisher.append(requested()) == first
    assert await runtime.log.read("s1") == ((first, requested()),)
    assert await runtime.log.last_seq("s1") == first


async def test_what_is_stored_cannot_be_read_without_the_key(runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(heard(1, "canary"))
    stored = await runtime.js.get_last_msg(streams.MEETINGS.name, "m.>")
    assert b"canary" not in stored.data


async def test_a_decision_on_an_old_state_is_refused(runtime):
    await runtime.keyring.create("s1")
    seq = await runtime.publisher.append(requested(), expect=0)
    await runtime.publisher.append(heard(1))
    with pytest.raises(ConflictError):
        await runtime.publisher.append(started(), expect=seq)


async def test_unknown_sessions_and_keys_have_names_of_their_own(runtime):
    with pytest.raises(UnknownSessionError):
        await runtime.log.last_seq("nobody")
    with pytest.raises(KeyGoneError):
        await runtime.keyring.key("nobody")


async def test_another_master_key_is_noticed_at_the_start(runtime):
    with pytest.raises(WrongMasterKeyError):
        await Keyring(runtime.js, bytes(32)).check()


async def test_a_follower_reads_on_after_the_server_was_killed(server, runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(heard(0))
    seen, wanted = [], 40

    async def collect(batch):
        seen.extend(event.segment_id for _, event in batch.events)

    following = asyncio.create_task(project(runtime.reader, ["m.>"], 0, collect))
    for number in range(1, wanted):
        await runtime.publisher.append(heard(number))
        if number == wanted // 2:
            server.kill()
            await server.start()
    async with asyncio.timeout(15):
        while len(seen) < wanted:
            await asyncio.sleep(0.05)
    following.cancel()
    assert seen == [f"seg{number}" for number in range(wanted)]


async def test_a_bucket_refuses_a_writer_who_missed_a_change(runtime):
    bucket = Bucket(runtime.nc, runtime.js, streams.CTX)
    assert await bucket.get("s.1.a") == (b"", 0)
    revision = await bucket.put("s.1.a", b"one", 0)
    await bucket.put("s.1.a", b"two", revision)
    with pytest.raises(ConflictError):
        await bucket.put("s.1.a", b"three", revision)
    await bucket.put("s.1.b", b"other", 0)
    await bucket.put("s.2.a", b"elsewhere", 0)
    found = await bucket.matching("s.1.*")
    assert {key: entry.value for key, entry in found.items()} == {
        "s.1.a": b"two",
        "s.1.b": b"other",
    }
    assert await bucket.matching("s.9.*") == {}


async def test_the_outbox_keeps_order_and_count_through_kills_of_the_server(server, runtime):
    await runtime.keyring.create("s1")
    with Spool(server.data_dir / "spool") as spool:
        outbox = Outbox(spool, runtime.keyring, server.url, 1 << 20)
        pumping = asyncio.create_task(outbox.run())
        for number in range(300):
            await outbox.put(heard(number))
            if number in {100, 200}:
                await asyncio.sleep(0.05)
                server.kill()
                await server.start()
        async with asyncio.timeout(20):
            await outbox.drained()
        pumping.cancel()
    events = await runtime.log.read("s1")
    assert [event.segment_id for _, event in events] == [f"seg{number}" for number in range(300)]


async def test_a_command_is_retried_and_in_the_end_put_aside(runtime, monkeypatch):
    monkeypatch.setattr("services._runtime.worker.RETRY_SECONDS", (0.1,))
    monkeypatch.setattr("services._runtime.worker.MAX_DELIVERIES", 3)
    await runtime.keyring.create("s1")
    tries, given_up = [], []

    async def fail(job):
        tries.append(job)
        raise RuntimeError

    async def give_up(job):
        given_up.append(job)

    worker = Worker(runtime.js, runtime.keyring, EndSession, fail, given_up=give_up)
    working = asyncio.create_task(worker.run())
    await runtime.publisher.enqueue(EndSession(session_id="s1"))
    async with asyncio.timeout(10):
        while (await runtime.js.stream_info(streams.DEAD.name)).state.messages == 0:
            await asyncio.sleep(0.05)
        while (await runtime.js.stream_info(streams.JOBS.name)).state.messages > 0:
            await asyncio.sleep(0.05)
    working.cancel()
    assert len(tries) == 3
    assert given_up == [EndSession(session_id="s1")]
    dead = await runtime.js.get_last_msg(streams.DEAD.name, "dead.>")
    assert dead.headers["Earshot-Reason"] == "RuntimeError"


async def test_a_command_nobody_can_read_is_put_aside_and_stops_nothing(runtime):
    await runtime.keyring.create("s1")
    done = []

    async def handle(job):
        done.append(job)

    await runtime.js.publish("jobs.EndSession.s1", b"garbage")
    await runtime.publisher.enqueue(EndSession(session_id="s1"))
    working = asyncio.create_task(Worker(runtime.js, runtime.keyring, EndSession, handle).run())
    async with asyncio.timeout(10):
        while not done or (await runtime.js.stream_info(streams.DEAD.name)).state.messages == 0:
            await asyncio.sleep(0.05)
    working.cancel()


async def test_a_write_whose_acknowledgement_was_late_is_still_ours(server, runtime):
    bucket = Bucket(runtime.nc, runtime.js, streams.CTX)
    revision = await bucket.put("s.1.a", b"one", 0)
    server.process.send_signal(signal.SIGSTOP)
    writing = asyncio.create_task(bucket.put("s.1.a", b"two", revision))
    await asyncio.sleep(3.5)
    server.process.send_signal(signal.SIGCONT)
    assert await writing > revision
    assert (await bucket.get("s.1.a")).value == b"two"


async def test_an_event_that_names_another_session_is_skipped(runtime):
    for session_id in ("s1", "s2"):
        await runtime.keyring.create(session_id)
    key = await runtime.keyring.key("s1")
    for foreign in ("s2", "bad id"):
        body = codec.seal(codec.encode(heard(1, session_id=foreign)), key)
        await runtime.js.publish(subjects.events_of_type("s1", SegmentHeard), body)
    await runtime.publisher.append(heard(2))
    assert [event.segment_id for _, event in await runtime.log.read("s1")] == ["seg2"]
