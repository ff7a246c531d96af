"""Take messages from a durable consumer, a bounded number at a time, and say that the work goes on.

What a message means, and what becomes of it, is the caller's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from services._runtime.heeding import heeding
from services._runtime.projection import AWAY, PAUSE_SECONDS

log = structlog.get_logger()

FETCH_SECONDS = 0.5
BACK_SECONDS = 2 * FETCH_SECONDS
"""For how long a message that is given back stays away: the server still holds our own fetch."""
BEATS = 0.3
"""The share of its patience after which the server hears again that the work goes on."""
MOST_PENDING = 1000


class Taking:
    """Hands each message to `settle`, which acknowledges it; whoever else has the durable shares.

    `patience` is for how many seconds a taker may not be heard of.
    """

    def __init__(
        self,
        js: JetStreamContext,
        stream: str,
        durable: str,
        filters: list[str],
        *,
        settle: Callable[[Msg], Awaitable[None]],
        concurrency: int,
        patience: float,
    ) -> None:
        self._js, self._stream, self._durable, self._filters = js, stream, durable, filters
        self._settle, self._patience = settle, patience
        self._slots = asyncio.Semaphore(concurrency)

    async def run(self) -> None:
        """Take until cancelled, and outlive the server; what was begun is cancelled too."""
        async with asyncio.TaskGroup() as running:
            while True:
                try:
                    await self._take_on(running)
                except AWAY as error:
                    log.info("taking.reopens", error=type(error).__name__, consumer=self._durable)
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _take_on(self, running: asyncio.TaskGroup) -> None:
        subscription = await self._subscribe()
        try:
            while True:
                if (message := await self._next(subscription)) is not None:
                    running.create_task(self._release_after(message))
        finally:
            with suppress(*AWAY):
                await subscription.unsubscribe()

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._patience,
            max_deliver=-1,  # giving up is ours: the server would keep the message and say nothing
            max_ack_pending=MOST_PENDING,
            filter_subjects=self._filters,
        )
        await self._js.add_consumer(self._stream, config, timeout=2)
        return await self._js.pull_subscribe_bind(self._durable, self._stream)

    async def _next(self, subscription: JetStreamContext.PullSubscription) -> Msg | None:
        """A message that a slot was taken for, or None."""
        await self._slots.acquire()
        try:
            (message,) = await heeding(subscription.fetch(1, timeout=FETCH_SECONDS))
        except TimeoutError:
            self._slots.release()
            return None
        except BaseException:
            self._slots.release()
            raise
        return message

    async def _release_after(self, message: Msg) -> None:
        try:
            async with _heartbeat(message, self._patience * BEATS):
                await self._settle(message)
        finally:
            self._slots.release()


@asynccontextmanager
async def _heartbeat(message: Msg, seconds: float) -> AsyncIterator[None]:
    """The server is told that the work goes on."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(seconds)
            with suppress(nats.errors.Error, OSError):
                # Away; the work is finished all the same, and is idempotent.
                await message.in_progress()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
