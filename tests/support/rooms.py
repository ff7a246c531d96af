"""Daily rooms of the fake, and sessions whose bots go into them."""

import asyncio
import os
from contextlib import contextmanager

from contracts.commands import HostSession
from contracts.events import SessionRequested, TranscriptionStarted
from services._runtime.clock import now
from tests.support.fakedaily.fake_daily import Controller

URL = "https://example.daily.co/weekly"


@contextmanager
def fake(monkeypatch, **options):
    """A controller whose environment every process that is started from here on has."""
    with Controller(**{"latency_ms": 0, "join_ms": 10} | options) as controller:
        for name, value in controller.env().items():
            if os.environ.get(name) != value:
                monkeypatch.setenv(name, value)
        yield controller


async def told(controller, report, **match):
    """A report of the fake, awaited off the loop."""
    timeout = match.pop("timeout", 20)
    return await asyncio.to_thread(controller.wait, report, timeout, **match)


async def invite(runtime, session_id="s1", room_url=URL, token=None, **fields):
    """Ask for an assistant, as the gateway does."""
    await runtime.keyring.create(session_id)
    await runtime.publisher.append(
        SessionRequested(
            session_id=session_id, time=now(), source="daily", room_url=room_url, **fields
        )
    )
    await runtime.publisher.enqueue(HostSession(session_id=session_id, token=token))


async def logged(runtime, kind, session_id="s1", count=1, seconds=25, **match):
    """The events of a type, once there are that many that match."""
    async with asyncio.timeout(seconds):
        while True:
            found = [
                event
                for _, event in await runtime.log.read(session_id)
                if isinstance(event, kind)
                and all(getattr(event, name) == value for name, value in match.items())
            ]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


async def hearing(runtime, count=1):
    """Wait for the bot that hears, the `count`th."""
    return (await logged(runtime, TranscriptionStarted, count=count))[-1]


async def story(runtime, session_id="s1"):
    """The session's event types in order."""
    return [type(event).__name__ for _, event in await runtime.log.read(session_id)]
