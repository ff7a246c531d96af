"""The context service: fold every partition, hand out work, and serve contexts.

Only wiring here. What a room is lives in `room`, what fits into a prompt in `assembly`, when it is
too long in `compaction`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from contracts import codec, streams, subjects
from contracts.queries import ContextReply, ContextServed, ContextWanted, Refused
from services._runtime.app import Runtime
from services._runtime.clock import now
from services._runtime.kv import Bucket
from services._runtime.projection import AWAY
from services.context import assembly, room
from services.context.partition import Partition
from services.context.snapshots import Snapshots

REPLY_SECONDS = 3.0
"""How long a reader waits for the fold to reach what it wants to see."""


async def serve(runtime: Runtime, clock: Callable[[], datetime] = now) -> None:
    """Own every partition until cancelled; raises ConflictError when somebody else does."""
    bucket = Bucket(runtime.nc, runtime.js, streams.CTX)
    partitions = [
        Partition(number, runtime, Snapshots(bucket, runtime.keyring, number), clock)
        for number in range(subjects.PARTITIONS)
    ]
    runtime.checks["caught_up"] = lambda: all(one.caught_up for one in partitions)
    for number, partition in enumerate(partitions):
        _answer(runtime, number, partition)
    await runtime.broker.start()
    async with asyncio.TaskGroup() as group:
        for partition in partitions:
            group.create_task(partition.run())


def _answer(runtime: Runtime, number: int, partition: Partition) -> None:
    async def on_wanted(wanted: ContextWanted) -> bytes:
        return codec.encode_reply(await _reply(runtime, partition, wanted))

    runtime.broker.subscriber(subjects.context_of(number))(on_wanted)


async def _reply(runtime: Runtime, partition: Partition, wanted: ContextWanted) -> ContextReply:
    try:
        if wanted.at_seq is None:
            async with asyncio.timeout(REPLY_SECONDS):
                known = await partition.at_least(wanted.session_id, wanted.min_seq)
        else:
            events = await runtime.log.read(wanted.session_id, upto=wanted.at_seq)
            known = room.fold(events)
        if not known.requested:
            return Refused(reason="unknown_session")
        budget = wanted.budget_tokens or runtime.settings.context_tokens
        context = assembly.assemble(known, budget)
    except assembly.UnfitBudgetError as error:
        return Refused(reason="unfit", detail=str(error))
    except AWAY:
        return Refused(reason="behind")
    return ContextServed(context=context, state_hash=room.state_hash(known))
