"""Durable timers: messages that the server itself puts into the log when they are due.

A timer outlives every process of ours and the server's. One that fires is an event like any other;
whether it still means something is for the Decider to say.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

import structlog

from contracts import codec, ids, streams, subjects
from contracts.events import Timer, TimerElapsed
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import KEPT_KEY, TRANSIENT, publish
from services._runtime.keyring import KeyGoneError
from services._runtime.links import Links
from services._runtime.publishing import event_headers

log = structlog.get_logger()

REMEMBERED = 4096
"""Sessions whose timers are known without asking; another one's are all set anew."""

TIMERS: tuple[Timer, ...] = get_args(Timer)


class Timers:
    """Sets the timers of sessions; of one session's calls, one at a time."""

    def __init__(self, runtime: Links) -> None:
        self._runtime = runtime
        self._known: OrderedDict[str, dict[Timer, datetime]] = OrderedDict()

    async def set(self, session_id: str, armed: Mapping[Timer, datetime]) -> None:
        """Make these the session's timers: replace what differs, cancel what is not among them.

        What is due already fires at once; what fired is not set again by us, but may be by another
        process that is given the same time. An erased session has no timers. Raises RefusedError
        or UnavailableError; some may be set then, and the next call sets all.
        """
        known, wanted = self._known.pop(session_id, None), dict(armed)
        try:
            for timer, due in wanted.items():
                if known is None or known.get(timer) != due:
                    await self._schedule(session_id, timer, due)
        except KeyGoneError:
            log.info("timers.erased", session=session_id)
            known, wanted = None, {}
        for timer in TIMERS if known is None else known:
            if timer not in wanted:
                await self._cancel(session_id, timer)
        self._remember(session_id, wanted)

    async def _schedule(self, session_id: str, timer: Timer, due: datetime) -> None:
        fact = TimerElapsed(session_id=session_id, time=due, timer=timer, due=due)
        headers = {
            "Nats-Schedule": f"@at {due.astimezone(UTC).isoformat()}",
            "Nats-Schedule-Target": subjects.of(fact),
            KEPT_KEY: ids.of_event(fact),
        }
        # Without a key of its own: set again after it was cancelled, it must not be a repetition.
        await publish(
            self._runtime.js,
            subjects.schedule(session_id, timer),
            codec.seal(codec.encode(fact), await self._runtime.keyring.key(session_id)),
            headers=event_headers(fact) | headers,
        )

    async def _cancel(self, session_id: str, timer: Timer) -> None:
        subject = subjects.schedule(session_id, timer)
        try:
            await self._runtime.js.purge_stream(streams.MEETINGS.name, subject=subject)
        except TRANSIENT as error:
            raise UnavailableError(type(error).__name__) from error

    def _remember(self, session_id: str, timers: dict[Timer, datetime]) -> None:
        self._known[session_id] = timers
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
