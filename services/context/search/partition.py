"""Search over one partition: reads its events into the index, keeps it clean, and answers.

The index is a copy: whatever happens to the file, it is made again from the log.
"""

import asyncio
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
import structlog

from contracts import codec, subjects
from contracts.queries import Refused, SearchReply, SearchServed, SearchWanted
from services._runtime.app import Runtime
from services._runtime.connection import UnavailableError
from services._runtime.projection import PAUSE_SECONDS, Batch, RolledBackError, project
from services._runtime.session_log import UnknownSessionError
from services.context.embedding.questions import Questions
from services.context.retrieval.meaning import Alike
from services.context.search import embedding, files, finding, phrases, writing
from services.context.search.filling import Filling
from services.context.search.finding import Sought
from services.context.search.phrases import Term
from services.context.search.ranking import Vectors
from services.context.search.store import CorruptError, Store, StoreError, TooSlowError

log = structlog.get_logger()

REPLY_SECONDS = 1.8
"""How long a searcher waits; less than who asks does."""
SEARCH_SECONDS = 1.2
"""How long one search may take: while it does, nothing is written."""
EMBED_SECONDS = 0.8
"""How long the vector of a query may take; without it search goes by words."""
ALIKE_SECONDS = 0.25
"""How long a context waits for what is alike in meaning; without it, it goes by words."""
AT_ONCE = 8
"""Searches of a partition that are under way; others wait for those."""
PURGE_SECONDS = 5.0
"""What is gone leaves the disk within about so long: a purge rewrites the whole word index."""
CHECK_SECONDS = 3600.0
"""How often sessions are looked for that are no longer in the log."""
RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0
"""Pauses double up to this while the file fails again and again."""
STEADY_SECONDS = 120.0
"""A file that was good for so long did not fail again and again."""

_wanted: msgspec.json.Decoder[SearchWanted] = msgspec.json.Decoder(SearchWanted)


class PartitionSearch:
    """The index of one partition, for whoever owns the partition."""

    def __init__(
        self, runtime: Runtime, number: int, directory: Path, questions: Questions | None = None
    ) -> None:
        """`directory` is the data directory, which the instances of a machine share."""
        self._runtime, self._number, self._questions = runtime, number, questions
        self._path = files.path(directory, number)
        self._store = Store(self._path)
        self._moved, self._turn = asyncio.Condition(), asyncio.Semaphore(AT_ONCE)
        self._broken: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._is_void = False
        self.seq, self.caught_up = 0, False

    async def run(self) -> None:
        """Keep the index up to the log until cancelled, once; waits while another holds it."""
        while True:
            try:
                with files.locked(self._path):
                    await self._hold()
            except files.TakenError:
                await asyncio.sleep(PAUSE_SECONDS)
            except OSError as error:
                self._tell("search.no_file", (error,))
                await asyncio.sleep(RETRY_SECONDS)

    async def reply(self, wanted: SearchWanted) -> SearchReply:
        """The hits, as soon as the index has seen the log's end, and `min_seq`."""
        try:
            terms = phrases.parse(wanted.query)
            async with asyncio.timeout(REPLY_SECONDS), self._turn:
                return await self._found(wanted, terms)
        except phrases.BadQueryError as error:
            return Refused(reason="unfit", detail=str(error))
        except TooSlowError:
            return Refused(
                reason="unfit", detail="takes too long to look for; say more exactly what"
            )
        except TimeoutError:
            return Refused(reason="behind")
        except StoreError as error:
            if not self._broken.done():
                self._broken.set_exception(error)
            return Refused(reason="behind")

    async def handle(self, body: bytes) -> bytes:
        """`reply` for an encoded request; raises msgspec.MsgspecError for what is none."""
        return codec.encode_reply(await self.reply(_wanted.decode(body)))

    async def alike(self, session_id: str, topic: str, upto: int) -> Alike | None:
        """What of a session is alike in meaning to a topic, in lines up to a sequence.

        None where nothing is known of it in time, or nothing is embedded here.
        """
        if self._questions is None or not self.caught_up:
            return None
        if (vector := await self._questions.vector(topic)) is None:
            return None
        try:
            async with asyncio.timeout(ALIKE_SECONDS):
                found = await self._store.work(
                    lambda held: embedding.alike(held, session_id, vector, upto), ALIKE_SECONDS
                )
        except (TimeoutError, StoreError) as error:
            log.warning("search.no_likeness", error=type(error).__name__)
            return None
        return msgspec.structs.replace(found, trust=self._questions.embedder.trust)

    async def forget(self, session_id: str) -> None:
        """Remove all of a session, off the disk too; raises StoreError."""
        await self._store.work(lambda held: writing.forget(held, session_id))
        await self._purge()

    async def _found(self, wanted: SearchWanted, terms: tuple[Term, ...]) -> SearchReply:
        async with self._moved:
            await self._moved.wait_for(lambda: self.caught_up and self.seq >= wanted.min_seq)
        sought = Sought(wanted, terms, await self._vector(wanted))
        as_of_seq = self.seq
        hits = await self._store.work(lambda held: finding.find(held, sought), SEARCH_SECONDS)
        mode = "keyword" if sought.vector is None else wanted.mode
        return SearchServed(as_of_seq=as_of_seq, mode=mode, hits=hits)

    async def _vector(self, wanted: SearchWanted) -> Vectors | None:
        if self._questions is None or wanted.mode == "keyword":
            return None
        try:
            async with asyncio.timeout(EMBED_SECONDS):
                return await self._questions.vector(wanted.query)
        except TimeoutError:
            return None

    async def _hold(self) -> None:
        """Work on the file; one that is damaged, or of a log that was lost, is made anew."""
        pause = RETRY_SECONDS
        try:
            while True:
                began = time.monotonic()
                self._broken = asyncio.get_running_loop().create_future()
                try:
                    await self._work()
                except* (RolledBackError, CorruptError) as void:
                    self._is_void = True  # wiped before the next round
                    self._tell("search.rebuilds", void.exceptions)
                except* StoreError as errors:
                    self._tell("search.unusable", errors.exceptions)
                self.caught_up = False
                _raise_if_cancelled()
                pause = RETRY_SECONDS if time.monotonic() - began >= STEADY_SECONDS else pause
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)
        finally:
            self.caught_up = False
            await self._store.close()

    async def _work(self) -> None:
        if self._is_void:
            await self._store.wipe()
            self._is_void = False
        await self._store.open()
        place = await self._store.work(writing.place)
        self.seq = place.seq
        filters = [subjects.partition_events(self._number)]
        reader = self._runtime.reader
        async with asyncio.TaskGroup() as group:
            group.create_task(project(reader, filters, place.seq, self._on_batch, place.key))
            group.create_task(self._purge_for_ever())
            group.create_task(self._check_for_ever())
            if self._questions is not None:
                filling = Filling(self._store, self._questions.embedder)
                group.create_task(filling.run())
            await self._broken  # a group whose body is over takes a later cancellation for its own

    async def _on_batch(self, batch: Batch) -> None:
        if batch.upto > self.seq:
            await self._store.work(
                lambda held: writing.apply(held, batch.events, batch.upto, batch.key)
            )
        async with self._moved:
            self.seq = max(self.seq, batch.upto)
            self.caught_up = self.caught_up or batch.at_tip
            self._moved.notify_all()

    async def _purge_for_ever(self) -> None:
        while True:
            await asyncio.sleep(PURGE_SECONDS)
            if self.caught_up and await self._store.work(writing.is_unpurged):
                await self._purge()

    async def _purge(self) -> None:
        while not await self._store.work(writing.purge_step):
            pass  # searches and new events come in between
        await self._store.checkpoint()

    async def _check_for_ever(self) -> None:
        """Forget sessions that were erased while nobody told this index."""
        while True:
            gone = await self._gone()
            for session_id in gone:
                await self._store.work(functools.partial(writing.forget, session_id=session_id))
            if gone:
                await self._purge()
            await asyncio.sleep(CHECK_SECONDS)

    async def _gone(self) -> list[str]:
        """Sessions that are no longer in the log, as far as it can be asked."""
        gone = []
        for session_id in await self._store.work(writing.sessions):
            try:
                await self._runtime.log.last_seq(session_id)
            except UnknownSessionError:
                gone.append(session_id)
            except UnavailableError:
                break
        return gone

    def _tell(self, event: str, errors: Sequence[BaseException]) -> None:
        causes = sorted({f"{type(one).__name__}: {one}" for one in errors})
        log.error(event, partition=self._number, causes=causes)


def _raise_if_cancelled() -> None:
    """A group that failed, and was cancelled while it ended, raises only what it failed of."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
