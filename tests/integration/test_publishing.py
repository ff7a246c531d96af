"""One publish on a real nats-server: stored, refused or unavailable; and what it goes into."""

import asyncio

import pytest

from contracts import streams
from contracts.commands import EndSession
from services._runtime import jetstream, provision
from services._runtime.blobs import BlobMissingError, Blobs
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import ConflictError, RefusedError, publish
from tests.support.facts import heard, requested


async def test_a_server_that_is_away_is_unavailable_and_waited_for_until_then(
    server, runtime, monkeypatch
):
    monkeypatch.setattr(jetstream, "ACK_SECONDS", 0.5)
    await runtime.keyring.create("s1")
    server.kill()
    waiting = asyncio.create_task(runtime.publisher.append(requested()))
    await asyncio.sleep(0.5)
    await server.start()
    first = await waiting
    server.kill()
    monkeypatch.setattr(jetstream, "LIMIT_SECONDS", 1.0)
    with pytest.raises(UnavailableError):
        await runtime.publisher.append(heard(1))
    with pytest.raises(UnavailableError):
        await runtime.publisher.enqueue(EndSession(session_id="s1"))
    await server.start()
    assert await runtime.publisher.append(requested()) == first


async def test_what_is_too_large_is_refused_and_the_connection_lives(runtime):
    """What fits only without its headers would make the server hang up, again and again."""
    limit = runtime.nc.max_payload
    for size in (limit + 1, limit, limit - 20):
        with pytest.raises(RefusedError, match="max_payload"):
            await publish(runtime.js, "m.1.s.X", bytes(size), key="k")
    assert await publish(runtime.js, "m.1.s.X", bytes(limit - 100), key="k") > 0
    assert runtime.nc.stats["reconnects"] == 0


async def test_the_expected_sequence_is_that_of_the_filter(runtime):
    first = await publish(runtime.js, "m.1.s.A", b"", expect=0)
    await publish(runtime.js, "m.1.s.B", b"", expect=0)
    with pytest.raises(ConflictError):
        await publish(runtime.js, "m.1.s.A", b"", expect=first, expect_in="m.1.s.>")
    assert await publish(runtime.js, "m.1.s.A", b"", expect=first) == first + 2


async def test_a_stream_that_does_not_take_the_subject_is_unavailable(runtime, monkeypatch):
    monkeypatch.setattr(jetstream, "LIMIT_SECONDS", 0.5)
    with pytest.raises(UnavailableError):
        await publish(runtime.js, "nowhere", b"")


async def test_provisioning_again_changes_nothing_and_puts_right_what_differs(server, runtime):
    async def configs():
        found = [await runtime.js.stream_info(one.name) for one in streams.STREAMS]
        return [one.config for one in found]

    before = await configs()
    changed = []
    update = runtime.js.update_stream

    async def watched(config):
        changed.append(config.name)
        return await update(config)

    runtime.js.update_stream = watched
    await provision.provision(runtime.js)
    assert changed == []
    wrong = (await runtime.js.stream_info(streams.DEAD.name)).config
    wrong.max_age = 3600.0
    await update(wrong)
    await provision.provision(runtime.js)
    assert changed == [streams.DEAD.name]
    assert await configs() == before


async def test_a_missing_stream_is_named_before_anything_is_served(server, runtime):
    await runtime.js.delete_stream(streams.JOBS.name)
    with pytest.raises(provision.NotProvisionedError, match="JOBS"):
        async with server.runtime():
            pass


async def test_objects_are_sealed_replaced_and_deleted(server, runtime):
    for session in ("s1", "s2"):
        await runtime.keyring.create(session)
    blobs = await Blobs.open(runtime.js, streams.RECORDINGS, runtime.keyring)
    await blobs.put("s1", "rec", b"canary" * 100_000)
    assert await blobs.get("s1", "rec") == b"canary" * 100_000
    await blobs.put("s1", "rec", b"other")
    assert await blobs.get("s1", "rec") == b"other"
    for session, name in (("s2", "rec"), ("s1", "none")):
        with pytest.raises(BlobMissingError):
            await blobs.get(session, name)
    await blobs.delete("s1", "rec")
    await blobs.delete("s1", "rec")
    with pytest.raises(BlobMissingError):
        await blobs.get("s1", "rec")
    store = b"".join(path.read_bytes() for path in (server.data_dir / "nats").rglob("*.blk"))
    assert b"canarycanary" not in store


async def test_an_object_that_does_not_come_is_not_waited_for_for_ever(
    server, runtime, monkeypatch
):
    monkeypatch.setattr("services._runtime.blobs.LIMIT_SECONDS", 1.0)
    await runtime.keyring.create("s1")
    blobs = await Blobs.open(runtime.js, streams.RECORDINGS, runtime.keyring)
    await blobs.put("s1", "rec", b"x" * 1000)
    await runtime.js.purge_stream(f"OBJ_{streams.RECORDINGS}", subject="$O.*.C.>")
    with pytest.raises(TimeoutError):
        await blobs.get("s1", "rec")
