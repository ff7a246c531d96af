"""A store without room: what is there is served on, nobody is replaced, and later all goes on.

Bugs planted by hand that these tests killed: no right to act without a renewal that was stored; who
could not renew is buried as soon as there is room; who leaves waits for room.
"""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import nats
import pytest
from nats.js.api import StreamConfig
from structlog.testing import capture_logs

from contracts import streams, subjects
from services._runtime import jetstream
from services._runtime.jetstream import FullError, publish
from services._runtime.kv import Bucket
from services.context.membership import Membership, ReplacedError
from services.context.ownership import TTL_SECONDS
from services.context.owning import Owner
from tests.support.facts import asked, heard, requested
from tests.support.nats import Server
from tests.support.stack import running, served, until

ROOM = 300 << 20
"""More than what the dead letters reserve."""


def of_the_account(config):
    config["accounts"] = {
        "A": {"users": [config.pop("authorization")], "jetstream": {"max_file": ROOM}}
    }


def of_the_server(config):
    config["jetstream"]["max_file_store"] = ROOM


@pytest.fixture(params=[of_the_account, of_the_server], ids=lambda limit: limit.__name__)
async def limited(tmp_path, request):
    """A provisioned server with little room, and a stream to fill it with."""
    server = Server(tmp_path)
    path = tmp_path / "nats" / "nats.conf"
    config = json.loads(path.read_text())
    request.param(config)
    path.write_text(json.dumps(config))
    await server.start()
    await server.provision()
    nc = await nats.connect(server.url)
    await nc.jetstream().add_stream(StreamConfig(name="FILLER", subjects=["filler"]))
    await nc.close()
    yield server
    server.stop()


async def fill(runtime):
    for size in (4 << 20, 1 << 16, 1 << 10, 1):
        try:
            while True:
                await publish(runtime.js, "filler", bytes(size), for_room=False)
        except FullError:
            continue


async def make_room(runtime):
    await runtime.js.purge_stream("FILLER")


@asynccontextmanager
async def a_meeting(server):
    """A runtime, with one session; the last sequence of it."""
    async with server.runtime() as runtime:
        await runtime.keyring.create("s1")
        await runtime.publisher.append(requested())
        yield runtime, await runtime.publisher.append(heard(1))


async def members(runtime):
    found = await Bucket(runtime.nc, runtime.js, streams.OWNERS).look(subjects.EVERY_MEMBER)
    return {key: entry.value for key, entry in found.items()}


async def test_what_is_there_is_served_on_and_nobody_is_replaced(limited):
    async with a_meeting(limited) as (runtime, last), running(limited, "context", "context"):
        await until(lambda: two(runtime))
        assert (await served(runtime, min_seq=last)).context.coverage.segments == 1
        before = await members(runtime)
        with capture_logs() as logs:
            await fill(runtime)
            await asyncio.sleep(2 * TTL_SECONDS)
            reply = await asyncio.wait_for(served(runtime, min_seq=last), 1)
            assert reply.context.coverage.segments == 1
            assert len(await runtime.log.read("s1")) == 2
            await make_room(runtime)
            newest = await runtime.publisher.append(heard(2))
            await asyncio.sleep(2 * TTL_SECONDS)
        assert (await served(runtime, min_seq=newest)).context.coverage.segments == 2
        assert await members(runtime) == before
        told = [one["event"] for one in logs]
        assert told.count("owner.refused") == 2
        assert not {"member.buried", "member.replaced"} & {*told}


async def two(runtime):
    owners = Bucket(runtime.nc, runtime.js, streams.OWNERS)
    leases = await owners.look(subjects.EVERY_PARTITION_LEASE)
    counts = [one.value for one in leases.values()]
    return sorted(counts.count(one) for one in {*counts}) == [8, 8]


async def test_a_question_that_could_not_be_handed_out_is_when_there_is_room(server, monkeypatch):
    monkeypatch.setattr("services.context.partition.AGAIN_SECONDS", 0.2)
    async with a_meeting(server) as (runtime, last), running(server, "context"):
        await served(runtime, min_seq=last)
        refuse = asyncio.Event()
        enqueue = jetstream.publish

        async def full(js, subject, *given, **named):
            if subject.startswith("jobs.") and not refuse.is_set():
                raise FullError("10002")
            return await enqueue(js, subject, *given, **named)

        monkeypatch.setattr("services._runtime.publishing.publish", full)
        await runtime.publisher.append(asked("q1"))
        await asyncio.sleep(0.5)
        refuse.set()
        await until(lambda: handed_out(runtime))


async def handed_out(runtime):
    return (await runtime.js.stream_info(streams.JOBS.name)).state.messages == 1


async def test_who_joins_a_full_store_waits_for_room(limited):
    async with a_meeting(limited) as (runtime, last):
        await fill(runtime)
        async with running(limited, "context"):
            await asyncio.sleep(1)
            assert await members(runtime) == {}
            await make_room(runtime)
            assert (await served(runtime, min_seq=last)).context.coverage.segments == 1


async def test_who_leaves_a_full_store_is_gone_at_once(limited):
    async with limited.runtime() as runtime:
        owner = Owner(Bucket(runtime.nc, runtime.js, streams.OWNERS), runtime.nc, "one", Idle)
        owning = asyncio.create_task(owner.run())
        await until(lambda: ready(owner))
        await fill(runtime)
        began = time.monotonic()
        owning.cancel()
        await asyncio.wait({owning})
        assert time.monotonic() - began < 1


class Idle:
    """What is done for a partition in which nothing happens."""

    handlers = {}  # noqa: RUF012 - never written to
    caught_up = True

    def __init__(self, _):
        pass

    async def run(self):
        await asyncio.Event().wait()

    async def begun(self):
        pass


async def ready(owner):
    return owner.ready


async def test_who_was_replaced_learns_it_in_a_full_store_too(limited):
    async with limited.runtime() as runtime:
        one = Membership(Bucket(runtime.nc, runtime.js, streams.OWNERS), runtime.nc, "one")
        keeping = asyncio.create_task(one.keep())
        await one.tenure.held()
        await fill(runtime)
        await runtime.js.purge_stream(
            f"KV_{streams.OWNERS}", subject=f"$KV.{streams.OWNERS}.{subjects.member('one')}"
        )
        with pytest.raises(ReplacedError):
            await asyncio.wait_for(keeping, 5)
        assert not one.tenure.holds
