"""An hour of a meeting in a minute: what may go wrong goes wrong, and the log is the script's."""

import asyncio
import os
import random
import signal
from collections import Counter

import pytest

from contracts.calls import Eject
from contracts.commands import EndSession
from contracts.events import (
    BotReplaced,
    CommandDone,
    CommandRequested,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    SegmentHeard,
    SessionEnded,
    SessionStarted,
    TranscriptionStarted,
)
from services._runtime.clock import now
from tests.support.facts import at
from tests.support.fakedaily.fake_daily import ControlError
from tests.support.rooms import URL, fake, invite, logged
from tests.support.stack import running

PEOPLE = ("Ann", "Bob", "Cid", "Dora", "Emil", "Fay")
WORDS = "we ship the report on Friday and review the budget for spring with everyone"
UTTERANCES = 420


class Meeting:
    """Plays the people, and writes down what a perfect listener would have heard."""

    def __init__(self, controller, runtime, server, seed):
        self.controller, self.runtime, self.server = controller, runtime, server
        self.random = random.Random(seed)
        self.ids, self.names, self.heard, self.missed = {}, {}, [], []
        self.visits, self.bots = [], 1

    async def act(self, action, *args, **fields):
        return await asyncio.to_thread(action, *args, **fields)

    async def join(self, who):
        self.ids[who] = await self.act(self.controller.join, who, room=URL, owner=who == "Ann")
        self.names[who] = who
        self.visits.append(self.ids[who])

    async def leave(self, who):
        await self.act(self.controller.leave, self.ids.pop(who), room=URL)

    async def rename(self, who, name):
        await self.act(self.controller.rename, self.ids[who], name, room=URL)
        self.names[who] = name

    async def speak(self, number):
        who = self.random.choice(sorted(self.ids))
        words = [f"{number}", *self.random.choices(WORDS.split(), k=self.random.randint(3, 9))]
        cut = len(words) // 2 if self.random.random() < 0.3 else len(words)
        for part in (words[:cut], words[cut:]):
            if part:
                await self.say(who, " ".join(part), interim=[" ".join(part[:2])])

    async def say(self, who, text, **fields):
        try:
            told = await self.act(self.controller.speak, self.ids[who], text, room=URL, **fields)
        except ControlError:
            told = {"delivered": 0}
        heard = told["delivered"] if isinstance(told, dict) else 0
        (self.heard if heard else self.missed).append((self.ids[who], self.names[who], text, now()))

    async def crash(self):
        await self.act(self.controller.barrier)
        await asyncio.sleep(0.4)
        os.kill(self.controller.conns[0].pid, signal.SIGKILL)
        for number in range(3):
            await self.speak(f"lost{self.bots}.{number}")
        self.bots += 1
        await logged(self.runtime, TranscriptionStarted, count=self.started + 1)

    @property
    def started(self):
        return len(self.controller.find("start_transcription"))


@pytest.mark.slow
async def test_the_log_of_a_bad_hour_is_the_scripts(server, runtime, monkeypatch):
    with fake(monkeypatch, seed=5) as controller:
        meeting = Meeting(controller, runtime, server, seed=11)
        for who in PEOPLE[:3]:
            await meeting.join(who)
        async with running(server, "ingest"):
            await invite(runtime, token="owner")
            await logged(runtime, TranscriptionStarted)
            await play(meeting)
            await runtime.publisher.enqueue(EndSession(session_id="s1"))
            await logged(runtime, SessionEnded, reason="asked", seconds=30)
        assert controller.problems() == []
    compare(meeting, [event for _, event in await runtime.log.read("s1")])


async def play(meeting):
    happenings = {
        20: lambda: meeting.join("Dora"),
        40: lambda: meeting.join("Emil"),
        60: lambda: meeting.rename("Bob", "Robert"),
        90: meeting.crash,
        120: lambda: meeting.leave("Cid"),
        140: lambda: meeting.join("Fay"),
        160: lambda: meeting.join("Cid"),
        190: lambda: failing(meeting),
        230: lambda: outage(meeting),
        280: lambda: meeting.rename("Emil", "Emil <b>"),
        300: lambda: eject(meeting, "Dora"),
        330: meeting.crash,
        380: lambda: meeting.leave("Fay"),
    }
    for number in range(UTTERANCES):
        if number in happenings:
            await happenings[number]()
        await meeting.speak(number)
        await asyncio.sleep(0.04)


async def failing(meeting):
    """Transcription breaks off, as it does, and is begun again."""
    before = len(await logged(meeting.runtime, TranscriptionStarted))
    await meeting.act(meeting.controller.send, "transcription_stopped", room=URL, by_error=True)
    await logged(meeting.runtime, TranscriptionStarted, count=before + 1)


async def outage(meeting):
    meeting.server.kill()
    for number in range(20):
        await meeting.speak(f"away{number}")
        await asyncio.sleep(0.2)
    await meeting.server.start()


async def eject(meeting, who):
    order = Eject(participants=(meeting.ids[who],))
    await meeting.runtime.publisher.append(
        CommandRequested(
            session_id="s1", time=now(), command_id="c1", command=order, deadline=at(86_400 * 9999)
        )
    )
    await logged(meeting.runtime, CommandDone)
    del meeting.controller.people[URL][meeting.ids.pop(who)]


def compare(meeting, events):
    def of(kind):
        return [event for event in events if isinstance(event, kind)]

    spoken = [(one.speaker_id, one.speaker, one.text) for one in of(SegmentHeard)]
    assert spoken == [one[:3] for one in meeting.heard]
    assert [one.participant_id for one in of(ParticipantJoined)] == meeting.visits
    assert max(Counter(one.participant_id for one in of(ParticipantLeft)).values()) == 1
    assert {one.name for one in of(ParticipantUpdated)} >= {"Robert", "Emil <b>"}
    assert [one.cause for one in of(BotReplaced)] == ["died", "died"]
    named_and_missed(meeting, of(GapOpened), of(GapClosed), of(SessionStarted)[0].time)


def named_and_missed(meeting, opened, closed, start):
    """Each gap has its cause and both ends, and what nobody heard lies in one."""
    assert [one.cause for one in opened] == ["bot_died", "transcription_failed", "bot_died"]
    assert [one.gap_id for one in opened] == [one.gap_id for one in closed]
    gaps = [(one.start, end.end) for one, end in zip(opened, closed, strict=True)]
    assert len(meeting.missed) >= 6
    for *_, moment in meeting.missed:
        second = (moment - start).total_seconds()
        assert any(begin <= second <= end for begin, end in gaps)
