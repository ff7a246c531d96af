"""What a replaced bot left: its own words go into the log, its successor's do not go in twice."""

import asyncio
from contextlib import closing

from contracts.events import BotAssigned, SegmentHeard, TranscriptionStarted
from services._runtime.clock import now
from services._runtime.outbox import Outbox
from services._runtime.spool import Spool
from services.ingest import inheritance, spools
from tests.support.facts import heard

ROOM = 1 << 20


def assigned(number):
    return BotAssigned(session_id="s1", time=now(), bot_id=f"bot{number}", number=number)


def hears(number):
    return TranscriptionStarted(
        session_id="s1", time=now(), bot_id=f"bot{number}", number=1, own=True
    )


async def spooled(runtime, number, event):
    directory = spools.of_bot(inheritance.directory(runtime), "s1", number)
    with closing(Spool(directory)) as spool:
        await Outbox(spool, runtime.keyring, runtime.settings.nats, ROOM).put(event)


async def words(runtime):
    events = [event for _, event in await runtime.log.read("s1")]
    return [one.segment_id for one in events if isinstance(one, SegmentHeard)]


async def test_two_bots_that_heard_the_same_tell_it_once(runtime):
    """The first was cut off from NATS, and went on hearing after the second had begun."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(assigned(1))
    await spooled(runtime, 1, heard(1))
    await runtime.publisher.append(assigned(2))
    await runtime.publisher.append(hears(2))
    await asyncio.sleep(0.01)
    await spooled(runtime, 1, heard(2))
    await inheritance.deliver_of_bots(runtime)
    assert await words(runtime) == ["seg1"]
    assert not list(inheritance.directory(runtime).glob("bot-*"))


async def test_the_last_bot_is_relieved_by_nobody(runtime):
    await runtime.keyring.create("s1")
    for event in (assigned(1), hears(1), assigned(2), hears(2)):
        await runtime.publisher.append(event)
    await spooled(runtime, 2, heard(1))
    await inheritance.deliver_of_bots(runtime, "s1")
    assert await words(runtime) == ["seg1"]
