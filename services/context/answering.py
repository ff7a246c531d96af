"""Answer requests over core NATS for as long as a partition is held."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import codec
from contracts.queries import Refused
from services.context.tenure import Hold

log = structlog.get_logger()

AT_ONCE = 128
"""Requests that one partition works on; it sends others away until it has caught up."""

LAPSE_SECONDS = 1.0
"""How long a request waits for a right to act that has lapsed."""

BEHIND = codec.encode_reply(Refused(reason="behind"))
"""Asked again, the owner at that time replies."""

TOO_LARGE = codec.encode_reply(
    Refused(reason="unfit", detail="the reply is larger than a message may be; ask for less")
)

Handler: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""From a request's body to its reply's; raises msgspec.MsgspecError for what is no request."""


class Desk:
    """Works on the requests of one partition, several at once."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._working: dict[asyncio.Task[None], Msg] = {}

    async def take(self, handler: Handler, message: Msg) -> None:
        """Begin to work on a request."""
        if len(self._working) >= AT_ONCE:
            await message.respond(BEHIND)
            return
        task = asyncio.create_task(self._reply(handler, message))
        self._working[task] = message
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Send away whoever waits."""
        waiting = dict(self._working)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
        for task, message in waiting.items():
            if task.cancelled():  # before its first step: nothing of it ran
                await _respond(message, BEHIND)

    async def _reply(self, handler: Handler, message: Msg) -> None:
        body = BEHIND
        try:
            if await self._held():
                reply = await handler(message.data)
                body = reply if await self._held() else BEHIND  # it may have lapsed meanwhile
        except msgspec.MsgspecError as error:
            log.warning("request.malformed", subject=message.subject, error=type(error).__name__)
            return
        except asyncio.CancelledError:
            body = BEHIND
        await _respond(message, body)

    async def _held(self) -> bool:
        """Whether it is held, or is again soon: an instance that was busy lapses for a moment."""
        if not (self._hold.holds or self._hold.lost):
            with suppress(TimeoutError):
                async with asyncio.timeout(LAPSE_SECONDS):
                    await self._hold.held()
        return self._hold.holds

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("request.failed", exc_info=error)


async def _respond(message: Msg, body: bytes) -> None:
    with suppress(nats.errors.Error):  # who asked is told by their own clock
        try:
            await message.respond(body)
        except nats.errors.MaxPayloadError:
            log.warning("reply.too_large", subject=message.subject, bytes=len(body))
            await message.respond(TOO_LARGE)


@asynccontextmanager
async def answering(nc: Client, handlers: Mapping[str, Handler], hold: Hold) -> AsyncIterator[None]:
    """Answer on each subject with its handler; at the end, whoever waits is told to ask again."""
    desk, subscriptions = Desk(hold), []
    try:
        for subject, handler in handlers.items():
            take = functools.partial(desk.take, handler)
            subscriptions.append(await nc.subscribe(subject, cb=take))
        yield
    finally:
        for subscription in subscriptions:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()
        await desk.close()
