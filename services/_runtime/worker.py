"""Work through a queue: each command is done, tried again later, or put aside with a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from contracts import codec, streams, subjects
from contracts.commands import Command
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import publish
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.projection import AWAY, PAUSE_SECONDS

log = structlog.get_logger()

J = TypeVar("J", bound=Command)

Handler: TypeAlias = Callable[[J, int], Awaitable[None]]
"""Does one command; the number says how often it was given out, this time included."""

ACK_WAIT_SECONDS = 10.0
"""A worker that has not been heard of for so long is taken for dead, and its work is given on."""
HEARTBEAT_SECONDS = 3.0
FETCH_SECONDS = 0.5
MAX_DELIVERIES = 5
RETRY_SECONDS = (1.0, 3.0, 10.0, 30.0)

REASON, SUBJECT = "Earshot-Reason", "Earshot-Subject"


class TransientError(Exception):
    """Not now: try this command again later."""


class Worker(Generic[J]):
    """Handles the commands of one type, at most `concurrency` at a time.

    `given_up` is called before a command that failed MAX_DELIVERIES times is put aside, so that
    whoever waits for it learns.
    """

    def __init__(
        self,
        js: JetStreamContext,
        keyring: Keyring,
        command_type: type[J],
        handler: Handler[J],
        *,
        concurrency: int = 4,
        given_up: Callable[[J], Awaitable[None]] | None = None,
    ) -> None:
        self._js, self._keyring, self._type = js, keyring, command_type
        self._handler, self._given_up = handler, given_up
        self._slots, self._concurrency = asyncio.Semaphore(concurrency), concurrency

    async def run(self) -> None:
        """Work until cancelled; a cancelled command is given back."""
        while True:
            try:
                await self._work()
            except AWAY as error:
                log.info("worker.reopens", error=type(error).__name__, job=self._type.__name__)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _work(self) -> None:
        subscription = await self._subscribe()
        async with asyncio.TaskGroup() as running:
            while True:
                await self._slots.acquire()
                try:
                    (message,) = await subscription.fetch(1, timeout=FETCH_SECONDS)
                except (nats.errors.TimeoutError, TimeoutError):
                    self._slots.release()
                    continue
                except BaseException:
                    self._slots.release()
                    raise
                running.create_task(self._release_after(message))

    @property
    def _durable(self) -> str:
        return f"work-{self._type.__struct_config__.tag}"

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            # the last delivery is ours to give up; a further one guards against a crash in doing so
            max_deliver=-1,
            max_ack_pending=1000,
            filter_subject=subjects.jobs_of_type(self._type),
        )
        await self._js.add_consumer(streams.JOBS.name, config, timeout=2)
        return await self._js.pull_subscribe_bind(self._durable, streams.JOBS.name)

    async def _release_after(self, message: Msg) -> None:
        try:
            await self._settle(message)
        finally:
            self._slots.release()

    async def _settle(self, message: Msg) -> None:
        """Ack, nak or put aside; what goes wrong is this command's trouble, not the queue's."""
        try:
            try:
                await self._handle(message)
            except asyncio.CancelledError:
                # Given back at once, it would come to our own fetch, which the server still holds.
                await message.nak(delay=2 * FETCH_SECONDS)
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, it is counted and reported
                await self._retry(message, error)
        except (*AWAY, UnavailableError) as error:
            # The server was not told; it gives the command out again, and commands are idempotent.
            log.info("job.left_open", job=self._type.__name__, error=type(error).__name__)

    async def _handle(self, message: Msg) -> None:
        if (job := await self._open(message)) is not None:
            async with _Heartbeat(message):
                await self._handler(job, message.metadata.num_delivered)
            await message.ack_sync(timeout=2)

    async def _open(self, message: Msg) -> J | None:
        try:
            key = await self._keyring.key(subjects.job_session(message.subject))
            job = codec.jobs.decode(codec.unseal(message.data, key))
        except KeyGoneError:
            await message.term()  # erased: nothing may remember it
            return None
        except (codec.SealedMessageError, codec.MalformedMessageError) as error:
            await self._put_aside(message, type(error).__name__)
            return None
        if not isinstance(job, self._type):
            await message.nak(delay=RETRY_SECONDS[-1])  # a newer producer's: a newer worker's
            return None
        return job

    async def _retry(self, message: Msg, error: Exception) -> None:
        tries = message.metadata.num_delivered
        quiet = isinstance(error, TransientError | UnavailableError)
        log.log(
            20 if quiet else 40,
            "job.failed",
            job=self._type.__name__,
            tries=tries,
            cause=type(error).__name__,
            exc_info=None if quiet else error,
        )
        if tries < MAX_DELIVERIES:
            await message.nak(delay=RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1])
            return
        job = await self._open(message)
        if job is not None:
            if self._given_up is not None:
                await self._given_up(job)
            await self._put_aside(message, type(error).__name__)

    async def _put_aside(self, message: Msg, reason: str) -> None:
        headers = {REASON: reason, SUBJECT: message.subject}
        key = f"dead:{message.subject}:{message.metadata.sequence.stream}"
        await publish(
            self._js, subjects.dead_letter(message.subject), message.data, key=key, headers=headers
        )
        await message.term()
        log.error("job.dead_lettered", job=self._type.__name__, reason=reason)


class _Heartbeat:
    """Tells the server that the work goes on."""

    def __init__(self, message: Msg) -> None:
        self._message = message

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._beat())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._message.in_progress()
            except (nats.errors.Error, OSError):
                continue  # away; the command is finished all the same, and is idempotent
