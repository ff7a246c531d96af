"""Durable timers on a real nats-server: they fire once, when due, whoever lives then."""

import asyncio
from datetime import timedelta

import pytest

from contracts import ids, streams, subjects
from contracts.events import SessionEnded, SessionWaiting, TimerElapsed
from services._runtime import jetstream
from services._runtime.clock import now
from services._runtime.connection import UnavailableError
from services._runtime.keyring import KeyGoneError, Keyring, master_key
from services._runtime.projection import Reader
from services.ingest import session, timers
from services.ingest.lifecycle import Lifecycle
from services.ingest.session import ReportTimer, Wait
from services.ingest.timers import Timers
from tests.support.facts import heard, requested
from tests.support.stack import until

EVERYTHING = ["m.>"]


@pytest.fixture
async def set_timers(runtime):
    await runtime.keyring.create("s1")
    return Timers(runtime).set


def soon(seconds):
    return now() + timedelta(seconds=seconds)


async def stored(runtime):
    return [event async for batch in runtime.reader.read(EVERYTHING) for _, event in batch.events]


async def fired(runtime, count=1, seconds=10):
    """The events of the log once there are so many, and a while after in which none may follow."""

    async def check():
        found = await stored(runtime)
        return found if len(found) >= count else None

    await until(check, seconds)
    await asyncio.sleep(0.6)
    return await stored(runtime)


async def pending(runtime):
    info = await runtime.js.stream_info(streams.MEETINGS.name, subjects_filter="sched.>")
    return sorted(info.state.subjects or {})


def elapsed(timer, due, session_id="s1"):
    return TimerElapsed(session_id=session_id, time=due, timer=timer, due=due)


async def test_a_timer_fires_when_it_is_due_and_is_an_event_like_any_other(runtime, set_timers):
    due = soon(1)
    await set_timers("s1", {"grace": due})
    assert await stored(runtime) == []
    assert await fired(runtime) == [elapsed("grace", due)]
    assert timedelta() < now() - due < timedelta(seconds=3)
    assert await pending(runtime) == []


async def test_what_fired_has_the_key_of_its_meaning(runtime, set_timers):
    """A fold that stands there must find its place again."""
    due = soon(0)
    await set_timers("s1", {"grace": due})
    await fired(runtime)
    (batch,) = [batch async for batch in runtime.reader.read(EVERYTHING)]
    key = ids.of_event(elapsed("grace", due))
    assert batch.key == key
    assert await runtime.log.holds(batch.upto, key)
    assert not await runtime.log.holds(batch.upto, "another")
    await runtime.publisher.append(heard(1))
    following = runtime.reader.follow(EVERYTHING, batch.upto, key)
    assert [event for _, event in (await anext(following)).events] == [heard(1)]
    await following.aclose()


async def test_a_pending_timer_is_no_event(runtime, set_timers):
    await runtime.publisher.append(requested())
    await set_timers("s1", {"room_expiry": soon(60), "no_show": soon(30)})
    assert await stored(runtime) == [requested()]
    assert [event for _, event in await runtime.log.read("s1")] == [requested()]
    assert await runtime.log.last_seq("s1") == 1


async def test_of_a_replaced_timer_only_the_new_one_fires(runtime, set_timers):
    later = soon(1.2)
    await set_timers("s1", {"grace": soon(0.6)})
    await set_timers("s1", {"grace": later})
    assert await fired(runtime) == [elapsed("grace", later)]


async def test_a_cancelled_timer_does_not_fire_and_the_others_do(runtime, set_timers):
    due = soon(1)
    await set_timers("s1", {"grace": due, "no_show": due, "room_expiry": due})
    await set_timers("s1", {"no_show": due})
    assert await pending(runtime) == [subjects.schedule("s1", "no_show")]
    assert await fired(runtime) == [elapsed("no_show", due)]


async def test_a_cancelled_timer_can_be_set_to_the_same_time_again(runtime, set_timers):
    due = soon(0.8)
    for armed in ({"grace": due}, {}, {"grace": due}):
        await set_timers("s1", armed)
    assert await fired(runtime) == [elapsed("grace", due)]


async def test_setting_what_is_set_asks_the_server_nothing(server, runtime, set_timers):
    armed = {"grace": soon(60)}
    await set_timers("s1", armed)
    server.kill()
    async with asyncio.timeout(1):
        for _ in range(1000):
            await set_timers("s1", dict(armed))
    await server.start()


async def test_a_past_time_fires_at_once_and_only_once(runtime, set_timers):
    due = soon(-3600)
    for _ in range(3):
        await set_timers("s1", {"no_show": due})
        assert await fired(runtime, seconds=2) == [elapsed("no_show", due)]


async def test_timers_of_other_sessions_are_left_alone(runtime, set_timers):
    await runtime.keyring.create("s2")
    due = soon(60)
    for session_id in ("s1", "s2"):
        await set_timers(session_id, {"grace": due})
    await set_timers("s1", {})
    assert await pending(runtime) == [subjects.schedule("s2", "grace")]


async def test_another_process_makes_them_what_they_should_be_by_now(runtime, set_timers):
    expiry = soon(1)
    await set_timers("s1", {"grace": soon(0.8), "room_expiry": soon(60)})
    await Timers(runtime).set("s1", {"room_expiry": expiry})
    assert await fired(runtime) == [elapsed("room_expiry", expiry)]


async def test_what_is_forgotten_is_set_anew(runtime, set_timers, monkeypatch):
    monkeypatch.setattr(timers, "REMEMBERED", 2)
    for session_id in ("s2", "s3"):
        await runtime.keyring.create(session_id)
    due, own = soon(60), Timers(runtime)
    for session_id in ("s1", "s2", "s3"):
        await own.set(session_id, {"grace": due})
    assert len(own._known) == 2
    await own.set("s1", {})
    assert await pending(runtime) == [subjects.schedule(one, "grace") for one in ("s2", "s3")]


async def test_a_timer_due_while_the_server_is_dead_fires_once_when_it_is_back(
    server, runtime, set_timers
):
    due = soon(1)
    await set_timers("s1", {"grace": due, "room_expiry": soon(3600)})
    server.kill()
    await asyncio.sleep(2)
    await server.start()
    await until(lambda: _connected(runtime))
    assert await fired(runtime) == [elapsed("grace", due)]
    assert await pending(runtime) == [subjects.schedule("s1", "room_expiry")]


async def test_a_server_that_is_away_is_said_and_the_next_call_sets_all(
    server, runtime, set_timers, monkeypatch
):
    monkeypatch.setattr(jetstream, "LIMIT_SECONDS", 0.5)
    runtime.js._timeout = 0.5
    due = soon(60)
    await set_timers("s1", {"grace": due, "no_show": due})
    server.kill()
    with pytest.raises(UnavailableError):
        await set_timers("s1", {"grace": due, "room_expiry": due})
    with pytest.raises(UnavailableError):
        await set_timers("s1", {"grace": due})
    await server.start()
    await until(lambda: _connected(runtime))
    await set_timers("s1", {"grace": due, "room_expiry": due})
    assert await pending(runtime) == [
        subjects.schedule("s1", timer) for timer in ("grace", "room_expiry")
    ]


async def test_what_was_left_half_done_is_done_again(runtime, set_timers, monkeypatch):
    first, second = soon(1.2), soon(60)

    async def away(*_, **__):
        raise TimeoutError

    await set_timers("s1", {"grace": first, "no_show": second})
    with monkeypatch.context() as patched:
        patched.setattr(runtime.js, "purge_stream", away)
        with pytest.raises(UnavailableError):
            await set_timers("s1", {"grace": second})
    await set_timers("s1", {"grace": first})
    assert await pending(runtime) == [subjects.schedule("s1", "grace")]
    assert await fired(runtime) == [elapsed("grace", first)]


async def test_an_erased_session_has_no_timers_left(server, runtime, set_timers):
    await set_timers("s1", {"grace": soon(60)})
    await _destroy_key(runtime, "s1")
    async with server.runtime() as other:
        await Timers(other).set("s1", {"grace": soon(1), "room_expiry": soon(60)})
        assert await pending(other) == []
        with pytest.raises(KeyGoneError):
            await other.keyring.key("s1")


async def test_a_timer_of_an_erased_session_is_passed_over(runtime, set_timers):
    await runtime.keyring.create("s2")
    due, later = soon(0.5), soon(0.9)
    await set_timers("s1", {"grace": due})
    await set_timers("s2", {"grace": later})
    await _destroy_key(runtime, "s1")
    fresh = Keyring(runtime.js, master_key(runtime.settings))
    reader = Reader(runtime.nc, runtime.js, fresh)
    await until(lambda: _at_least(runtime, 2))
    read = [event async for batch in reader.read(EVERYTHING) for _, event in batch.events]
    assert read == [elapsed("grace", later, "s2")]


async def test_a_session_that_nobody_comes_to_ends_by_its_timer(runtime, set_timers):
    await runtime.publisher.append(requested(source="daily"))
    lifecycle = Lifecycle(runtime)
    no_show_at = soon(1)
    state = await lifecycle.decide(Wait("s1", now(), no_show_at))
    await set_timers("s1", session.armed(state))
    (firing,) = [one for one in await fired(runtime, 3) if isinstance(one, TimerElapsed)]
    state = await lifecycle.decide(ReportTimer("s1", now(), firing.timer, firing.due))
    await set_timers("s1", session.armed(state))
    kinds = [type(one) for _, one in await runtime.log.read("s1")]
    assert kinds[1:] == [SessionWaiting, TimerElapsed, SessionEnded]
    assert isinstance(await lifecycle.state("s1"), session.Over)


async def _destroy_key(runtime, session_id):
    await runtime.js.purge_stream(streams.KEYS.name, subject=subjects.key(session_id))


async def _connected(runtime):
    return runtime.nc.is_connected


async def _at_least(runtime, count):
    info = await runtime.js.stream_info(streams.MEETINGS.name, subjects_filter="m.>")
    return sum((info.state.subjects or {}).values()) >= count
