"""Hosts and bots when something goes wrong around them: a pause, a race, a signal, an outage."""

import asyncio
import gc
import os
import shutil
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from contracts import codec, subjects
from contracts.calls import PlayAudio
from contracts.commands import HostSession
from contracts.events import (
    BotAssigned,
    BotJoined,
    BotLeft,
    GapOpened,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    TimerElapsed,
)
from services._runtime import lease
from services._runtime.clock import now
from services._runtime.jetstream import RefusedError, publish
from services._runtime.kv import Entry
from services._runtime.spool import Spool
from services.ingest import spools
from services.ingest.bot import performing
from services.ingest.bot.performing import Performing
from services.ingest.bot.seam import CallUnansweredError
from services.ingest.bot.steps import Charge
from services.ingest.bot.wire import Assignment
from services.ingest.hosting import child as children
from services.ingest.hosting.child import Child
from services.ingest.hosting.door import Door
from services.ingest.hosting.host import Host
from tests.support.facts import at
from tests.support.rooms import URL, fake, hearing, invite, logged, story
from tests.support.stack import running

HEAD = {"session_id": "s1", "time": at()}
BEATS = 'import sys, time\nwhile True: print(\'{"type": "Beat", "memory": 1}\', flush=True)'


@pytest.fixture
def room(monkeypatch):
    with fake(monkeypatch) as controller:
        yield controller
        assert controller.problems() == []


async def begin(runtime, *events):
    """A session that was asked for, and what happened in it since."""
    await runtime.keyring.create("s1")
    asked = SessionRequested(**HEAD | {"time": now()}, source="daily", room_url=URL)
    for event in (asked, *events):
        seq = await runtime.publisher.append(event)
    return seq


async def sent(runtime, bot_id, fence):
    """A bot's process, with nobody but the test around it."""
    spool = str(runtime.settings.data_dir / "spool" / f"bot-s1-{bot_id}")
    charge = Charge(session_id="s1", bot_id=bot_id, name="Earshot")
    assignment = Assignment(
        charge=charge, room_url=URL, token="owner", fence=fence, lease=0, spool=spool
    )
    return await Child.start(assignment, runtime.settings, lambda: None)


async def process(program):
    """A child that runs `program` instead of a bot."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=asyncio.subprocess.DEVNULL
    )


async def test_a_meeting_that_was_ending_when_its_service_died_ends(server, runtime, room):
    joined = BotJoined(**HEAD, bot_id="b1", participant_id="me")
    await begin(
        runtime,
        SessionJoining(**HEAD),
        BotAssigned(**HEAD, bot_id="b1", number=1),
        joined,
        SessionStarted(**HEAD),
        SessionEnding(**HEAD),
    )
    await runtime.publisher.enqueue(HostSession(session_id="s1", token="owner"))
    async with running(server, "ingest"):
        (ended,) = await logged(runtime, SessionEnded)
        assert ended.reason == "asked"


async def test_two_hosts_of_one_session_leave_a_bot_that_is_on_its_way_alone(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"), running(server, "ingest"):
        await invite(runtime, token="owner")
        job = HostSession(session_id="s1", token="owner")
        again = codec.seal(codec.encode(job), await runtime.keyring.key("s1"))
        for _ in range(3):
            await publish(runtime.js, subjects.job(job), again)
        await hearing(runtime)
        await asyncio.sleep(5)
        assert (await story(runtime)).count("BotAssigned") == 1


async def test_a_gap_begins_when_the_bot_of_a_stopped_service_left(server, runtime, room):
    room.join("Ann", room=URL)
    await invite(runtime, token="owner")
    async with running(server, "ingest"):
        await hearing(runtime)
        room.speak("Ann", "hello")
        await logged(runtime, SegmentHeard)
        await asyncio.sleep(5)
    async with running(server, "ingest"):
        (gap,) = await logged(runtime, GapOpened)
    (started,), (left, *_) = await logged(runtime, SessionStarted), await logged(runtime, BotLeft)
    assert -3 < gap.start - (left.time - started.time).total_seconds() <= 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_all_processes_is_for_the_parent(server, runtime, room, number):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        os.kill(room.conns[0].pid, number)
        room.speak("Ann", "still here")
        await logged(runtime, SegmentHeard)
    (left,) = await logged(runtime, BotLeft)
    assert left.reason == "stopped"


async def test_bots_that_die_as_soon_as_they_are_in_follow_ever_more_slowly(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        killed, end = set(), time.monotonic() + 14
        while time.monotonic() < end:
            for conn in tuple(room.conns):
                if any(conn.bots.values()) and conn.pid not in killed:
                    killed.add(conn.pid)
                    await asyncio.sleep(0.2)
                    os.kill(conn.pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
        assert 2 <= len(killed) <= 5


async def test_an_overtaken_bot_does_not_go_in(runtime, room):
    """Its host stalled after assigning it, and then read its successor's fence."""
    first = BotAssigned(**HEAD, bot_id="b1", number=1)
    second = BotAssigned(**HEAD, bot_id="b2", number=2)
    fence = await begin(runtime, SessionJoining(**HEAD), first, second)
    child = await sent(runtime, "b1", fence)
    assert (await child.fate()).how == "replaced"
    assert not room.find("join")


async def test_a_bot_that_leaves_while_nats_is_away_says_so(server, runtime, room):
    fence = await begin(runtime, SessionJoining(**HEAD), BotAssigned(**HEAD, bot_id="b1", number=1))
    child = await sent(runtime, "b1", fence)
    fate = asyncio.create_task(child.fate())
    await child.entered.wait()
    server.kill()
    child.recall("recycled")
    assert await fate == ("left", "", "recycled")


async def test_a_host_that_was_paused_does_not_take_its_bot_for_silent(monkeypatch):
    monkeypatch.setattr(children, "SILENT_SECONDS", 1.0)
    running = await process(BEATS.replace(": print", ": time.sleep(0.1); print"))
    child = Child(running, lambda: None)
    fate = asyncio.create_task(child.fate())
    await child.beaten.wait()
    time.sleep(2.5)  # noqa: ASYNC251 - the pause
    await asyncio.sleep(1)
    assert not fate.done()
    os.kill(running.pid, signal.SIGSTOP)
    assert (await fate).how == "silent"


@pytest.mark.parametrize("last", ["print('x' * 100_000, flush=True)", "os.close(1)"])
async def test_a_process_that_says_nothing_sensible_is_silent(monkeypatch, last):
    monkeypatch.setattr(children, "BIRTH_SECONDS", 1.0)
    child = Child(await process(f"import os, time; {last}; time.sleep(60)"), lambda: None)
    async with asyncio.timeout(5):
        assert (await child.fate()).how == "silent"


class Store:
    """A bucket with one entry. `looks` are how long each look takes, in seconds."""

    def __init__(self, holder="", looks=(), refused=0):
        value = b'{"holder":"%b","at":"2026-01-05T09:00:00Z"}' % holder.encode()
        self.entry, self.looks, self.refused = Entry(value, 7), list(looks), refused
        self.puts = 0

    async def get(self, key):
        await asyncio.sleep(self.looks.pop(0) if self.looks else 0)
        return self.entry

    async def put(self, key, value, revision):
        self.puts += 1
        if self.puts <= self.refused:
            raise RefusedError("10002")
        self.entry = Entry(value, self.entry.revision + 1)
        return self.entry.revision


async def taken(store, after):
    await asyncio.sleep(after)
    await store.put("k", b'{"holder":"b1","at":"2026-01-05T09:00:00Z"}', 0)


async def test_while_the_server_was_away_no_lease_went_stale(monkeypatch):
    monkeypatch.setattr(lease, "STALE_SECONDS", 1.0)
    for look in (lease.held, lease.abandoned):
        store = Store("b1", looks=[0, 1.5])
        renewing = asyncio.create_task(taken(store, 1.9))
        found = await (look(store, "k", "b1") if look is lease.held else look(store, "k"))
        assert found in {True, 8}
        await renewing


async def test_a_bot_that_was_only_just_named_may_still_take_its_lease(monkeypatch):
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(lease, "UNCLAIMED_SECONDS", 2.0)
    for holder in ("", "b0"):
        store = Store(holder)
        taking = asyncio.create_task(taken(store, 1))
        assert await lease.held(store, "k", "b1", lease.UNCLAIMED_SECONDS)
        await taking
        assert not await lease.held(store, "k", "b1", lease.UNCLAIMED_SECONDS)


async def test_a_renewal_that_a_full_store_refuses_is_tried_again(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.01)
    store = Store(refused=3)
    keeping = asyncio.create_task(lease.Lease(store, "k", "b1", 7).keep())
    while store.puts < 6 and not keeping.done():
        await asyncio.sleep(0.01)
    assert not keeping.done()
    keeping.cancel()


def test_two_services_that_come_for_the_same_spools_do_not_trip_over_each_other(tmp_path):
    for number in range(300):
        Spool(spools.of_bot(tmp_path, "s1", number)).close()
    faults = []

    def collect():
        try:
            for spool, *_ in spools.left_by_bots(tmp_path):
                spool.remove()
        except OSError as error:
            faults.append(error)

    threads = [threading.Thread(target=collect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_spool_that_is_gone_is_removed(tmp_path):
    spool = Spool(tmp_path / "one")
    shutil.rmtree(tmp_path / "one")
    spool.remove()


async def test_a_timer_that_fires_while_an_older_one_is_decided_counts(runtime):
    """The older one of its kind means nothing any more."""
    decided = []

    class Slow:
        async def decide(self, command):
            decided.append(command.due)
            if len(decided) == 1:
                host._notice(elapsed(2))

    def elapsed(due):
        return TimerElapsed(**HEAD, timer="grace", due=at(due))

    means = SimpleNamespace(
        links=runtime, lifecycle=Slow(), timers=None, filling=None, starts=None, now=now
    )
    requested = SessionRequested(**HEAD, source="daily", room_url=URL)
    host = Host(means, requested, Door(URL, None, "Earshot", None))
    host._notice(elapsed(1))
    await host._advance()
    assert decided == [at(1), at(2)]


async def test_a_track_that_daily_does_not_answer_about_ends_quietly(runtime, monkeypatch):
    async def play(*_):
        raise CallUnansweredError("no answer")

    async def get(*_):
        return b"sound"

    async def tell(fact):
        told.append(fact)

    unheard, told = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    decoding = SimpleNamespace(decode_audio=lambda *_: b"", BadMediaError=ValueError)
    monkeypatch.setattr(performing, "_pictures", lambda: decoding)
    charge = Charge(session_id="s1", bot_id="b1", name="Earshot")
    files, call = SimpleNamespace(get=get), SimpleNamespace(play=play)
    playing = Performing(charge, runtime, files, call, now)
    await playing.perform(PlayAudio(file_id="f", track="t"), tell)
    while not told:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    gc.collect()
    assert not unheard
    assert [one.complete for one in told] == [False]
