"""From a spool into the log over one connection: in order, each entry once.

Within the server's duplicate window the server knows an entry again by its idempotency key; beyond
it the key is looked up in the log. When the server is another one than before, what it may not have
written to disk is sent again.
"""

import asyncio
import math
import time
from collections import deque
from itertools import islice
from typing import NamedTuple

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import streams
from services._runtime.connection import UnavailableError
from services._runtime.fence import Fence, FencedError
from services._runtime.jetstream import KEY, WRONG_LAST_SEQUENCE, too_large
from services._runtime.pull import Pull
from services._runtime.spool import Cursor, Entry, Position, Spool

log = structlog.get_logger()

WINDOW = 512
"""Messages on the wire without an acknowledgement."""
WINDOW_BYTES = 4 << 20
"""Their size, exceeded by one message at most; half of what the client takes without waiting."""
STALL_SECONDS = 3.0
"""Without any acknowledgement for so long, the connection is given up and made anew."""
SETTLE_SECONDS = 10.0
"""An acknowledgement this old is on the server's disk; the embedded server syncs every second."""
LOOK_SECONDS = 0.5
"""How often a silent connection is looked after."""
RECHECK_SECONDS = streams.DUPLICATE_WINDOW / 2
"""An entry this old may have left the server's duplicate window."""
CHUNK = 8 * WINDOW
"""Entries that are looked up in the log at a time."""

_PERMANENT = 400
"""The code of a PubAck error that sending again cannot mend, but for:"""
_PASSING = frozenset({10002})
"""the account's storage is full; somebody will make room."""


class _PubError(msgspec.Struct):
    code: int
    err_code: int = 0


class _PubAck(msgspec.Struct):
    error: _PubError | None = None


class _Sent(NamedTuple):
    number: int
    start: Position
    behind: Position
    size: int


_ack = msgspec.json.Decoder(_PubAck)


class Pump:
    """One connection's worth of publishing; broken off by any trouble and begun anew.

    Behind a fence one message at a time is on its way: a cluster compares one and refuses others.
    What was put after `until`, in seconds since the epoch, is skipped.
    """

    def __init__(
        self,
        nc: Client,
        spool: Spool,
        wake: asyncio.Event,
        moved: asyncio.Condition,
        *,
        fence: Fence | None = None,
        until: float = math.inf,
    ) -> None:
        self._until = until
        self._nc, self._spool, self._wake, self._moved = nc, spool, wake, moved
        self._fence, self._window = ({}, WINDOW) if fence is None else (fence.headers(), 1)
        self._server = str(nc._server_info["server_id"])  # noqa: SLF001 - nats-py has no public way
        cursor = spool.cursor
        # Another server may have lost what was acknowledged but not settled: that goes again.
        self._acked_to = cursor.acked if self._server == cursor.server_id else cursor.settled
        self._sent: deque[_Sent] = deque()
        self._flying, self._number = 0, 0
        self._replies: deque[Msg] = deque()
        self._acked: set[int] = set()
        self._progress = time.monotonic()
        self._acks = deque([(self._progress, self._acked_to)])
        self._noted = self._acked_to
        self._doubt, self._checked = True, self._acked_to
        self._known: set[str] = set()

    async def run(self) -> None:
        """Publish from the cursor on until the connection breaks; raises FencedError."""
        self._inbox = self._nc.new_inbox()
        await self._nc.subscribe(f"{self._inbox}.*", cb=self._on_reply)
        at = self._acked_to
        while True:
            self._wake.clear()
            self._read_replies()
            await self._advance()
            self._check()
            before, at = at, await self._send(at)
            if at == before:
                await self._wait()

    async def _on_reply(self, message: Msg) -> None:
        self._replies.append(message)
        self._wake.set()

    async def _send(self, at: Position) -> Position:
        if self._doubt and at >= self._checked:
            await self._look_up(at)
        for behind, entry in islice(self._spool.entries(at), self._window - len(self._sent)):
            if self._flying >= WINDOW_BYTES or (self._doubt and behind > self._checked):
                break
            self._number += 1
            self._sent.append(_Sent(self._number, at, behind, len(entry.data)))
            self._flying += len(entry.data)
            at = behind
            if entry.key in self._known or entry.put_at > self._until:
                self._acked.add(self._number)
            else:
                await self._publish(entry)
        return at

    async def _publish(self, entry: Entry) -> None:
        number, headers = self._number, {KEY: entry.key, **entry.headers, **self._fence}
        if too_large(entry.data, headers, self._nc):
            self._refuse(number, "larger than max_payload")
            return
        reply = f"{self._inbox}.{number}"
        try:
            await self._nc.publish(entry.subject, entry.data, reply=reply, headers=headers)
        except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
            self._refuse(number, type(error).__name__)

    def _refuse(self, number: int, cause: str) -> None:
        """Keep what the log will never take in a file of its own, loudly, and go on."""
        sent = next(sent for sent in self._sent if sent.number == number)
        _, entry = next(self._spool.entries(sent.start))
        self._spool.put_aside(entry)
        self._acked.add(number)
        log.error("outbox.refused", subject=entry.subject, cause=cause)

    def _read_replies(self) -> None:
        while self._replies:
            message = self._replies.popleft()
            if (message.headers or {}).get("Status") == "503":
                raise UnavailableError("no stream answers")
            error = _ack.decode(message.data).error
            number = int(message.subject.rsplit(".", 1)[1])
            if error is None:
                self._acked.add(number)
            elif self._fence and error.err_code in WRONG_LAST_SEQUENCE:
                raise FencedError
            elif error.code == _PERMANENT and error.err_code not in _PASSING:
                self._refuse(number, str(error.err_code))
            else:
                raise UnavailableError(str(error.err_code))

    def _check(self) -> None:
        if not self._nc.is_connected:
            raise UnavailableError("the connection broke")
        if not self._sent:
            self._progress = time.monotonic()
        if time.monotonic() - self._progress > STALL_SECONDS:
            raise UnavailableError("no acknowledgement")

    async def _advance(self) -> None:
        """Move the cursor over the acknowledged prefix."""
        now = time.monotonic()
        while self._sent and self._sent[0].number in self._acked:
            sent = self._sent.popleft()
            self._acked.discard(sent.number)
            self._acked_to, self._progress = sent.behind, now
            self._flying -= sent.size
        cursor = Cursor(self._acked_to, self._settled(now), self._server)
        if cursor != self._spool.cursor:
            self._spool.move(cursor)
            async with self._moved:
                self._moved.notify_all()

    def _settled(self, now: float) -> Position:
        if self._acked_to > self._noted and (not self._acks or now - self._acks[-1][0] > 1):
            self._acks.append((now, self._acked_to))
            self._noted = self._acked_to
        settled = self._spool.cursor.settled
        while self._acks and now - self._acks[0][0] > SETTLE_SECONDS:
            settled = self._acks.popleft()[1]
        return settled

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look_up(self, start: Position) -> None:
        """Find which of the next entries the log has, where the server may have forgotten them.

        Where no entry is old any more, the doubt ends. It does not end where none was stored: what
        follows may be another session's, which another instance has taken over.
        """
        limit = time.time() - RECHECK_SECONDS
        old: dict[str, set[str]] = {}
        for behind, entry in islice(self._spool.entries(start), CHUNK):
            self._checked = behind
            if entry.put_at < limit:
                old.setdefault(entry.subject, set()).add(entry.key)
        self._known = set()
        for subject, keys in old.items():
            self._known |= await self._stored(subject, keys)
        self._doubt = bool(old)

    async def _stored(self, subject: str, keys: set[str]) -> set[str]:
        stored: set[str] = set()
        js = self._nc.jetstream()
        async with Pull(self._nc, js, streams.MEETINGS.name, [subject], headers_only=True) as pull:
            async for messages in pull.stored():
                stored.update(message.headers.get(KEY, "") for message in messages)
                stored &= keys
        return stored
