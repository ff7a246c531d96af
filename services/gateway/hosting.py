"""Have the assistant sent into a session's room. Joins no room itself.

Whoever makes a session enqueues the job. Whoever finds a session that nobody took on yet looks for
its job, and enqueues it where the maker died in between; a job enqueued twice is one.
"""

import asyncio
import time

from contracts import streams, subjects
from contracts.commands import HostSession
from services._runtime.app import Runtime
from services._runtime.jetstream import last_message
from services.gateway.requesting import Requested

APPEAR_SECONDS = 1.0
"""How long the maker may take; its job may hold a token that another asker's has not."""
PAUSE_SECONDS = 0.02


async def send(runtime: Runtime, requested: Requested, token: str | None) -> None:
    """Enqueue the job with the token to join with, where it is needed; raises UnavailableError."""
    view = requested.view
    if view.source != "daily" or view.status != "requested":
        return
    job = HostSession(session_id=view.session_id, token=token)
    if requested.created or not await _is_queued(runtime, job):
        await runtime.publisher.enqueue(job)


async def _is_queued(runtime: Runtime, job: HostSession) -> bool:
    # No asyncio.timeout: before Python 3.12 a cancellation can be lost inside the NATS client.
    deadline = time.monotonic() + APPEAR_SECONDS
    while time.monotonic() < deadline:
        if await last_message(runtime.js, streams.JOBS.name, subjects.job(job)) is not None:
            return True
        await asyncio.sleep(PAUSE_SECONDS)
    return False
