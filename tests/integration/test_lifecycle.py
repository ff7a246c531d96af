"""Deciding beside a real log: again until nobody else moved it, and broken off without harm."""

import asyncio

import pytest

from contracts.events import (
    BotAssigned,
    BotJoined,
    BotReplaced,
    GapOpened,
    ParticipantJoined,
    RoomEmptied,
    SessionStarted,
)
from services._runtime.connection import UnavailableError
from services._runtime.worker import TransientError
from services.ingest import lifecycle, session
from services.ingest.lifecycle import Lifecycle
from services.ingest.session import (
    Assign,
    Begin,
    Close,
    Enter,
    RejectedError,
    Replace,
    ReportEmpty,
)
from tests.support.facts import at, heard, requested


@pytest.fixture
async def joining(runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested(source="daily"))
    await Lifecycle(runtime).decide(Enter("s1", at(1)))
    return runtime


@pytest.fixture
async def live(joining):
    """A session whose bot is in the room."""
    decide = Lifecycle(joining).decide
    await decide(Assign("s1", at(2), "b1"))
    joined = BotJoined(session_id="s1", time=at(3), bot_id="b1", participant_id="me")
    await joining.publisher.append(joined)
    await decide(Begin("s1", at(4)))
    return joining


async def kinds(runtime):
    return [type(event) for _, event in await runtime.log.read("s1")]


async def test_of_racing_hosts_one_sends_a_bot(server, joining):
    async def send(number):
        async with server.runtime(f"host{number}") as own:
            try:
                await Lifecycle(own).decide(Assign("s1", at(5), f"b{number}"))
            except RejectedError:
                return None
            return f"b{number}"

    sent = [one for one in await asyncio.gather(*map(send, range(8))) if one is not None]
    log = [event for _, event in await joining.log.read("s1")]
    assigned = [event for event in log if isinstance(event, BotAssigned)]
    assert [one.bot_id for one in assigned] == sent
    assert assigned[0].number == 1


async def test_a_session_is_moved_while_its_bot_writes(live):
    async def write():
        for number in range(1000):
            await live.publisher.append(heard(number))
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    await Lifecycle(live).decide(Replace("s1", at(40), "b1", "died", at(30)))
    for number in range(2, 12):
        await Lifecycle(live).decide(Assign("s1", at(41), f"b{number}"))
        await Lifecycle(live).decide(Replace("s1", at(42), f"b{number}", "join_failed"))
    state = await Lifecycle(live).decide(Close("s1", at(60)))
    writing.cancel()
    assert isinstance(state, session.Over)
    assert (await kinds(live)).count(BotReplaced) == 11


async def test_one_who_came_in_between_is_seen(live, monkeypatch):
    """Between reading and writing: the decision rests on what is not so any more."""
    append, came = live.publisher.append, []

    async def late(event, **fields):
        if isinstance(event, RoomEmptied) and not came:
            came.append(ParticipantJoined(session_id="s1", time=at(9), participant_id="ada"))
            await append(came[0])
        return await append(event, **fields)

    monkeypatch.setattr(live.publisher, "append", late)
    state = await Lifecycle(live).decide(ReportEmpty("s1", at(9), at(69)))
    assert came
    assert session.armed(state) == {}
    assert RoomEmptied not in await kinds(live)


async def test_a_decision_of_several_facts_that_was_broken_off_is_finished(live, monkeypatch):
    append, broken = live.publisher.append, []

    async def fragile(event, **fields):
        if isinstance(event, BotReplaced) and not broken:
            broken.append(event)
            raise UnavailableError("away")
        return await append(event, **fields)

    monkeypatch.setattr(live.publisher, "append", fragile)
    lose = Replace("s1", at(40), "b1", "died", at(30))
    with pytest.raises(UnavailableError):
        await Lifecycle(live).decide(lose)
    await Lifecycle(live).decide(lose)
    assert (await kinds(live))[-3:] == [SessionStarted, GapOpened, BotReplaced]


async def test_a_session_that_never_stands_still_is_given_back(live, monkeypatch):
    monkeypatch.setattr(lifecycle, "PAUSE_SECONDS", 0)
    append, numbers = live.publisher.append, iter(range(1000))

    async def restless(event, **fields):
        await append(heard(next(numbers)))
        return await append(event, **fields)

    monkeypatch.setattr(live.publisher, "append", restless)
    with pytest.raises(TransientError):
        await Lifecycle(live).decide(Close("s1", at(60)))
