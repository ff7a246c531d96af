"""The ingest service: take the recordings and the wishes to end off the queue, write through disk.

Only wiring here. How a session lives is in `session`, what is played in `playback`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from contracts import streams
from contracts.commands import EndSession, PlayRecording
from services._runtime.app import Runtime
from services._runtime.blobs import Blobs
from services._runtime.clock import now
from services._runtime.outbox import Outbox
from services._runtime.spool import Spool
from services._runtime.worker import Worker
from services.ingest import spools
from services.ingest.lifecycle import Lifecycle
from services.ingest.player import Player
from services.ingest.session import Close, RejectedError

log = structlog.get_logger()

RECORDINGS_AT_ONCE = 32


async def serve(runtime: Runtime, clock: Callable[[], datetime] = now) -> None:
    """Play and end sessions until cancelled; what dead instances left in spools goes first."""
    own, orphans = spools.claim(runtime.settings.data_dir / "spool")
    outbox = Outbox(own, runtime.keyring, runtime.settings.nats, runtime.settings.spool_bytes)
    lifecycle = Lifecycle(runtime)
    blobs = await Blobs.open(runtime.js, streams.RECORDINGS, runtime.keyring)
    player = Player(runtime, lifecycle, outbox, blobs, clock)

    async def end(job: EndSession) -> None:
        try:
            await lifecycle.decide(Close(job.session_id, clock()))
        except RejectedError as error:
            log.info("command.rejected", session=job.session_id, cause=str(error))

    players = Worker(
        runtime.js,
        runtime.keyring,
        PlayRecording,
        player.handle,
        concurrency=RECORDINGS_AT_ONCE,
        given_up=player.given_up,
    )
    enders = Worker(runtime.js, runtime.keyring, EndSession, end)
    try:
        runtime.checks["spools"] = lambda: not orphans
        while orphans:
            await _empty(orphans[0], runtime)
            del orphans[0]
        async with asyncio.TaskGroup() as group:
            group.create_task(outbox.run())
            group.create_task(players.run())
            group.create_task(enders.run())
    finally:
        own.close()


async def _empty(spool: Spool, runtime: Runtime) -> None:
    outbox = Outbox(spool, runtime.keyring, runtime.settings.nats, runtime.settings.spool_bytes)
    pumping = asyncio.create_task(outbox.run())
    draining = asyncio.create_task(outbox.drained())
    try:
        await asyncio.wait([pumping, draining], return_when=asyncio.FIRST_COMPLETED)
        if pumping.done():
            pumping.result()
    finally:
        for task in (pumping, draining):
            task.cancel()
        await asyncio.wait([pumping, draining])
        spool.close()
