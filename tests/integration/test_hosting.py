"""Bots in rooms of the fake: the whole ingest service, real processes, a real server."""

import asyncio
import os
import signal

import pytest

from contracts.calls import SendChat
from contracts.commands import EndSession
from contracts.events import (
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    CommandDone,
    CommandFailed,
    CommandRequested,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    RoomEmptied,
    SegmentHeard,
    SessionEnded,
    SessionFailed,
)
from services._runtime.clock import now
from tests.support.facts import at
from tests.support.rooms import URL, fake, hearing, invite, logged, story, told
from tests.support.stack import running

QUICK = {"grace_seconds": 1.0, "no_show_seconds": 2.0}


@pytest.fixture
def room(monkeypatch):
    """A room with nobody in it, and the environment in which bots get into it."""
    with fake(monkeypatch) as controller:
        yield controller
        assert controller.problems() == []


async def texts(runtime, count):
    return [one.text for one in await logged(runtime, SegmentHeard, count=count)]


async def ended(runtime, **wanted):
    (event,) = await logged(runtime, SessionEnded, **wanted)
    return event.reason


async def test_a_bot_joins_hears_and_leaves_when_asked(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.speak("Ann", "we ship on Friday", interim=["we ship"])
        (segment,) = await logged(runtime, SegmentHeard)
        assert (segment.text, segment.speaker) == ("we ship on Friday", "Ann")
        await runtime.publisher.enqueue(EndSession(session_id="s1"))
        assert await ended(runtime) == "asked"
    kinds = await story(runtime)
    assert [one for one in kinds if one.startswith(("Session", "Bot"))] == [
        "SessionRequested",
        "SessionWaiting",
        "SessionJoining",
        "BotAssigned",
        "BotJoining",
        "BotJoined",
        "SessionStarted",
        "SessionEnding",
        "BotLeft",
        "SessionEnded",
    ]
    assert not list((server.data_dir / "spool").glob("bot-*"))


async def test_the_last_to_leave_may_come_back(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest", grace_seconds=3.0):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.leave("Ann")
        await logged(runtime, RoomEmptied)
        room.join("Ann", room=URL)
        await logged(runtime, ParticipantJoined, count=2)
        await asyncio.sleep(4)
        assert not [one for one in await story(runtime) if one == "SessionEnding"]
        room.leave("Ann")
        assert await ended(runtime) == "room_empty"


async def test_nobody_ever_comes(server, runtime, room):
    async with running(server, "ingest", **QUICK):
        await invite(runtime, token="owner")
        assert await ended(runtime) == "no_show"


async def test_a_meeting_asked_to_end_before_it_began_sends_nobody(server, runtime, room):
    await invite(runtime, token="owner")
    await runtime.publisher.enqueue(EndSession(session_id="s1"))
    async with running(server, "ingest"):
        assert await ended(runtime) == "asked"


async def test_an_end_during_the_join_is_not_kept_waiting(server, runtime, room):
    room.behave("join", delay=30)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await told(room, "join")
        await runtime.publisher.enqueue(EndSession(session_id="s1"))
        assert await ended(runtime, seconds=10) == "asked"


async def test_a_room_that_puts_the_bot_out_ends_the_meeting(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.kick("ejected", room=URL)
        assert await ended(runtime) == "ejected"
        (put_out,) = await logged(runtime, BotEjected)
        assert put_out.cause == "ejected"


async def test_a_room_nobody_can_reach_fails_with_a_plain_sentence(server, runtime, room):
    room.behave("join", code="unreachable", delay=0.2)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        (failed,) = await logged(runtime, SessionFailed)
        assert failed.reason == "room_unreachable"
        assert failed.detail == "The room cannot be reached: Daily does not answer from here."


async def test_a_killed_bot_is_replaced_and_the_gap_is_named(server, runtime, room):
    room.join("Ann", room=URL)
    room.join("Bob", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.speak("Ann", "before the crash")
        await texts(runtime, 1)
        pid = room.conns[0].pid
        room.leave("Bob")
        await logged(runtime, ParticipantLeft)
        os.kill(pid, signal.SIGKILL)
        (replaced,) = await logged(runtime, BotReplaced)
        assert replaced.cause == "died"
        await hearing(runtime, 2)
        room.speak("Ann", "after the crash")
        assert await texts(runtime, 2) == ["before the crash", "after the crash"]
        (opened,), (closed,) = await logged(runtime, GapOpened), await logged(runtime, GapClosed)
        assert (opened.gap_id, opened.cause) == (closed.gap_id, "bot_died")
        assert 0 < opened.start < closed.end
    kinds = await story(runtime)
    assert (kinds.count("ParticipantJoined"), kinds.count("ConsentNoticeSent")) == (2, 1)


async def test_who_goes_and_comes_while_no_bot_sees_it_is_told_after(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.behave("join", delay=2)
        os.kill(room.conns[0].pid, signal.SIGKILL)
        await logged(runtime, BotReplaced)
        room.leave("Ann")
        room.join("Cid", room=URL)
        (left,) = await logged(runtime, ParticipantLeft)
        assert left.reason == "away"
        names = [one.name for one in await logged(runtime, ParticipantJoined, count=2)]
        assert names == ["Ann", "Cid"]


async def test_nothing_is_lost_while_nats_is_away(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.speak("Ann", "number 0")
        await texts(runtime, 1)
        server.kill()
        for number in range(1, 40):
            room.speak("Ann", f"number {number}")
            await asyncio.sleep(0.25)
        await server.start()
        assert await texts(runtime, 40) == [f"number {number}" for number in range(40)]
        kinds = await story(runtime)
        assert kinds.count("BotAssigned") == 1
        assert "GapOpened" not in kinds


async def test_what_a_bot_had_heard_when_it_was_killed_without_nats_is_delivered(
    server, runtime, room
):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        server.kill()
        await asyncio.sleep(0.5)
        room.speak("Ann", "into the void")
        room.barrier()
        await asyncio.sleep(0.5)
        os.kill(room.conns[0].pid, signal.SIGKILL)
        await asyncio.sleep(0.5)
        await server.start()
        assert await texts(runtime, 1) == ["into the void"]
        await hearing(runtime, 2)


async def test_an_order_is_carried_out_once_and_one_too_late_is_not(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        head = {"session_id": "s1", "time": now(), "command": SendChat(text="hello")}
        await runtime.publisher.append(CommandRequested(**head, command_id="late", deadline=at()))
        await runtime.publisher.append(
            CommandRequested(**head, command_id="c1", deadline=at(86_400 * 3650))
        )
        (done,) = await logged(runtime, CommandDone)
        (failed,) = await logged(runtime, CommandFailed)
        assert (done.command_id, failed.command_id) == ("c1", "late")
        assert failed.reason == "timeout"
        said = [one for one in room.find("chat_sent") if one.get("message") == "hello"]
        assert len(said) == 1


async def test_an_owner_sends_the_assistant_away_and_nobody_else_can(server, runtime, room):
    room.join("Ann", room=URL, owner=True)
    room.join("Bob", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        room.app_message("Bob", {"event": "chat-msg", "message": "!leave", "name": "Bob"})
        await asyncio.sleep(1)
        assert "SessionEnding" not in await story(runtime)
        room.app_message("Ann", {"event": "chat-msg", "message": "!leave", "name": "Ann"})
        assert await ended(runtime) == "dismissed"


async def test_a_service_that_stops_hands_its_bot_over(server, runtime, room):
    room.join("Ann", room=URL)
    await invite(runtime, token="owner")
    async with running(server, "ingest"):
        await hearing(runtime)
    (left,) = await logged(runtime, BotLeft)
    assert left.reason == "stopped"
    async with running(server, "ingest"):
        await hearing(runtime, 2)
        (replaced,) = await logged(runtime, BotReplaced)
        assert replaced.cause == "stopped"
        room.speak("Ann", "still here")
        assert await texts(runtime, 1) == ["still here"]


async def test_a_bot_that_says_nothing_is_replaced(server, runtime, room, monkeypatch):
    monkeypatch.setattr("services.ingest.hosting.child.SILENT_SECONDS", 2.0)
    room.join("Ann", room=URL)
    async with running(server, "ingest"):
        await invite(runtime, token="owner")
        await hearing(runtime)
        os.kill(room.conns[0].pid, signal.SIGSTOP)
        (replaced,) = await logged(runtime, BotReplaced)
        assert replaced.cause == "silent"
        await logged(runtime, BotJoined, count=2)


async def test_an_old_bot_gives_way_to_a_fresh_one(server, runtime, room):
    room.join("Ann", room=URL)
    async with running(server, "ingest", bot_hours=0.001):
        await invite(runtime, token="owner")
        (left, *_) = await logged(runtime, BotLeft)
        assert left.reason == "recycled"
        (replaced, *_) = await logged(runtime, BotReplaced)
        assert replaced.cause == "recycled"
        await logged(runtime, BotJoined, count=2)
