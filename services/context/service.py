"""The context service: own a share of the partitions, fold them, hand out work, serve contexts.

Only wiring here. What a room is lives in `room`, what fits into a prompt in `assembly`, when it is
too long in `compaction`, who owns what in `ownership`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from contracts import codec, streams, subjects
from contracts.queries import ChangesWanted, ContextWanted
from services._runtime.app import Runtime
from services._runtime.clock import now
from services._runtime.kv import Bucket
from services.context.answering import Handler
from services.context.embedding import choosing
from services.context.embedding.questions import Questions
from services.context.owning import Owner
from services.context.partition import Partition
from services.context.replying import Replies
from services.context.search.partition import PartitionSearch
from services.context.search.tidying import keep_tidy
from services.context.shelf import Shelf
from services.context.snapshots import Snapshots
from services.context.sweep import Sweep
from services.context.tenure import Hold

W = TypeVar("W", bound=msgspec.Struct)

INDEX_SECONDS = 0.1
"""How often the search index looks whether the fold has caught up."""


async def serve(runtime: Runtime, clock: Callable[[], datetime] = now) -> None:
    """Own what is this instance's share until cancelled."""
    owners = Bucket(runtime.nc, runtime.js, streams.OWNERS)
    embedder = choosing.chosen(runtime.settings)
    questions = None if embedder is None else Questions(embedder)

    shelf, sweep = Shelf(), Sweep(runtime.reader)

    def make(hold: Hold) -> Work:
        return Work(runtime, hold, clock, shelf=shelf, sweep=sweep, questions=questions)

    owner = Owner(owners, runtime.nc, runtime.settings.instance, make)
    runtime.checks["caught_up"] = lambda: owner.ready
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(owner.run())
            group.create_task(keep_tidy(runtime.settings.data_dir))
    finally:
        if questions is not None:
            await questions.aclose()


class Work:
    """What is done for one partition while it is owned."""

    def __init__(
        self,
        runtime: Runtime,
        hold: Hold,
        clock: Callable[[], datetime],
        *,
        shelf: Shelf,
        sweep: Sweep,
        questions: Questions | None = None,
    ) -> None:
        self._sweep = sweep
        number, bucket = hold.number, Bucket(runtime.nc, runtime.js, streams.CTX)
        snapshots = Snapshots(bucket, runtime.keyring, number)
        directory = runtime.settings.data_dir
        self._search = PartitionSearch(runtime, number, directory, questions)
        lookup = None if questions is None else self._search.alike
        self._partition = Partition(
            number, runtime, snapshots, clock, hold, lookup=lookup, shelf=shelf, sweep=sweep
        )
        replies = Replies(runtime, self._partition, lookup)
        self.handlers: Mapping[str, Handler] = {
            subjects.context_of(number): _handler(ContextWanted, replies.context),
            subjects.changes_of(number): _handler(ChangesWanted, replies.changes),
            subjects.search_of(number): self._search.handle,
        }

    @property
    def caught_up(self) -> bool:
        """Whether the fold has been at the tip of the log."""
        return self._partition.caught_up

    async def run(self) -> None:
        """Fold until cancelled, and keep the search index."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._partition.run())
            group.create_task(self._keep_index())

    async def _keep_index(self) -> None:
        """The folds come first: both read the whole partition where nothing is kept of it."""
        # the fold has no event to wait for
        while not self._partition.caught_up or self._sweep.busy:  # noqa: ASYNC110
            await asyncio.sleep(INDEX_SECONDS)
        await self._search.run()

    async def begun(self) -> None:
        """Wait until the fold has begun."""
        await self._partition.begun()


def _handler(kind: type[W], reply: Callable[[W], Awaitable[msgspec.Struct]]) -> Handler:
    decoder = msgspec.json.Decoder(kind)

    async def handler(body: bytes) -> bytes:
        return codec.encode_reply(await reply(decoder.decode(body)))

    return handler
