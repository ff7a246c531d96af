"""A consumer that hands messages over in order, as many as have come, as soon as they have come.

Built on the pull protocol of JetStream (ADR-13) because the clients' own calls either reorder, wait
for full batches, or sleep through a server's restart; the measurements are in docs/architecture.md.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services._runtime import frames
from services._runtime.frames import Frame

BATCH = 256
LARGE_BATCH = 16_384
LARGE_BATCH_BYTES = 8 << 20
"""Where more than a batch is waiting, so many, or as many of the last ones' size, come at once."""
BATCH_BYTES = 65 << 20
"""Bounds what one request brings; more than the largest message a server can be told to take."""
EXPIRES_SECONDS = 1.0
IDLE_CONSUMER_SECONDS = 30.0
CLOSE_SECONDS = 1.0

_PULL_OVER = frozenset({"404", "408"})
_PULL_FULL = ("Batch Completed", "Message Size Exceeds MaxBytes")


class BrokenOffError(Exception):
    """The consumer is gone or skipped a message: make another from the last sequence seen."""


class Delivered(NamedTuple):
    """A message of a stream: where it stands, and how many more wait behind it."""

    subject: str
    seq: int
    pending: int
    data: bytes
    head: bytes | Mapping[str, str]

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers; empty where it has none."""
        return frames.headers_of(self.head) if isinstance(self.head, bytes) else self.head


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
        self._arrived: deque[Frame] = deque()
        self._wake = asyncio.Event()
        self._wanted, self._deadline, self._consumer_seq = 0, 0.0, 0
        self._least = self._left = self._size = 0
        self._subscription: Subscription | None = None
        self.pending = 0
        """Messages the stream held for us when the consumer was made."""

    async def __aenter__(self) -> Self:
        info = await self._js.add_consumer(self._stream, self._config, timeout=2)
        self._name, self.pending = info.name, info.num_pending or 0
        self._inbox = self._nc.new_inbox()
        self._subscription = await self._nc.subscribe(self._inbox)
        frames.divert(self._nc, self._subscription, self._on_message)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._subscription is not None:
                    frames.restore(self._nc, self._subscription)
                    await self._subscription.unsubscribe()
                await self._js.delete_consumer(self._stream, self._name)
        except (Error, TimeoutError, OSError):
            return  # the server forgets an idle consumer by itself

    def _on_message(self, frame: Frame) -> None:
        self._arrived.append(frame)
        if len(self._arrived) >= self._least or not frame.data:  # a status has none
            self._wake.set()

    async def next(self) -> list[Delivered]:
        """At least one message as soon as there is one; [] when none came within about a second.

        Where many are waiting, many come. Raises BrokenOffError, or the client's errors while the
        server is away.
        """
        if self._wanted <= 0 or time.monotonic() > self._deadline:
            await self._request()
        if not self._wake.is_set():
            try:
                async with asyncio.timeout_at(_loop_time(self._deadline)):
                    await self._wake.wait()
            except TimeoutError:
                self._wanted = 0
        return self._take()

    async def stored(self) -> AsyncGenerator[list[Delivered], None]:
        """Messages until none waits; fails as `next` does."""
        waiting = self.pending
        while waiting > 0:
            if messages := await self.next():
                waiting = messages[-1].pending
                yield messages
            else:
                waiting = await self.waiting()  # what was waiting may have been deleted

    async def waiting(self) -> int:
        """How many messages are still to come; raises the client's errors.

        What the server sent while we asked is in no count of its own, and not taken yet.
        """
        info = await self._js.consumer_info(self._stream, self._name, timeout=2)
        return (info.num_pending or 0) + len(self._arrived)

    async def _request(self) -> None:
        wanted = self._next_batch()
        body = msgspec.json.encode(
            {"batch": wanted, "max_bytes": BATCH_BYTES, "expires": int(EXPIRES_SECONDS * 1e9)}
        )
        self._wanted, self._deadline = wanted, time.monotonic() + EXPIRES_SECONDS + 0.5
        self._least = wanted if wanted > BATCH else 1
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        await self._nc.publish(subject, body, reply=self._inbox)

    def _next_batch(self) -> int:
        """How many to ask for, after what came last; never more than BATCH unless they wait."""
        if self._left <= BATCH:
            return BATCH
        fitting = LARGE_BATCH_BYTES // max(1, self._size)
        return max(BATCH, min(self._left, LARGE_BATCH, fitting))

    def _take(self) -> list[Delivered]:
        taken: list[Delivered] = []
        size = 0
        self._wake.clear()
        while self._arrived:
            frame = self._arrived.popleft()
            if not frame.data and (status := frame.status) is not None:
                if status[0] != "100":
                    self._wanted = 0
                    self._check(*status)
                continue
            seq, consumer_seq, pending = numbers(frame.reply.decode())
            if consumer_seq != self._consumer_seq + 1:
                raise BrokenOffError("a message is missing")
            self._consumer_seq = consumer_seq
            size += len(frame.data) + len(frame.head)
            taken.append(Delivered(frame.subject.decode(), seq, pending, frame.data, frame.head))
        self._wanted -= len(taken)
        if taken:
            self._left, self._size = taken[-1].pending, size // len(taken)
        return taken

    @staticmethod
    def _check(status: str, description: str) -> None:
        if status not in _PULL_OVER and not description.startswith(_PULL_FULL):
            raise BrokenOffError(description or status)


def _loop_time(deadline: float) -> float:
    return asyncio.get_running_loop().time() + max(0.05, deadline - time.monotonic())
