"""Publishing for those who cannot wait for NATS: to disk first, to the log as soon as it can be.

Order is kept, nothing is lost while NATS or this process is down, and nothing is doubled; how, is
in `pump`.
"""

import asyncio
import math
import time

import structlog

from contracts import codec, ids, subjects
from contracts.events import Event
from services._runtime.connection import connect_once, drop
from services._runtime.fence import Fence
from services._runtime.keyring import Keyring
from services._runtime.projection import AWAY, PAUSE_SECONDS
from services._runtime.publishing import event_headers
from services._runtime.pump import Pump
from services._runtime.spool import Entry, Spool

log = structlog.get_logger()

SYNC_SECONDS = 0.1
NEARLY_FULL, RELIEVED = 0.8, 0.5
"""Shares of the spool's bound: where the alarm is raised, and where it is taken back."""
DISK_PAUSE_SECONDS = 2.0


class Outbox:
    """Spools events and pumps them into the log. `run` must be running for anything to arrive."""

    def __init__(
        self,
        spool: Spool,
        keyring: Keyring,
        url: str,
        max_bytes: int,
        *,
        fence: Fence | None = None,
        until: float = math.inf,
    ) -> None:
        self._fence, self._until = fence, until
        self._spool, self._keyring, self._url, self._max = spool, keyring, url, max_bytes
        self._moved, self._wake = asyncio.Condition(), asyncio.Event()
        self._unsynced = self._warned = self._connected = False

    async def put(self, event: Event) -> None:
        """Durable against the death of this process when it returns.

        Waits while the spool is full. Raises KeyGoneError, UnavailableError where the session's key
        is not known yet and NATS is away, and OSError when the disk fails.
        """
        key = await self._keyring.key(event.session_id)
        await self._room()
        sealed = codec.seal(codec.encode(event), key)
        self._spool.put(
            Entry(
                subjects.of(event), ids.of_event(event), event_headers(event), sealed, time.time()
            )
        )
        self._unsynced = True
        self._wake.set()

    async def drained(self) -> None:
        """Return when the log has everything that was put until now."""
        end = self._spool.end
        async with self._moved:
            await self._moved.wait_for(lambda: self._spool.cursor.acked >= end)

    async def run(self) -> None:
        """Pump until cancelled; raises FencedError when somebody took the writer's place.

        What a fenced writer had spooled by then is delivered by who inherits its spool.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sync())
            while True:
                try:
                    await self._pump_once()
                except AWAY as error:
                    if self._connected:
                        log.info("outbox.reconnects", error=type(error).__name__)
                    self._connected = False
                await asyncio.sleep(PAUSE_SECONDS)

    async def _room(self) -> None:
        used = self._spool.backlog
        nearly = used > (RELIEVED if self._warned else NEARLY_FULL) * self._max
        if nearly != self._warned:
            self._warned = nearly
            log.log(40 if nearly else 20, "outbox.nearly_full", nearly=nearly, bytes=used)
        if used >= self._max:
            async with self._moved:
                await self._moved.wait_for(lambda: self._spool.backlog < self._max)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                self._spool.save()
                if self._unsynced:
                    self._unsynced = False
                    await asyncio.to_thread(self._spool.sync)
            except OSError as error:
                self._unsynced = True
                log.error("outbox.disk_failed", error=type(error).__name__)  # noqa: TRY400 - no trace
                await asyncio.sleep(DISK_PAUSE_SECONDS)

    async def _pump_once(self) -> None:
        nc = await connect_once(self._url, "outbox")
        self._connected = True
        try:
            await Pump(
                nc, self._spool, self._wake, self._moved, fence=self._fence, until=self._until
            ).run()
        finally:
            await drop(nc)
