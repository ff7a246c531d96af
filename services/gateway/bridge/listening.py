"""New events of some types, each handed to one of all gateways until it is done. Decides nothing.

What is older than it is worth is let go unread: that bounds every retry.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from nats.aio.msg import Msg

from contracts import streams, subjects
from contracts.events import Event, Fact
from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services._runtime.projection import AWAY
from services._runtime.publishing import TIME
from services._runtime.taking import BACK_SECONDS, Taking

log = structlog.get_logger()

Handler: TypeAlias = Callable[[int, Event], Awaitable[None]]
"""Does what follows from an event, at its sequence, perhaps not for the first time."""

ACK_WAIT_SECONDS = 10.0
"""A gateway that has not been heard of for so long is taken for dead, and its events given on."""
CONCURRENCY = 8
MAX_DELIVERIES = 5
"""How often an event is given out before an error that does not pass ends it."""
RETRY_SECONDS = (0.5, 1.0, 3.0)


class Listener:
    """Handles the events of some types that are at most `worth` old, under a durable name."""

    def __init__(
        self,
        runtime: Runtime,
        clock: Clock,
        durable: str,
        types: tuple[type[Fact], ...],
        *,
        worth: timedelta,
        handler: Handler,
    ) -> None:
        self._runtime, self._clock, self._durable = runtime, clock, durable
        self._types, self._worth, self._handler = types, worth, handler

    async def run(self) -> None:
        """Listen until cancelled; what was begun then is given back."""
        await Taking(
            self._runtime.js,
            streams.MEETINGS.name,
            self._durable,
            [subjects.type_in_every_session(one) for one in self._types],
            settle=self._settle,
            concurrency=CONCURRENCY,
            patience=ACK_WAIT_SECONDS,
        ).run()

    async def _settle(self, message: Msg) -> None:
        """Ack or nak; what goes wrong is this event's trouble, not the others'."""
        try:
            event = await self._opened(message)
            if event is None:
                await message.ack()
            else:
                await self._handler(message.metadata.sequence.stream, event)
                await message.ack_sync(timeout=2)
        except asyncio.CancelledError:
            with suppress(*AWAY):
                await message.nak(delay=BACK_SECONDS)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, it is counted and reported
            with suppress(*AWAY):  # then the server gives it out again by itself
                await self._retry(message, error)

    async def _opened(self, message: Msg) -> Event | None:
        """The event, None where it is too old or unreadable, or a copy of what happened once."""
        stored, told = message.metadata.timestamp, _time(message)
        if self._clock() - min(stored, told or stored) > self._worth:
            return None
        event = await self._runtime.reader.open(message)
        return None if event is None or event.copied_from is not None else event

    async def _retry(self, message: Msg, error: Exception) -> None:
        tries, passing = message.metadata.num_delivered, isinstance(error, AWAY)
        log.log(
            20 if passing else 40,
            "bridge.failed",
            consumer=self._durable,
            tries=tries,
            cause=type(error).__name__,
            exc_info=None if passing else error,
        )
        if passing or tries < MAX_DELIVERIES:
            await message.nak(delay=RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1])
        else:
            await message.term()


def _time(message: Msg) -> datetime | None:
    """When the event happened, by its header: readable without its key."""
    try:
        return datetime.fromisoformat((message.headers or {})[TIME])
    except (KeyError, ValueError):
        return None
