"""Append facts and enqueue commands: sealed, addressed and keyed in one place."""

from typing import TYPE_CHECKING

import structlog
from nats.js import JetStreamContext

from contracts import codec, ids, subjects
from contracts.commands import Job
from contracts.events import Event
from services._runtime.jetstream import publish

if TYPE_CHECKING:
    from services._runtime.keyring import Keyring

TYPE, TIME, CAUSE = "Earshot-Type", "Earshot-Time", "Earshot-Cause"
"""Header names; type and time stay readable beside the sealed body."""


def event_headers(event: Event, cause: str | None = None) -> dict[str, str]:
    """What stays readable of an event whose body is sealed; `cause` is the id that led to it."""
    headers = {TYPE: str(type(event).__struct_config__.tag), TIME: event.time.isoformat()}
    if cause := cause or structlog.contextvars.get_contextvars().get("cause"):
        headers[CAUSE] = cause
    return headers


class Publisher:
    """Appends with the session's key. Waits for the server; `Outbox` is for those who cannot."""

    def __init__(self, js: JetStreamContext, keyring: "Keyring") -> None:
        self._js, self._keyring = js, keyring

    async def append(
        self, event: Event, *, expect: int | None = None, cause: str | None = None
    ) -> int:
        """Store the event once and return its sequence.

        `expect` is the session's last sequence the event was decided on. Raises ConflictError when
        the session moved on, KeyGoneError, RefusedError or UnavailableError.
        """
        sealed = codec.seal(codec.encode(event), await self._keyring.key(event.session_id))
        return await publish(
            self._js,
            subjects.of(event),
            sealed,
            key=ids.of_event(event),
            headers=event_headers(event, cause),
            expect=expect,
            expect_in=None if expect is None else subjects.session_events(event.session_id),
        )

    async def enqueue(self, job: Job) -> None:
        """Put the command into the work queue once."""
        sealed = codec.seal(codec.encode(job), await self._keyring.key(job.session_id))
        await publish(self._js, subjects.job(job), sealed, key=ids.of_job(job))
