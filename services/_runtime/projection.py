"""Read events in stream order, from a sequence on. The only way a service may fold.

Nothing is acked: the checkpoint is the caller's snapshot. An error in the caller ends the
projection; a fold that cannot go on stops, it never skips.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts import codec, streams, subjects
from contracts.events import Event, Numbered
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import key_of
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.pull import BrokenOffError, Delivered, Pull, numbers

log = structlog.get_logger()

AWAY = (
    BrokenOffError,
    UnavailableError,
    nats.errors.Error,
    TimeoutError,
    OSError,
)
"""What a consumer or a request meets while the server is away or has forgotten it."""

PAUSE_SECONDS = 0.2
AT_ONCE = 512
"""Events opened in one go: a few milliseconds' work."""


class RolledBackError(Exception):
    """The server lost events that were read from it: what was derived from them is void."""


class Batch(msgspec.Struct, frozen=True):
    """Events in order. `upto` is the last sequence read, known or not, and `key` that message's
    idempotency key; `at_tip` says that nothing was waiting behind it: the only place where a
    projection may cause effects."""

    events: tuple[Numbered, ...]
    upto: int
    at_tip: bool
    key: str = ""


class Reader:
    """Opens the log: reads, decrypts and decodes, and says what it could not read."""

    def __init__(self, nc: Client, js: JetStreamContext, keyring: Keyring) -> None:
        self._nc, self._js, self._keyring = nc, js, keyring

    async def follow(
        self,
        filters: Sequence[str],
        after: int,
        key: str = "",
        only: frozenset[int] | None = None,
    ) -> AsyncGenerator[Batch, None]:
        """Every event of `filters` after a sequence, then each new one, for ever.

        Without filters the whole log is read, and opened are the events of `only` these partitions.

        Outlives the server: it reads on where it was. A batch may be empty: at the tip. `key` is
        that of the event at `after`, where known. Raises RolledBackError when the server came back
        without what it gave us.
        """
        seq = after
        while True:
            try:
                if key:
                    await self._still_holds(seq, key)
                async with aclosing(self._batches(filters, seq, only)) as batches:
                    async for batch in batches:
                        yield batch
                        if batch.upto > seq:
                            seq, key = batch.upto, batch.key
            except AWAY as error:
                log.info("projection.reopens", error=type(error).__name__, seq=seq)
                await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, filters: Sequence[str], after: int = 0) -> AsyncGenerator[Batch, None]:
        """The events of `filters` after a sequence that are stored now; ends at the tip.

        Raises one of AWAY when the server is.
        """
        async with aclosing(self._batches(filters, after)) as batches:
            async for batch in batches:
                yield batch
                if batch.at_tip:
                    return

    async def open(self, message: Msg) -> Event | None:
        """The event of a delivered message; None for what no fold can read.

        Raises UnavailableError.
        """
        session_id, seq = subjects.session_of(message.subject), numbers(message.reply).stream_seq
        key = await self._key(session_id, seq)
        return None if key is None else _opened(session_id, key, seq, message.data)

    async def _still_holds(self, seq: int, key: str) -> None:
        """Raise RolledBackError when the message at `seq` is another one, or not written yet."""
        name = streams.MEETINGS.name
        lost = (await self._js.stream_info(name)).state.last_seq < seq
        if not lost:
            try:
                found = await self._js.get_msg(name, seq)
            except NotFoundError:
                return  # erased
            lost = key_of(found.headers) != key
        if lost:
            raise RolledBackError(f"the log no longer holds the event at {seq}")

    async def _batches(
        self, filters: Sequence[str], after: int, only: frozenset[int] | None = None
    ) -> AsyncGenerator[Batch, None]:
        async with Pull(self._nc, self._js, streams.MEETINGS.name, filters, after=after) as pull:
            upto, at_tip = after, pull.pending == 0
            if at_tip:
                yield Batch((), upto, at_tip=True)
            while True:
                if messages := await pull.next():
                    batch = await self._batch(messages, only)
                    upto, at_tip = batch.upto, batch.at_tip
                    yield batch
                elif not at_tip and await pull.waiting() == 0:
                    at_tip = True  # what was waiting was deleted
                    yield Batch((), upto, at_tip=True)

    async def _batch(self, messages: Sequence[Delivered], only: frozenset[int] | None) -> Batch:
        events: list[Numbered] = []
        gone: set[str] = set()
        for first in range(0, len(messages), AT_ONCE):
            if first:
                await asyncio.sleep(0)
            for message in messages[first : first + AT_ONCE]:
                if only is not None and subjects.partition_of(message.subject) not in only:
                    continue
                session_id = subjects.session_of(message.subject)
                if session_id in gone:
                    continue
                key = self._keyring.known(session_id) or await self._key(session_id, message.seq)
                if key is None:
                    gone.add(session_id)
                elif event := _opened(session_id, key, message.seq, message.data):
                    events.append((message.seq, event))
        last = messages[-1]
        return Batch(tuple(events), last.seq, last.pending == 0, key_of(last.headers))

    async def _key(self, session_id: str, seq: int) -> bytes | None:
        """The session's key, None where it is gone; raises UnavailableError."""
        try:
            return await self._keyring.key(session_id)
        except KeyGoneError:
            log.debug("event.erased", seq=seq)
            return None


def _opened(session_id: str, key: bytes, seq: int, sealed: bytes) -> Event | None:
    """None for what no fold can read: stored bytes never improve, and every fold skips them."""
    try:
        event = codec.events.decode(codec.unseal(sealed, key))
    except (codec.SealedMessageError, codec.MalformedMessageError) as error:
        log.warning("event.malformed", seq=seq, error=type(error).__name__)
        return None
    if event is None or event.session_id == session_id:
        return event
    log.warning("event.malformed", seq=seq, error="it names another session")
    return None


async def project(
    reader: Reader,
    filters: Sequence[str],
    after: int,
    handler: Callable[[Batch], Awaitable[None]],
    key: str = "",
) -> None:
    """Feed `handler` every batch in order, for ever; its errors end the projection."""
    async with aclosing(reader.follow(filters, after, key)) as batches:
        async for batch in batches:
            await handler(batch)
