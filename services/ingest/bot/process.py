"""The process of one bot: reads its assignment, opens the log and the call, sits, and reports.

Its parent reads the reports and may call it back; without the parent it ends.
"""

import asyncio
import os
import resource
import signal
import sys
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import structlog

from contracts import streams, subjects
from contracts.events import BotAssigned
from services._runtime import logs, tether
from services._runtime.blobs import Blobs
from services._runtime.clock import now
from services._runtime.fence import Fence, FencedError
from services._runtime.jetstream import RefusedError
from services._runtime.kv import Bucket
from services._runtime.lease import Lease, LostError
from services._runtime.links import Links, linked
from services._runtime.outbox import Outbox
from services._runtime.projection import AWAY
from services._runtime.settings import Settings, load
from services._runtime.spool import Spool
from services.ingest.bot import meeting, memory
from services.ingest.bot.daily_call import DailyCall
from services.ingest.bot.performing import Performing
from services.ingest.bot.seam import Call, CallRefusedError, CallUnansweredError
from services.ingest.bot.sitting import ReplacedError, Sitting
from services.ingest.bot.steps import Charge
from services.ingest.bot.wire import Assignment, Beat, Gone, Recall, Report

log = structlog.get_logger()

BEAT_SECONDS = 1.0
DRAIN_SECONDS = 8.0
CLOSE_SECONDS = 2.0
"""How long the client may take to let go; it does not while a join is under way."""


class CutOffError(Exception):
    """The connection to NATS is closed for good, or the parent is gone."""


def main() -> None:
    """Run the bot whose assignment is the first line of the standard input."""
    tether.bind(int(os.environ[tether.PARENT]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for all of us: the parent calls us back
    asyncio.run(_main(load()))
    # A client that hangs, or a join that nobody can call off, must not keep a bot that is done.
    os._exit(0)


def say(report: Report) -> None:
    """Write one report for the parent."""
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


async def _main(settings: Settings) -> None:
    closed = asyncio.Event()

    async def on_closed() -> None:
        closed.set()

    lines = await _lines()
    assignment = msgspec.json.decode(await lines.readline(), type=Assignment)
    logs.configure(settings.log, "bot", assignment.charge.bot_id)
    call = DailyCall()
    async with linked(assignment.charge.bot_id, settings, on_closed) as links:
        with closing(Spool(Path(assignment.spool))) as spool:
            say(await _sit(assignment, links, spool, call, lines, closed))
    with suppress(TimeoutError, CallRefusedError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await call.close()


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _sit(  # noqa: PLR0917 - what a process is made of
    assignment: Assignment,
    links: Links,
    spool: Spool,
    call: Call,
    lines: asyncio.StreamReader,
    closed: asyncio.Event,
) -> Gone:
    lease = Lease(
        Bucket(links.nc, links.js, streams.BOTS),
        subjects.lease(assignment.charge.session_id),
        assignment.charge.bot_id,
        assignment.lease,
    )
    outbox, gone = _outbox(assignment, links, spool), Gone("replaced")
    sitting = await _sitting(assignment, links, outbox, call)
    try:
        await lease.renew()
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(one)
                for one in (
                    outbox.run(),
                    lease.keep(),
                    _beat(),
                    _obey(lines, sitting),
                    _watch(closed),
                )
            ]
            gone = await _sat(assignment.charge, links, sitting)
            with suppress(TimeoutError):  # what is left is in the spool, for who inherits it
                async with asyncio.timeout(DRAIN_SECONDS):
                    await outbox.drained()
            for task in beside:
                task.cancel()
        with suppress(*AWAY, RefusedError):  # unreleased, it goes stale
            async with asyncio.timeout(CLOSE_SECONDS):
                await lease.release()
    except* (LostError, FencedError, ReplacedError) as error:
        log.info("bot.replaced", errors=len(error.exceptions))
    if sitting.inside:
        with suppress(CallRefusedError, CallUnansweredError):
            await call.leave()
    return gone


async def _sat(charge: Charge, links: Links, sitting: Sitting) -> Gone:
    logged = await links.log.read(charge.session_id)
    assigned = [event.bot_id for _, event in logged if isinstance(event, BotAssigned)]
    if assigned[-1:] != [charge.bot_id]:  # by a host that overtook ours: its fence may be ours
        raise ReplacedError
    known = memory.fold(logged)
    return await sitting.run(meeting.initial(charge, known), known.orders, logged[-1][0])


def _outbox(assignment: Assignment, links: Links, spool: Spool) -> Outbox:
    subject = subjects.events_of_type(assignment.charge.session_id, BotAssigned)
    return Outbox(
        spool,
        links.keyring,
        links.settings.nats,
        links.settings.spool_bytes,
        fence=Fence(subject, assignment.fence),
    )


async def _sitting(assignment: Assignment, links: Links, outbox: Outbox, call: Call) -> Sitting:
    files = await Blobs.open(links.js, streams.FILES, links.keyring)
    performing = Performing(assignment.charge, links, files, call, now)
    return Sitting(
        assignment,
        links=links,
        outbox=outbox,
        call=call,
        performing=performing,
        say=say,
        now=now,
    )


async def _beat() -> None:
    while True:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        say(Beat(peak * (1024 if sys.platform.startswith("linux") else 1)))
        await asyncio.sleep(BEAT_SECONDS)


async def _obey(lines: asyncio.StreamReader, sitting: Sitting) -> None:
    """Read the parent's further lines; its end is ours."""
    while line := await lines.readline():
        sitting.recall(msgspec.json.decode(line, type=Recall).reason)
    raise CutOffError


async def _watch(closed: asyncio.Event) -> None:
    await closed.wait()
    raise CutOffError
