"""Hosts that can look at rooms from outside: Daily's REST interface is a server on loopback."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest

from contracts import codec, subjects
from contracts.commands import EndSession
from contracts.events import (
    BotJoined,
    BotReplaced,
    GapFilled,
    SegmentHeard,
    SessionEnded,
    SessionFailed,
    SessionStarted,
    SessionWaiting,
    TranscriptionStarted,
)
from contracts.queries import RoomOpened, RoomRefused, RoomWanted
from services._runtime.clock import now
from tests.support import daily_faults, daily_rest
from tests.support.rooms import fake, invite, logged, story, told
from tests.support.stack import running


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr("services.ingest.hosting.host.LOOK_SECONDS", 0.3)
    with fake(monkeypatch) as controller:
        yield controller
        assert controller.problems() == []


@pytest.fixture
async def daily():
    async with daily_rest.serving() as rest:
        yield rest


def keyed(daily):
    return {"daily_api_key": daily.key, "daily_api_url": daily.url}


async def test_the_bot_comes_as_an_owner_when_somebody_is_there(server, runtime, room, daily):
    url = daily.add_room("weekly")
    async with running(server, "ingest", **keyed(daily)):
        await invite(runtime, room_url=url)
        await logged(runtime, SessionWaiting)
        await asyncio.sleep(1)
        assert "BotAssigned" not in await story(runtime)
        room.join("Ann", room=url)
        daily.present("weekly", 1)
        joined = await told(room, "joined")
        assert joined["owner"]
        (bot,) = await logged(runtime, BotJoined)
        await logged(runtime, TranscriptionStarted)
        assert daily.session_data["weekly"] == {"bot_session_id": bot.participant_id}


async def test_nobody_comes_and_no_bot_is_sent(server, runtime, room, daily):
    url = daily.add_room("weekly")
    async with running(server, "ingest", no_show_seconds=1.0, **keyed(daily)):
        await invite(runtime, room_url=url)
        (ended,) = await logged(runtime, SessionEnded)
        assert ended.reason == "no_show"
        assert "BotAssigned" not in await story(runtime)


async def test_a_room_that_nobody_can_look_at_is_entered(server, runtime, room, daily):
    url = daily.add_room("weekly")
    daily.fail(*[daily_faults.error(503)] * 4, on="presence")
    async with running(server, "ingest", **keyed(daily)):
        await invite(runtime, room_url=url)
        await logged(runtime, BotJoined)


async def test_a_room_that_is_not_there_fails_the_session(server, runtime, room, daily):
    async with running(server, "ingest", **keyed(daily)):
        await invite(runtime, room_url=daily.room_url("nowhere"))
        (failed,) = await logged(runtime, SessionFailed)
        assert failed.reason == "room_closed"


async def test_a_room_ends_with_its_time(server, runtime, room, daily):
    url = daily.add_room("weekly")
    daily.present("weekly", 1)
    room.join("Ann", room=url)
    async with running(server, "ingest", **keyed(daily)):
        await invite(runtime, room_url=url, expires_at=now() + timedelta(seconds=6))
        await logged(runtime, SessionStarted)
        (ended,) = await logged(runtime, SessionEnded)
        assert ended.reason == "room_expired"


async def test_a_gap_is_filled_from_what_daily_stored(server, runtime, room, daily):
    url = daily.add_room("weekly", enable_transcription_storage=True)
    daily.present("weekly", 1)
    room.join("Ann", room=url)
    async with running(server, "ingest", **keyed(daily)):
        await invite(runtime, room_url=url)
        await logged(runtime, TranscriptionStarted)
        (bot,) = await logged(runtime, BotJoined)
        os.kill(room.conns[0].pid, signal.SIGKILL)
        await logged(runtime, BotReplaced)
        missed = now() - bot.time
        await logged(runtime, TranscriptionStarted, count=2)
        second = missed.total_seconds()
        cue = f"00:00:{second:06.3f} --> 00:00:{second + 0.2:06.3f}\n<v Ann>only Daily heard this"
        daily.store_transcript("weekly", f"WEBVTT\n\n{cue}\n", bot.time)
        daily.transcripts[0]["mtgSessionId"] = bot.meeting_id
        await runtime.publisher.enqueue(EndSession(session_id="s1"))
        await logged(runtime, SessionEnded)
        (segment,) = await logged(runtime, SegmentHeard)
        assert (segment.text, segment.speaker) == ("only Daily heard this", "Ann")
        (filled,) = await logged(runtime, GapFilled)
        assert filled.segments == 1


async def wanted(runtime, session_id="s1"):
    body = codec.encode_reply(
        RoomWanted(session_id=session_id, expires_at=now() + timedelta(minutes=15))
    )
    async with asyncio.timeout(15):
        while True:
            try:
                reply = await runtime.nc.request(subjects.ROOM_WANTED, body, timeout=10)
            except Exception as error:
                if type(error).__name__ != "NoRespondersError":
                    raise
                await asyncio.sleep(0.1)
                continue
            return codec.room_replies.decode(reply.data)


async def test_a_room_is_made_once_for_a_session(server, runtime, room, daily):
    async with running(server, "ingest", **keyed(daily)):
        first, second = await wanted(runtime), await wanted(runtime)
        assert isinstance(first, RoomOpened)
        assert first == second
        ((_, made),) = daily.rooms.items()
        assert made["config"]["eject_at_room_exp"]


async def test_without_a_key_no_room_is_made(server, runtime, room):
    async with running(server, "ingest"):
        assert await wanted(runtime) == RoomRefused(reason="not_configured")
