"""Be one of those who may own partitions, and know who the others are.

A member renews its key; by their own clocks, the others see it change. One that stays silent is
buried: its key is emptied by compare-and-set, so that who renewed in between goes on, and who comes
back to an emptied key knows that all is lost.

A store without room takes nobody's renewal, and no burial either. Then a member whose key stands as
it was goes on, and nobody counts as silent. Where somebody else's key moves, that one can bury, and
whose own renewals are refused has no right to act for longer than the last one gave.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import subjects
from services._runtime.jetstream import ConflictError, FullError, RefusedError
from services._runtime.kv import ABSENT, Bucket, Entry
from services._runtime.projection import AWAY
from services.context import ownership
from services.context.ownership import GONE, JOINING, LEAVING, LIVING, Sighting
from services.context.tenure import Tenure, clock

log = structlog.get_logger()

RENEW_SECONDS = 0.5
AGAIN_SECONDS = 0.1
LOOK_SECONDS = 0.25
NUDGED_SECONDS = 0.05
"""How close two looks may follow each other when somebody says that it is worth while."""
TRY_SECONDS = 1.0
"""How long one renewal, or saying that one leaves, may take."""
BLIND_SECONDS = 1.0
"""Who saw nothing for so long starts to watch anew: nobody may have been able to renew."""
FORGET_SECONDS = 10.0
STILL_SECONDS = 1.0
"""Who can write renews within so long, or watches anew as one who saw nothing for so long."""


class ReplacedError(Exception):
    """Others took this member for gone: it owns nothing any more."""


class Look(NamedTuple):
    """Who has a share, who is about to go, and the leases of partitions."""

    members: frozenset[str]
    leaving: frozenset[str]
    leases: dict[int, Entry]


class Membership:
    """One name, from joining to leaving or to being replaced; no name is used twice."""

    def __init__(self, bucket: Bucket, nc: Client, name: str) -> None:
        self._bucket, self._nc, self.name = bucket, nc, name
        self._key, self._revision = subjects.member(name), 0
        self._seen: ownership.Sightings = {}
        self._looked = -math.inf
        self._nudged = asyncio.Event()
        self._others: Mapping[str, int] | None = None
        self._still_since = 0.0
        self.is_refused = False
        """Whether the server took nothing since the last renewal that it took."""
        self._state, self._joined = JOINING, clock()
        self.tenure = Tenure()

    async def keep(self) -> None:
        """Join and renew until cancelled, then say that one leaves; raises ReplacedError."""
        unsure = 0.0
        try:
            while True:
                # After an attempt of unknown outcome, it may be that one which was stored.
                sent = unsure or clock()
                unsure = 0.0 if await self._renewed(sent) else sent
                is_at_rest = self.tenure.holds and self._state == LIVING
                await asyncio.sleep(RENEW_SECONDS if is_at_rest else AGAIN_SECONDS)
        finally:
            await self.say(LEAVING)

    async def _renewed(self, sent: float) -> bool:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                await self._write()
        except RefusedError as error:
            self.refused(error)
            return isinstance(error, FullError) and await self._stands()
        except AWAY as error:
            log.info("member.unrenewed", error=type(error).__name__)
            return False
        self.is_refused, self._others = False, None
        self.tenure.renew(sent)
        return True

    async def _write(self) -> None:
        """Write our state over what we wrote before; raises ReplacedError."""
        while True:
            try:
                self._revision = await self._bucket.put(
                    self._key, self._state, self._revision, for_room=False
                )
            except ConflictError:
                found = await self._bucket.get(self._key)
                if found.value not in {JOINING, LIVING}:
                    self.tenure.over = True
                    raise ReplacedError(self.name) from None
                self._revision = found.revision  # of an attempt in another state, unknown to us
            else:
                return

    async def _stands(self) -> bool:
        """Whether our key stands where nobody can write: that is as good as a renewal.

        As good as one sent STILL_SECONDS ago, when nobody could have been watching us for longer.
        """
        self._looked = -math.inf  # the others cannot renew either
        asked = clock()
        with suppress(*AWAY):
            async with asyncio.timeout(TRY_SECONDS):
                found = await self._bucket.look(subjects.EVERY_MEMBER)
            own = found.pop(self._key, ABSENT)
            others = {key: entry.revision for key, entry in found.items() if entry.value}
            if others != self._others:
                self._others, self._still_since = others, clock()
            if own.value in {JOINING, LIVING}:
                self._revision = own.revision  # of an attempt that was stored unknown to us
                if asked - self._still_since >= STILL_SECONDS:
                    self.tenure.renew(asked - STILL_SECONDS)
                    return True
        return False

    def refused(self, error: RefusedError) -> None:
        """Tell that the server takes nothing, once until it takes a renewal again."""
        if not self.is_refused:
            log.warning("owner.refused", code=str(error))
        self.is_refused = True

    async def say(self, state: bytes) -> None:
        """Write LEAVING or GONE, that nobody waits for this member; nothing once it is replaced."""
        with suppress(*AWAY, RefusedError):
            async with asyncio.timeout(TRY_SECONDS):
                while not self.tenure.over:
                    found = await self._bucket.get(self._key)  # a renewal may have been under way
                    if found.value == GONE:
                        return
                    with suppress(ConflictError):
                        await self._bucket.put(self._key, state, found.revision, for_room=False)
                        await self.nudge()
                        return

    async def nudge(self) -> None:
        """Have the others look at once."""
        with suppress(nats.errors.Error):  # they look soon by themselves
            await self._nc.publish(subjects.OWNERS_MOVED, self.name.encode())

    async def on_nudge(self, message: Msg) -> None:
        """Take a nudge; one's own are none."""
        if message.data != self.name.encode():
            self._nudged.set()

    async def pause(self) -> None:
        """Until it is worth while to look: at once when nudged or when somebody may be silent."""
        await asyncio.sleep(NUDGED_SECONDS)
        patience = ownership.patience(self._seen, self.name, clock())
        with suppress(TimeoutError):
            async with asyncio.timeout(min(LOOK_SECONDS - NUDGED_SECONDS, patience)):
                await self._nudged.wait()
        self._nudged.clear()

    async def look(self) -> Look:
        """See who is there, and bury who was silent for too long; raises one of AWAY."""
        began, looked = clock(), self._looked
        self._looked = -math.inf  # unless it succeeds
        found = await self._bucket.look(subjects.EVERY_MEMBER, subjects.EVERY_PARTITION_LEASE)
        before = self._seen if began - looked < BLIND_SECONDS else {}
        self._looked = clock()
        leases = {int(key[2:]): entry for key, entry in found.items() if key.startswith("p.")}
        keys = {
            key[2:]: Sighting(entry.revision, self._looked, entry.value)
            for key, entry in found.items()
            if key.startswith("m.")
        }
        owners = {entry.value.decode() for entry in leases.values() if entry.value}
        self._seen = ownership.observe(before, keys, owners, self._looked)
        for name in ownership.silent(self._seen, self.name, began):
            await self._bury(name)
        for name in ownership.forgettable(self._seen, began, FORGET_SECONDS):
            await self._bucket.forget(subjects.member(name), self._seen[name].revision)
        others = ownership.sharers(self._seen, owners) - {self.name}
        if self._state == JOINING and ownership.may_take(others, began - self._joined):
            self._state = LIVING
        members = others | {self.name} if self._state == LIVING else others
        return Look(members, ownership.within(self._seen, LEAVING), leases)

    async def _bury(self, name: str) -> None:
        key, revision = subjects.member(name), self._seen[name].revision
        try:
            await self._bucket.put(key, GONE, revision, for_room=False)
        except ConflictError:
            return  # it just spoke
        except RefusedError as error:
            self.refused(error)
            return
        self._seen = ownership.buried(self._seen, name)
        log.warning("member.buried", member=name)
        await self.nudge()
