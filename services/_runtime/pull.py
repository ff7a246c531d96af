"""A consumer that hands messages over in order, as many as have come, as soon as they have come.

Built on the pull protocol of JetStream (ADR-13) because the clients' own calls either reorder, wait
for full batches, or sleep through a server's restart; the measurements are in docs/architecture.md.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

BATCH = 256
BATCH_BYTES = 65 << 20
"""Bounds what one request brings; more than the largest message a server can be told to take."""
EXPIRES_SECONDS = 1.0
IDLE_CONSUMER_SECONDS = 30.0
CLOSE_SECONDS = 1.0

_PULL_OVER = frozenset({"404", "408"})
_PULL_FULL = ("Batch Completed", "Message Size Exceeds MaxBytes")


class BrokenOffError(Exception):
    """The consumer is gone or skipped a message: make another from the last sequence seen."""


class Numbers(NamedTuple):
    """Where a delivered message stands."""

    stream_seq: int
    consumer_seq: int
    pending: int


def numbers(reply: str) -> Numbers:
    """Read the positions from an ack subject, `$JS.ACK...` with 9 or (newer servers) 11+ tokens."""
    tokens = reply.split(".")
    at = 5 if len(tokens) == 9 else 7  # noqa: PLR2004 - the two lengths the protocol has
    return Numbers(int(tokens[at]), int(tokens[at + 1]), int(tokens[at + 3]))


class Pull:
    """One ephemeral, unacknowledged, ordered consumer; use as an async context manager."""

    def __init__(
        self,
        nc: Client,
        js: JetStreamContext,
        stream: str,
        filters: Sequence[str],
        *,
        after: int = 0,
        last_per_subject: bool = False,
        headers_only: bool = False,
    ) -> None:
        self._nc, self._js, self._stream = nc, js, stream
        self._config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.LAST_PER_SUBJECT
            if last_per_subject
            else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if last_per_subject else after + 1,
            filter_subjects=list(filters),
            inactive_threshold=IDLE_CONSUMER_SECONDS,
            mem_storage=True,
            num_replicas=1,
            headers_only=headers_only or None,
        )
        self._arrived: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._wanted, self._deadline, self._consumer_seq = 0, 0.0, 0
        self._subscription: Subscription | None = None
        self.pending = 0
        """Messages the stream held for us when the consumer was made."""

    async def __aenter__(self) -> Self:
        info = await self._js.add_consumer(self._stream, self._config, timeout=2)
        self._name, self.pending = info.name, info.num_pending or 0
        self._inbox = self._nc.new_inbox()
        self._subscription = await self._nc.subscribe(self._inbox, cb=self._on_message)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._subscription is not None:
                    await self._subscription.unsubscribe()
                await self._js.delete_consumer(self._stream, self._name)
        except (Error, TimeoutError, OSError):
            return  # the server forgets an idle consumer by itself

    async def _on_message(self, message: Msg) -> None:
        self._arrived.append(message)
        self._wake.set()

    async def next(self) -> list[Msg]:
        """At least one message as soon as there is one; [] when none came within about a second.

        Raises BrokenOffError, or the client's errors while the server is away.
        """
        if self._wanted <= 0 or time.monotonic() > self._deadline:
            await self._request()
        if not self._arrived:
            self._wake.clear()
            try:
                async with asyncio.timeout_at(_loop_time(self._deadline)):
                    await self._wake.wait()
            except TimeoutError:
                self._wanted = 0
                return []
        return self._take()

    async def stored(self) -> AsyncGenerator[list[Msg], None]:
        """Messages until none waits; fails as `next` does."""
        waiting = self.pending
        while waiting > 0:
            if messages := await self.next():
                waiting = numbers(messages[-1].reply).pending
                yield messages
            else:
                waiting = await self.waiting()  # what was waiting may have been deleted

    async def waiting(self) -> int:
        """How many messages the stream holds for us; raises the client's errors."""
        info = await self._js.consumer_info(self._stream, self._name, timeout=2)
        return info.num_pending or 0

    async def _request(self) -> None:
        body = msgspec.json.encode(
            {"batch": BATCH, "max_bytes": BATCH_BYTES, "expires": int(EXPIRES_SECONDS * 1e9)}
        )
        self._wanted, self._deadline = BATCH, time.monotonic() + EXPIRES_SECONDS + 0.5
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._nc.publish(subject, body, reply=self._inbox)

    def _take(self) -> list[Msg]:
        taken: list[Msg] = []
        while self._arrived:
            message = self._arrived.popleft()
            status = (message.headers or {}).get("Status")
            if status is None:
                if numbers(message.reply).consumer_seq != self._consumer_seq + 1:
                    raise BrokenOffError("a message is missing")
                self._consumer_seq += 1
                self._wanted -= 1
                taken.append(message)
            elif status != "100":
                self._wanted = 0
                self._check(status, str((message.headers or {}).get("Description", "")))
        return taken

    @staticmethod
    def _check(status: str, description: str) -> None:
        if status not in _PULL_OVER and not description.startswith(_PULL_FULL):
            raise BrokenOffError(description or status)


def _loop_time(deadline: float) -> float:
    return asyncio.get_running_loop().time() + max(0.05, deadline - time.monotonic())
