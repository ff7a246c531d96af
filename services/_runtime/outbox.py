"""Publishing for those who cannot wait for NATS: to disk first, to the log as soon as it can be.

Order is kept, nothing is lost while NATS or this process is down, and nothing is doubled: within
the server's duplicate window by idempotency key, beyond it by looking the key up in the log. When
the server is another one than before, what it may not have written to disk is sent again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import codec, ids, streams, subjects
from contracts.events import Event
from services._runtime.connection import UnavailableError, connect_once
from services._runtime.jetstream import KEY
from services._runtime.keyring import Keyring
from services._runtime.projection import AWAY, PAUSE_SECONDS
from services._runtime.publishing import event_headers
from services._runtime.pull import Pull
from services._runtime.spool import Cursor, Entry, Position, Spool

log = structlog.get_logger()

WINDOW = 512
"""Messages on the wire without an acknowledgement."""
STALL_SECONDS = 3.0
"""Without any acknowledgement for so long, the connection is given up and made anew."""
SETTLE_SECONDS = 10.0
"""An acknowledgement this old is on the server's disk; the embedded server syncs every second."""
SYNC_SECONDS = 0.1
LOOK_SECONDS = 0.5
"""How often a silent connection is looked after."""
RECHECK_SECONDS = streams.DUPLICATE_WINDOW / 2
"""An entry this old may have left the server's duplicate window."""
NEARLY_FULL = 0.8

_PERMANENT = 400
"""The code of a PubAck error that sending again cannot mend."""


class _PubError(msgspec.Struct):
    code: int
    err_code: int = 0


class _PubAck(msgspec.Struct):
    error: _PubError | None = None


class _Sent(NamedTuple):
    number: int
    behind: Position


_ack = msgspec.json.Decoder(_PubAck)


class Outbox:
    """Spools events and pumps them into the log. `run` must be running for anything to arrive."""

    def __init__(self, spool: Spool, keyring: Keyring, url: str, max_bytes: int) -> None:
        self._spool, self._keyring, self._url, self._max = spool, keyring, url, max_bytes
        self._moved, self._wake = asyncio.Condition(), asyncio.Event()
        self._unsynced = self._warned = False

    async def put(self, event: Event) -> None:
        """Durable against the death of this process when it returns.

        Waits while the spool is full. Raises KeyGoneError, or UnavailableError where the session's
        key is not known yet and NATS is away.
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
        """Pump until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sync())
            while True:
                try:
                    await self._pump_once()
                except (*AWAY, UnavailableError) as error:
                    log.info("outbox.reconnects", error=type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _room(self) -> None:
        used = self._spool.backlog
        if (nearly := used > NEARLY_FULL * self._max) != self._warned:
            self._warned = nearly
            log.log(40 if nearly else 20, "outbox.nearly_full", nearly=nearly, bytes=used)
        if used >= self._max:
            async with self._moved:
                await self._moved.wait_for(lambda: self._spool.backlog < self._max)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            self._spool.save()
            if self._unsynced:
                self._unsynced = False
                await asyncio.to_thread(self._spool.sync)

    async def _pump_once(self) -> None:
        nc = await connect_once(self._url, "outbox")
        try:
            await _Pump(nc, self._spool, self._wake, self._moved).run()
        finally:
            try:
                async with asyncio.timeout(1):
                    await nc.close()
            except (nats.errors.Error, TimeoutError, OSError):
                log.debug("outbox.close_failed")


class _Pump:
    """One connection's worth of publishing; broken off by any trouble and begun anew."""

    def __init__(
        self, nc: Client, spool: Spool, wake: asyncio.Event, moved: asyncio.Condition
    ) -> None:
        self._nc, self._spool, self._wake, self._moved = nc, spool, wake, moved
        self._sent: deque[_Sent] = deque()
        self._acked: set[int] = set()
        self._number = 0
        self._trouble: Exception | None = None
        self._acks: deque[tuple[float, Position]] = deque()
        self._progress = time.monotonic()

    async def run(self) -> None:
        """Publish from the cursor on until the connection breaks."""
        server = str(self._nc._server_info["server_id"])  # noqa: SLF001 - nats-py has no public way
        cursor = self._spool.cursor
        start = cursor.acked if server == cursor.server_id else cursor.settled
        self._spool.move(Cursor(start, cursor.settled, server))
        self._acked_to = start
        self._inbox = self._nc.new_inbox()
        await self._nc.subscribe(f"{self._inbox}.*", cb=self._on_ack)
        known = await self._already_stored(start)
        at = start
        while True:
            self._wake.clear()
            self._check()
            await self._advance()
            at = await self._send(at, known)
            if len(self._sent) >= WINDOW or at == self._spool.end:
                await self._wait()

    async def _send(self, at: Position, known: set[str]) -> Position:
        for behind, entry in islice(self._spool.entries(at), WINDOW - len(self._sent)):
            self._number += 1
            self._sent.append(_Sent(self._number, behind))
            at = behind
            if entry.key in known:
                self._acked.add(self._number)
                continue
            reply = f"{self._inbox}.{self._number}"
            headers = {KEY: entry.key, **entry.headers}
            try:
                await self._nc.publish(entry.subject, entry.data, reply=reply, headers=headers)
            except nats.errors.MaxPayloadError:
                self._refuse(self._number, "larger than max_payload")
        return at

    def _refuse(self, number: int, cause: str) -> None:
        """Keep what the log will never take in a file of its own, loudly, and go on."""
        start = self._acked_to
        behind = next(sent.behind for sent in self._sent if sent.number == number)
        entry = next(entry for at, entry in self._spool.entries(start) if at == behind)
        self._spool.put_aside(entry)
        self._acked.add(number)
        log.error("outbox.refused", subject=entry.subject, cause=cause)

    async def _on_ack(self, message: Msg) -> None:
        if (message.headers or {}).get("Status") == "503":
            self._trouble = UnavailableError("no stream answers")
        else:
            error = _ack.decode(message.data).error
            number = int(message.subject.rsplit(".", 1)[1])
            if error is None:
                self._acked.add(number)
            elif error.code == _PERMANENT:
                self._refuse(number, str(error.err_code))
            else:
                self._trouble = UnavailableError(str(error.err_code))
        self._wake.set()

    def _check(self) -> None:
        if self._trouble is not None:
            raise self._trouble
        if not self._nc.is_connected:
            raise UnavailableError("the connection broke")
        if self._sent and time.monotonic() - self._progress > STALL_SECONDS:
            raise UnavailableError("no acknowledgement")
        if not self._sent:
            self._progress = time.monotonic()

    async def _advance(self) -> None:
        """Move the cursor over the acknowledged prefix."""
        while self._sent and self._sent[0].number in self._acked:
            sent = self._sent.popleft()
            self._acked.discard(sent.number)
            self._acked_to = max(self._acked_to, sent.behind)
            self._progress = time.monotonic()
        now = time.monotonic()
        if self._acked_to == self._spool.cursor.acked:
            return
        if not self._acks or now - self._acks[-1][0] > 1:
            self._acks.append((now, self._acked_to))
        cursor = self._spool.cursor
        self._spool.move(Cursor(self._acked_to, self._settled(now), cursor.server_id))
        async with self._moved:
            self._moved.notify_all()

    def _settled(self, now: float) -> Position:
        settled = self._spool.cursor.settled
        while self._acks and now - self._acks[0][0] > SETTLE_SECONDS:
            settled = max(settled, self._acks.popleft()[1])
        return settled

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _already_stored(self, start: Position) -> set[str]:
        """Keys in the log among the entries too old for the server to recognise by itself."""
        limit = time.time() - RECHECK_SECONDS
        old = {entry.subject for _, entry in self._spool.entries(start) if entry.put_at < limit}
        stored: set[str] = set()
        for subject in old:
            stored.update(await self._keys_of(subject))
        return stored

    async def _keys_of(self, subject: str) -> Iterable[str]:
        keys: list[str] = []
        js = self._nc.jetstream()
        async with Pull(self._nc, js, streams.MEETINGS.name, [subject], headers_only=True) as pull:
            waiting = pull.pending
            while len(keys) < waiting:
                keys += [(one.headers or {}).get(KEY, "") for one in await pull.next()]
        return keys
