"""A lease on a name: held by whoever renews it, free for others when nobody did for a while.

Holding is a matter of compare-and-set, so that two never hold it; for how long nobody renewed is
measured by whoever waits, on their own clock and while the server answers. A holder that cannot
reach the server keeps the lease until somebody else has taken it.
"""

import asyncio
import time
from datetime import UTC, datetime

import msgspec
import structlog

from services._runtime.jetstream import ConflictError, RefusedError
from services._runtime.kv import Bucket, Entry
from services._runtime.projection import AWAY

log = structlog.get_logger()

RENEW_SECONDS = 1.0
STALE_SECONDS = 3.5
"""Not renewed for so long, a lease is taken for abandoned."""
UNCLAIMED_SECONDS = 10.0
"""How long somebody who is to hold a lease may take to take it."""
LOOK_SECONDS = 0.25


class Holding(msgspec.Struct, frozen=True):
    """Who holds a lease, and when they last said so, by their own clock."""

    holder: str = ""
    at: datetime = datetime.min.replace(tzinfo=UTC)


class LostError(Exception):
    """Somebody else holds the lease by now."""


class Lease:
    """One name, for one holder."""

    def __init__(self, bucket: Bucket, key: str, holder: str, revision: int) -> None:
        self._bucket, self._key, self._holder = bucket, key, holder
        self._revision = revision

    async def renew(self) -> None:
        """Take the lease, or keep it; raises LostError or one of AWAY."""
        value = msgspec.json.encode(Holding(self._holder, datetime.now(UTC)))
        try:
            self._revision = await self._bucket.put(self._key, value, self._revision)
        except ConflictError:
            raise LostError(self._key) from None

    async def keep(self) -> None:
        """Renew until cancelled, through any outage; raises LostError."""
        while True:
            try:
                await self.renew()
            except (*AWAY, RefusedError) as error:  # a full store takes no renewal of anybody's
                log.info("lease.unrenewed", error=type(error).__name__)
            await asyncio.sleep(RENEW_SECONDS)

    async def release(self) -> None:
        """Let the next one in at once; raises one of AWAY."""
        try:
            await self._bucket.put(self._key, b"", self._revision)
        except ConflictError:
            return


async def abandoned(bucket: Bucket, key: str, *, known_dead: str | None = None) -> int:
    """Wait until nobody holds the lease, and return the revision to take it at.

    A lease of `known_dead` is free at once. Raises one of AWAY.
    """
    seen = await bucket.get(key)
    while _holding(seen).holder not in {"", known_dead}:
        changed = await _watched(bucket, key, seen, STALE_SECONDS)
        if changed is None:
            break
        seen = changed
    return seen.revision


async def held(bucket: Bucket, key: str, holder: str, unclaimed: float = UNCLAIMED_SECONDS) -> bool:
    """Whether somebody renews the lease, or takes it.

    Takes as long as a lease of `holder` that nobody renews needs to go stale, and `unclaimed`
    seconds where it is not theirs: they may be about to take it. Raises one of AWAY.
    """
    seen = await bucket.get(key)
    patience = STALE_SECONDS if _holding(seen).holder == holder else unclaimed
    return await _watched(bucket, key, seen, patience) is not None


async def last_holding(bucket: Bucket, key: str) -> Holding:
    """Who holds the lease or held it last; raises one of AWAY."""
    return _holding(await bucket.get(key))


async def _watched(bucket: Bucket, key: str, seen: Entry, seconds: float) -> Entry | None:
    """What replaced an entry; None when nothing did for so long."""
    quiet = 0.0
    while quiet < seconds:
        began = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        if (found := await bucket.get(key)) != seen:
            return found
        # While the server took its time to answer, nobody could renew.
        quiet += min(time.monotonic() - began, 2 * LOOK_SECONDS)
    return None


def _holding(entry: Entry) -> Holding:
    return msgspec.json.decode(entry.value, type=Holding) if entry.value else Holding()
