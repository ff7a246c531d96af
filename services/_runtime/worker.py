"""Work through a queue: each command is done, tried again later, or put aside with a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeAlias, TypeVar

import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from contracts import codec, streams, subjects
from contracts.commands import Command
from services._runtime.jetstream import RefusedError, publish
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.projection import AWAY
from services._runtime.taking import BACK_SECONDS, Taking

log = structlog.get_logger()

J = TypeVar("J", bound=Command)

Handler: TypeAlias = Callable[[J], Awaitable[None]]
"""Does one command, perhaps not for the first time."""

ACK_WAIT_SECONDS = 10.0
"""A worker that has not been heard of for so long is taken for dead, and its work is given on."""
MAX_DELIVERIES = 5
"""How often a command is given out before an error ends it, whatever it was given out for."""
TRANSIENT_DELIVERIES = 500
"""The same for an error that passes, and for workers that vanish: a few hours."""
RETRY_SECONDS = (1.0, 3.0, 10.0, 30.0)

REASON, SUBJECT = "Earshot-Reason", "Earshot-Subject"


class TransientError(Exception):
    """Not now: try this command again later."""


_PASSING = (TransientError, *AWAY)


class Worker(Generic[J]):
    """Handles the commands of one type, at most `concurrency` at a time.

    `given_up` is called before a command that failed too often is put aside, so that whoever waits
    for it learns. `patience` is for how many seconds a worker may not be heard of.
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
        patience: float | None = None,
    ) -> None:
        self._patience = ACK_WAIT_SECONDS if patience is None else patience
        self._js, self._keyring, self._type = js, keyring, command_type
        self._handler, self._given_up = handler, given_up
        self._concurrency = concurrency

    async def run(self) -> None:
        """Work until cancelled; a cancelled command is given back."""
        await Taking(
            self._js,
            streams.JOBS.name,
            f"work-{self._type.__struct_config__.tag}",
            [subjects.jobs_of_type(self._type)],
            settle=self._settle,
            concurrency=self._concurrency,
            patience=self._patience,
        ).run()

    async def _settle(self, message: Msg) -> None:
        """Ack, nak or put aside; what goes wrong is this command's trouble, not the queue's."""
        try:
            job = await self._open(message)
            if job is not None:
                await self._do(job, message)
        except asyncio.CancelledError:
            with suppress(*AWAY):
                await message.nak(delay=BACK_SECONDS)
            raise
        except AWAY as error:
            # The server was not told; it gives the command out again, and commands are idempotent.
            log.info("job.left_open", job=self._type.__name__, error=type(error).__name__)

    async def _do(self, job: J, message: Msg) -> None:
        if message.metadata.num_delivered > TRANSIENT_DELIVERIES:
            await self._give_up(job, message, "delivered too often")
            return
        try:
            await self._handler(job)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is counted and reported
            await self._retry(job, message, error)
        else:
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
        if isinstance(job, self._type):
            return job
        if job is None:
            await message.nak(delay=RETRY_SECONDS[-1])  # a newer producer's: a newer worker's
        else:
            await self._put_aside(message, f"{type(job).__name__} under this subject")
        return None

    async def _retry(self, job: J, message: Msg, error: Exception) -> None:
        tries, passing = message.metadata.num_delivered, isinstance(error, _PASSING)
        log.log(
            20 if passing else 40,
            "job.failed",
            job=self._type.__name__,
            tries=tries,
            cause=type(error).__name__,
            exc_info=None if passing else error,
        )
        if tries < (TRANSIENT_DELIVERIES if passing else MAX_DELIVERIES):
            await message.nak(delay=RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1])
        else:
            await self._give_up(job, message, type(error).__name__)

    async def _give_up(self, job: J, message: Msg, reason: str) -> None:
        try:
            if self._given_up is not None:
                await self._given_up(job)
        except _PASSING as error:
            log.info("job.given_up_later", job=self._type.__name__, cause=type(error).__name__)
            await message.nak(delay=RETRY_SECONDS[-1])
            return
        except Exception:  # or it would come back for ever
            log.exception("job.given_up_failed", job=self._type.__name__)
        await self._put_aside(message, reason)

    async def _put_aside(self, message: Msg, reason: str) -> None:
        headers = {REASON: reason, SUBJECT: message.subject}
        key = f"dead:{message.subject}:{message.metadata.sequence.stream}"
        subject = subjects.dead_letter(message.subject)
        try:
            await publish(self._js, subject, message.data, key=key, headers=headers)
            log.error("job.dead_lettered", job=self._type.__name__, reason=reason)
        except RefusedError as error:
            log.error("job.dropped", job=self._type.__name__, reason=reason, cause=str(error))  # noqa: TRY400 - the trace says nothing
        await message.term()
