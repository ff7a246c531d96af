"""The way to the log for one process: connected, checked, and closed at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from services._runtime import keyring, provision
from services._runtime.connection import CLOSE_SECONDS, connect
from services._runtime.keyring import Keyring
from services._runtime.projection import Reader
from services._runtime.publishing import Publisher
from services._runtime.session_log import SessionLog
from services._runtime.settings import Settings


@dataclass(frozen=True)
class Links:
    """What reads and writes the log."""

    settings: Settings
    nc: Client
    js: JetStreamContext
    keyring: Keyring
    publisher: Publisher
    reader: Reader
    log: SessionLog


@asynccontextmanager
async def linked(
    name: str, settings: Settings, on_closed: Callable[[], Awaitable[None]]
) -> AsyncIterator[Links]:
    """Connect, check that the log is there and opens with our key, and close at the end.

    A closed connection leaves its consumers silent: `on_closed` must end the process.
    """
    nc = await connect(settings.nats, f"{name}-{settings.instance}", on_closed)
    try:
        js = nc.jetstream(timeout=5)
        await provision.check(js)
        keys = Keyring(js, keyring.master_key(settings))
        await keys.check()
        reader = Reader(nc, js, keys)
        yield Links(settings, nc, js, keys, Publisher(js, keys), reader, SessionLog(js, reader))
    finally:
        with suppress(nats.errors.Error, OSError):  # a server that is away takes nothing more
            async with asyncio.timeout(CLOSE_SECONDS):
                await nc.close()
