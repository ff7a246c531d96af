"""What the owner of a partition replies to questions about its sessions' contexts."""

import asyncio
import time
from collections import OrderedDict

from contracts.queries import (
    ChangesReply,
    ChangesWanted,
    ContextReply,
    ContextServed,
    ContextWanted,
    Refused,
)
from services._runtime.app import Runtime
from services._runtime.projection import AWAY
from services.context import assembly, changes, likeness, room
from services.context.indexing import Indices
from services.context.likeness import Lookup, Place
from services.context.partition import Partition
from services.context.state import Room

REPLY_SECONDS = 1.2
"""How long a reader waits for the fold to reach what it wants to see."""
HELD_PASTS = 8
"""Rooms as of an earlier sequence that are kept, for whoever asks several things of one."""


class Replies:
    """One partition's replies."""

    def __init__(
        self, runtime: Runtime, partition: Partition, lookup: Lookup | None = None
    ) -> None:
        self._runtime, self._partition, self._lookup = runtime, partition, lookup
        self._pasts: OrderedDict[str, Room] = OrderedDict()
        self._past_indices = Indices(HELD_PASTS, partition.indices.measure)

    async def context(self, wanted: ContextWanted) -> ContextReply:
        """The context an answer would get; never raises what the asker can be told."""
        try:
            known, name, indices = await self._known(wanted)
            if not known.requested:
                return Refused(reason="unknown_session")
            budget = wanted.budget_tokens or self._runtime.settings.context_tokens
            place = Place(wanted.session_id, name, known, indices)
            index, alike = await likeness.found(self._lookup, place, wanted.query, budget)
            began = time.perf_counter()
            context = assembly.assemble(
                known, wanted.query, budget, index, indices.measure, alike=alike
            )
            took = time.perf_counter() - began
        except assembly.UnfitBudgetError as error:
            return Refused(reason="unfit", detail=str(error))
        except AWAY:
            return Refused(reason="behind")
        digest = indices.state_hash(name, known)
        return ContextServed(context=context, state_hash=digest, assembly_seconds=took)

    async def changes(self, wanted: ChangesWanted) -> ChangesReply:
        """What a session has that it had not at a sequence."""
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                known = await self._partition.at_least(wanted.session_id, wanted.min_seq)
        except AWAY:
            return Refused(reason="behind")
        if not known.requested:
            return Refused(reason="unknown_session")
        return changes.since(known, wanted.since_seq)

    async def _known(self, wanted: ContextWanted) -> tuple[Room, str, Indices]:
        """The room as it was at a sequence, or as it is, and where its index is; raises AWAY."""
        async with asyncio.timeout(REPLY_SECONDS):
            known = await self._partition.at_least(wanted.session_id, wanted.min_seq)
        if wanted.at_seq is None or wanted.at_seq >= known.seq:
            return known, wanted.session_id, self._partition.indices
        # What is redacted later is gone from the past too: another number, another room.
        place = f"{wanted.session_id}@{wanted.at_seq}-{known.withdrawals}"
        if (past := self._pasts.get(place)) is None:
            past = room.as_of(await self._runtime.log.read(wanted.session_id), wanted.at_seq)
            while len(self._pasts) >= HELD_PASTS:
                self._past_indices.forget(self._pasts.popitem(last=False)[0])
            self._pasts[place] = past
        return past, place, self._past_indices
