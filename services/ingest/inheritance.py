"""What the dead left in their spools goes into the log: what was heard is not lost with them."""

import asyncio
import math
from pathlib import Path

from contracts.events import BotAssigned, TranscriptionStarted
from services._runtime.links import Links
from services._runtime.outbox import Outbox
from services._runtime.spool import Spool
from services.ingest import spools


async def deliver(spool: Spool, links: Links, until: float = math.inf) -> None:
    """Send what a spool was given until then. Waits for as long as NATS is away."""
    settings = links.settings
    outbox = Outbox(spool, links.keyring, settings.nats, settings.spool_bytes, until=until)
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


async def deliver_of_bots(links: Links, session_id: str = "*") -> None:
    """Send what dead bots of a session (or of all) left here, and remove their spools."""
    for spool, owner, number in spools.left_by_bots(directory(links), session_id):
        try:
            await deliver(spool, links, await _relieved(links, owner, number))
        except BaseException:
            spool.close()
            raise
        spool.remove()


async def _relieved(links: Links, session_id: str, number: int) -> float:
    """When a later bot began to hear: what an earlier one heard since is in the log already.

    There are two where a machine is cut off from NATS and not from Daily.
    """
    later: set[str] = set()
    wanted = (BotAssigned, TranscriptionStarted)
    for _, event in await links.log.read(session_id, types=wanted):
        if isinstance(event, BotAssigned) and event.number > number:
            later.add(event.bot_id)
        elif isinstance(event, TranscriptionStarted) and event.bot_id in later:
            return event.time.timestamp()
    return math.inf


def directory(links: Links) -> Path:
    """Where the spools of this data directory lie."""
    return links.settings.data_dir / "spool"
