"""Own a share of the partitions: take, let go, begin anew. What an owner does is the caller's.

A partition's key names its owner. It is taken by compare-and-set, and from nobody who is there or
about to leave. None of this makes folding right: snapshots and keys of effects do, and they bear
two owners.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import nats.errors
import structlog
from nats.aio.client import Client

from contracts import subjects
from services._runtime.jetstream import ConflictError, RefusedError
from services._runtime.kv import ABSENT, Bucket
from services._runtime.projection import AWAY, RolledBackError
from services.context import ownership
from services.context.answering import Handler, answering
from services.context.membership import Look, Membership, ReplacedError
from services.context.ownership import GONE
from services.context.tenure import Hold

log = structlog.get_logger()

FOLLOW_SECONDS = 3.0
"""How long a look and what follows from it may take; cut off, it is seen to at the next one."""
LET_GO_SECONDS = 1.0
ANEW_SECONDS = 0.2


class Owned(Protocol):
    """What is done for a partition that is owned."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Subjects to answer on, once begun."""

    @property
    def caught_up(self) -> bool:
        """Whether it has read all that there was to read when it began."""

    async def run(self) -> None:
        """Work until cancelled, and then leave what the next owner may begin with.

        ConflictError, RolledBackError and those of AWAY have it made and run anew.
        """

    async def begun(self) -> None:
        """Wait until requests can be answered."""


Make = Callable[[Hold], Owned]


class Owner:
    """Owns a share of the partitions while `run` runs, under one name after another."""

    def __init__(self, bucket: Bucket, nc: Client, instance: str, make: Make) -> None:
        self._bucket, self._nc, self._instance, self._make = bucket, nc, instance, make
        self._share: _Share | None = None

    @property
    def ready(self) -> bool:
        """Whether it has its share, may act for it, and all of it is caught up."""
        return self._share is not None and self._share.ready

    async def run(self) -> None:
        """Own until cancelled; what ends a partition otherwise ends this too."""
        while not _ending():
            name = f"{self._instance}-{secrets.token_hex(4)}"  # two may be given one instance name
            member = Membership(self._bucket, self._nc, name)
            self._share = _Share(self._bucket, self._nc, member, self._make)
            try:
                await self._share.run()
            except* ReplacedError:
                log.warning("member.replaced", member=name)


class _Share:
    """What one member owns."""

    def __init__(self, bucket: Bucket, nc: Client, member: Membership, make: Make) -> None:
        self._bucket, self._nc, self._member, self._make = bucket, nc, member, make
        self._name = member.name
        self._tasks: dict[Hold, asyncio.Task[None]] = {}
        self._owned: dict[Hold, Owned] = {}
        self._ending: set[Hold] = set()
        self._freed: dict[int, int] = {}  # at these revisions it was let go of, emptied or not
        self._settled = False

    @property
    def ready(self) -> bool:
        owned = [self._owned.get(hold) for hold in self._tasks]
        may_act = self._settled and self._member.tenure.holds
        return may_act and all(one is not None and one.caught_up for one in owned)

    async def run(self) -> None:
        """Raises ReplacedError, and what ends a partition, in a group."""
        nudges = await self._nc.subscribe(subjects.OWNERS_MOVED, cb=self._member.on_nudge)
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(self._member.keep())
                await self._watch()  # no task: what fails beside it must find the group's body open
        finally:
            with suppress(nats.errors.Error):
                await nudges.unsubscribe()
            await self._member.say(GONE)

    async def _watch(self) -> None:
        await self._member.tenure.held()  # who takes must be known to be there
        await self._member.nudge()
        while True:
            try:
                async with asyncio.timeout(FOLLOW_SECONDS):
                    await self._follow(await self._member.look())
            except AWAY as error:
                log.info("owner.blind", error=type(error).__name__)
            await self._member.pause()

    async def _follow(self, look: Look) -> None:
        """Do what follows from who is there and who owns what."""
        owners = {number: one.value.decode() for number, one in look.leases.items() if one.value}
        mine = {hold.number: hold for hold in self._tasks}
        for number, hold in mine.items():
            if owners.get(number, self._name) != self._name:
                hold.lose()
                self._end(hold)
        async with asyncio.TaskGroup() as writing:  # no write may outlive this look
            for number in (one for one in owners if owners[one] == self._name and one not in mine):
                writing.create_task(self._sort_out(number, look.leases[number].revision))
            if self._name not in look.members:
                return
            plan = ownership.plan(self._name, look.members, owners, look.leaving)
            for number in plan.release:
                if number in mine and not self._member.is_refused:  # else nobody can take it
                    self._end(mine[number])
            for number in (one for one in plan.take if one not in mine):  # some are being let go of
                writing.create_task(self._take(number, look))
        share = subjects.PARTITIONS // len(look.members)
        self._settled = self._settled or len(self._tasks) >= share

    async def _sort_out(self, number: int, revision: int) -> None:
        """See to a lease in our name that we do nothing for."""
        freed = self._freed.get(number, 0)
        if revision > freed:
            self._begin(number, revision)  # taken without our learning it
        elif revision == freed:
            await self._empty(number, revision)  # else the look is of before it was emptied

    async def _take(self, number: int, look: Look) -> None:
        seen = look.leases.get(number, ABSENT)
        if revision := await self._write(number, self._name.encode(), seen.revision):
            self._begin(number, revision)

    async def _empty(self, number: int, revision: int) -> None:
        """Let others have it; where that fails, the next look tries again."""
        self._freed[number] = revision
        if emptied := await self._write(number, GONE, revision):
            self._freed[number] = emptied
            await self._member.nudge()

    async def _write(self, number: int, value: bytes, revision: int) -> int:
        """Replace a lease at a revision and return the new one; 0 when it is not known to be."""
        key = subjects.partition_lease(number)
        try:
            return await self._bucket.put(key, value, revision, for_room=False)
        except RefusedError as error:
            self._member.refused(error)
        except (ConflictError, *AWAY):
            pass  # another was quicker, or the next look tells
        return 0

    def _begin(self, number: int, revision: int) -> None:
        if any(hold.number == number for hold in self._tasks):
            return
        hold = Hold(number, self._member.tenure, revision)
        task = self._tasks[hold] = self._group.create_task(self._keep(hold))
        task.add_done_callback(lambda _: self._over(hold))
        log.info("partition.taken", partition=number)

    def _end(self, hold: Hold) -> None:
        if hold not in self._ending:  # a second time would cut off what it saves
            self._ending.add(hold)
            self._tasks[hold].cancel()

    async def _keep(self, hold: Hold) -> None:
        try:
            while not (hold.lost or _ending()):
                await self._serve(hold)
        finally:
            if not hold.lost:
                await self._let_go(hold)

    async def _serve(self, hold: Hold) -> None:
        """Until cancelled, or until it must be begun anew."""
        owned = self._owned[hold] = self._make(hold)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(owned.run())
                await owned.begun()
                log.info("partition.begun", partition=hold.number)
                async with answering(self._nc, owned.handlers, hold):
                    await asyncio.Event().wait()
        except* (ConflictError, RolledBackError, *AWAY) as errors:
            log.warning("partition.anew", partition=hold.number, errors=sorted(_names(errors)))
            await self._check(hold)

    async def _check(self, hold: Hold) -> None:
        """Find out whether somebody else has it, where that is why it has to begin anew."""
        await asyncio.sleep(ANEW_SECONDS)
        with suppress(*AWAY):
            found = await self._bucket.get(subjects.partition_lease(hold.number))
            if found.value != self._name.encode():
                hold.lose()

    async def _let_go(self, hold: Hold) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_SECONDS):
                await self._empty(hold.number, hold.revision)

    def _over(self, hold: Hold) -> None:
        del self._tasks[hold]
        self._ending.discard(hold)
        self._owned.pop(hold, None)
        log.info("partition.let_go", partition=hold.number, lost=hold.lost)


def _names(group: BaseExceptionGroup[BaseException]) -> set[str]:
    """The types of all errors in a group, however deep."""
    found: set[str] = set()
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            found |= _names(error)
        else:
            found.add(type(error).__name__)
    return found


def _ending() -> bool:
    """Whether this task was cancelled; a group of tasks that fails meanwhile hides it.

    Before Python 3.13, one that fails when only its tasks are left counts as cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
