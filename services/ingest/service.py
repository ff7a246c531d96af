"""The ingest service: takes recordings, meetings and wishes to end off the queue.

Only wiring here. How a session lives is in `session`, what is played in `playback`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from contracts import streams
from contracts.commands import EndSession, HostSession, PlayRecording
from services._runtime.app import Runtime
from services._runtime.blobs import Blobs
from services._runtime.clock import now
from services._runtime.outbox import Outbox
from services._runtime.settings import Settings, SettingsError
from services._runtime.worker import Worker
from services.ingest import inheritance, spools
from services.ingest.daily.errors import UnauthorisedError
from services.ingest.daily.rest import DailyRest
from services.ingest.hosting.service import Hosts
from services.ingest.lifecycle import Lifecycle
from services.ingest.player import Player
from services.ingest.session import Close, RejectedError

log = structlog.get_logger()

RECORDINGS_AT_ONCE = 32
HOST_SECONDS = 5.0
"""A service that was not heard of for so long hosts nothing any more; its sessions are given on."""


async def serve(runtime: Runtime, clock: Callable[[], datetime] = now) -> None:
    """Play and end sessions until cancelled; what dead instances left in spools goes first."""
    own, orphans = spools.claim(inheritance.directory(runtime))
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
    rest = _rest(runtime.settings)
    hosts = Hosts(runtime, rest)
    try:
        runtime.checks["spools"] = lambda: not orphans
        while orphans:
            await inheritance.deliver(orphans[0], runtime)
            orphans.pop(0).close()
        await inheritance.deliver_of_bots(runtime)
        async with asyncio.TaskGroup() as group:
            group.create_task(outbox.run())
            group.create_task(players.run())
            group.create_task(enders.run())
            group.create_task(hosts.open_rooms())
            if places := runtime.settings.bots_per_process:
                group.create_task(_hosting(runtime, hosts, places).run())
    finally:
        own.close()
        if rest is not None:
            await rest.aclose()


def _hosting(runtime: Runtime, hosts: Hosts, places: int) -> Worker[HostSession]:
    return Worker(
        runtime.js,
        runtime.keyring,
        HostSession,
        hosts.handle,
        concurrency=places,
        given_up=hosts.given_up,
        patience=HOST_SECONDS,
    )


def _rest(settings: Settings) -> DailyRest | None:
    if settings.daily_api_key is None:
        return None
    try:
        return DailyRest(settings.daily_api_key.get_secret_value(), settings.daily_api_url)
    except UnauthorisedError:
        raise SettingsError("DAILY_API_KEY: is no key of Daily's") from None
