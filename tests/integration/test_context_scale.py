"""Several context instances share the partitions, whatever happens to them and to the server."""

import asyncio
import signal
import time

import structlog

from contracts import streams, subjects
from contracts.queries import ContextWanted
from services.gateway.contexts import context
from tests.support.facts import asked, heard, requested
from tests.support.instances import Instances, assert_undisturbed, folded, sessions
from tests.support.stack import until

log = structlog.get_logger()

FOUR = ("a", "b", "c", "d")
MARGIN = 1.0
"""What a machine that runs other tests beside this one may add to what was promised."""


async def opened(runtime, count=32):
    """Sessions on every partition."""
    ids = sessions(count)
    for session_id in ids:
        await runtime.keyring.create(session_id)
    await say(runtime, ids, requested)
    return ids


async def say(runtime, ids, fact, *given):
    """Append a fact to each session; the last sequence of each."""
    seqs = await asyncio.gather(
        *(runtime.publisher.append(fact(*given, session_id=one)) for one in ids)
    )
    return dict(zip(ids, seqs, strict=True))


async def snapshots_made(runtime, ids):
    """Something said twice with enough time in between that it is saved."""
    for number in (1, 2):
        await say(runtime, ids, heard, number)
        await asyncio.sleep(1.2)
    await say(runtime, ids, heard, 3)


def of(owners, name, ids):
    return [one for one in ids if owners[subjects.partition(one)] == name]


async def takeover(runtime, ids, began):
    """Seconds until what was said after `began` is folded, for the first and the last of these."""
    said = await say(runtime, ids, heard, 4)
    took = sorted(await asyncio.gather(*(folded(runtime, *one) for one in said.items())))
    return round(took[0] - began, 3), round(took[-1] - began, 3)


async def queued(runtime, ids):
    """How many jobs each session has in the work queue."""
    info = await runtime.js.stream_info(streams.JOBS.name, subjects_filter="jobs.>")
    found = info.state.subjects or {}
    return {one: sum(n for name, n in found.items() if name.endswith(f".{one}")) for one in ids}


async def test_one_that_is_killed_is_replaced_within_its_ttl(server, runtime):
    ids = await opened(runtime)
    with Instances(server, runtime) as instances:
        instances.start(*FOUR)
        owners = await instances.balanced(*FOUR)
        await snapshots_made(runtime, ids)
        lost = of(owners, "b", ids)
        assert len(lost) == 8
        began = instances.running["b"].send(signal.SIGKILL)
        first, last = await takeover(runtime, lost, began)
        log.info("measured", signal="kill", first=first, last=last)
        assert last < 2.5 + MARGIN
        await instances.balanced("a", "c", "d")
        instances.start("e")
        after = await instances.balanced("a", "c", "d", "e")
        assert list(after.values()).count("e") == 4
        for one in ids:
            await assert_undisturbed(runtime, one)


async def test_one_that_is_asked_to_end_hands_over_at_once(server, runtime):
    ids = await opened(runtime)
    with Instances(server, runtime) as instances:
        instances.start("a", "b")
        owners = await instances.balanced("a", "b")
        await snapshots_made(runtime, ids)
        began = instances.running["b"].send(signal.SIGTERM)
        first, last = await takeover(runtime, of(owners, "b", ids), began)
        log.info("measured", signal="term", first=first, last=last)
        assert last < 0.5 + MARGIN
        await instances.balanced("a")
        assert instances.running["b"].process.wait(5) == 0
        for one in ids:
            await assert_undisturbed(runtime, one)


async def test_one_that_was_stopped_comes_back_finds_itself_replaced_and_starts_over(
    server, runtime
):
    ids = await opened(runtime)
    with Instances(server, runtime) as instances:
        instances.start("a", "b")
        owners = await instances.balanced("a", "b")
        await snapshots_made(runtime, ids)
        await say(runtime, ids, heard, 3)  # not saved yet
        began = instances.running["b"].send(signal.SIGSTOP)
        lost = of(owners, "b", ids)
        first, last = await takeover(runtime, lost, began)
        log.info("measured", signal="stop", first=first, last=last)
        await instances.balanced("a")
        await say(runtime, ids, asked, "q1")
        await asyncio.sleep(max(0.0, began + 5 - time.monotonic()))
        instances.running["b"].send(signal.SIGCONT)
        await say(runtime, ids, heard, 5)
        again = await instances.balanced("a", "b")
        assert "member.replaced" in instances.running["b"].log.read_text()
        await say(runtime, ids, asked, "q2")
        for one in ids:
            await assert_undisturbed(runtime, one)
        assert set((await queued(runtime, ids)).values()) == {2}
        await asyncio.sleep(1)
        assert await instances.owners() == again


async def test_an_absence_of_the_server_takes_nothing_from_anybody(server, runtime):
    ids = await opened(runtime)
    with Instances(server, runtime) as instances:
        instances.start("a", "b")
        await instances.balanced("a", "b")
        before = await instances.members()
        await snapshots_made(runtime, ids)
        for seconds in (0.2, 4):
            server.kill()
            await asyncio.sleep(seconds)
            await server.start()
            await until(lambda: connected(runtime))
            seqs = await say(runtime, ids, asked, f"q{seconds}")
            began = time.monotonic()
            took = [await folded(runtime, *one) - began for one in seqs.items()]
            log.info("measured", away=seconds, last=round(max(took), 3))
            await asyncio.sleep(2.5)
            assert await instances.members() == before
        assert set((await queued(runtime, ids)).values()) == {2}
        for one in ids:
            await assert_undisturbed(runtime, one)


async def connected(runtime):
    return runtime.nc.is_connected


async def test_a_reader_waits_for_the_next_owner(server, runtime):
    ids = await opened(runtime)
    with Instances(server, runtime) as instances:
        instances.start("a", "b")
        owners = await instances.balanced("a", "b")
        seqs = await say(runtime, ids, heard, 1)
        instances.running["b"].send(signal.SIGKILL)
        lost = of(owners, "b", ids)
        wanted = [ContextWanted(session_id=one, min_seq=seqs[one]) for one in lost]
        for reply in await asyncio.gather(*(context(runtime, one) for one in wanted)):
            assert reply.context.coverage.segments == 1


async def test_two_that_were_given_one_name_are_two(server, runtime):
    with Instances(server, runtime) as instances:
        instances.start("same")
        first = instances.running.pop("same")
        instances.start("same")
        instances.running["first"] = first

        async def both():
            names = list((await instances.members()).values())
            return names if [names.count(one) for one in set(names)] == [8, 8] else None

        await until(both)
