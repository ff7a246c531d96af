"""An index through cancellation and damage, with a stand-in for the log.

Planted and found here: a cancellation that is lost while a failure ends the work, a state that
cannot be read and ends the service, damage that is retried for ever, a purge for each session.
"""

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from contracts.queries import SearchServed, SearchWanted
from services._runtime.projection import Batch
from services._runtime.session_log import UnknownSessionError
from services.context.search import files, partition, rows, schema, store, writing
from services.context.search.partition import PartitionSearch
from services.context.search.store import CorruptError, Store, StoreError, TooSlowError
from tests.support.facts import heard
from tests.support.stack import until


class Log:
    """Batches of events as a projection gives them, and the sessions that are left."""

    def __init__(self):
        self.batches, self.left, self.closing = [], {"s1", "s2", "s3"}, asyncio.Event()

    def say(self, *events):
        first = self.batches[-1].upto + 1 if self.batches else 1
        upto = first + len(events) - 1
        self.batches.append(Batch(tuple(enumerate(events, first)), upto, at_tip=True, key="k"))

    async def last_seq(self, session_id):
        if session_id not in self.left:
            raise UnknownSessionError(session_id)
        return 1

    async def project(self, _reader, _filters, _after, handler, _key=""):
        try:
            for batch in self.batches:
                await handler(batch)
            await asyncio.Event().wait()
        finally:
            self.closing.set()
            await asyncio.sleep(0.1)  # the server is told


@pytest.fixture
def log(monkeypatch):
    made = Log()
    monkeypatch.setattr(partition, "project", made.project)
    monkeypatch.setattr(partition, "RETRY_SECONDS", 0.02)
    return made


@asynccontextmanager
async def kept(log, directory):
    search = PartitionSearch(SimpleNamespace(reader=None, log=log), 3, directory)
    running = asyncio.create_task(search.run())
    try:
        yield search
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.wait({running})


async def found(search, query):
    reply = await search.reply(SearchWanted(query=query))
    return [hit.segment.segment_id for hit in reply.hits] if isinstance(reply, SearchServed) else []


async def finds(search, query, *segments):
    async def check():
        return sorted(await found(search, query)) == sorted(segments)

    await until(check)


async def test_a_cancellation_counts_while_a_failure_ends_the_work(log, tmp_path):
    search = PartitionSearch(SimpleNamespace(reader=None, log=log), 3, tmp_path)
    running = asyncio.create_task(search.run())
    await until(lambda: asyncio.sleep(0, search._store._connection is not None))
    await asyncio.sleep(0.05)
    search._broken.set_exception(StoreError("SQLITE_FULL"))
    await log.closing.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    assert done


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sessions SET known = x'c1ff'",
        "UPDATE sessions SET name = CAST(x'ff73' AS TEXT)",
        "DROP TABLE words",
        "UPDATE place SET digest = CAST(x'ff73' AS TEXT)",
    ],
)
async def test_an_index_that_says_what_cannot_be_is_made_anew(log, tmp_path, damage):
    log.say(heard(1, "budget"))
    async with kept(log, tmp_path) as search:
        await finds(search, "budget", "seg1")
    with closing(sqlite3.connect(files.path(tmp_path, 3), isolation_level=None)) as file:
        file.execute(damage)
    log.say(heard(2, "budget"))
    async with kept(log, tmp_path) as search:
        await finds(search, "budget", "seg1", "seg2")


async def test_pauses_grow_while_the_file_fails_again_and_again(log, tmp_path, monkeypatch):
    pauses, given_up = [], asyncio.Event()

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 6:
            given_up.set()
            await asyncio.Event().wait()

    async def broken(_self):
        raise ExceptionGroup("", [CorruptError("damaged")])

    search = PartitionSearch(SimpleNamespace(reader=None, log=log), 3, tmp_path)
    monkeypatch.setattr(partition, "MAX_RETRY_SECONDS", 0.3)
    monkeypatch.setattr(PartitionSearch, "_work", broken)
    monkeypatch.setattr(partition.asyncio, "sleep", sleep)
    running = asyncio.create_task(search.run())
    await given_up.wait()
    running.cancel()
    await asyncio.wait({running})
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.3, 0.3]


async def test_sessions_that_left_the_log_leave_the_disk_at_one_go(log, tmp_path, monkeypatch):
    log.say(*(heard(number, "canary", f"s{number}") for number in (1, 2, 3)))
    async with kept(log, tmp_path) as search:
        await finds(search, "canary", "seg1", "seg2", "seg3")
    purges, purge = [], PartitionSearch._purge

    async def counted(search):
        await purge(search)
        purges.append(await search._store.work(writing.sessions))

    monkeypatch.setattr(PartitionSearch, "_purge", counted)
    log.left = {"s2"}
    async with kept(log, tmp_path):
        await until(lambda: asyncio.sleep(0, purges))
        assert purges == [["s2"]]


async def test_nothing_is_kept_in_other_files(tmp_path):
    index = Store(tmp_path / "3.sqlite")
    await index.open()
    memory = 2
    kept_in = await index.work(lambda held: held.execute("PRAGMA temp_store").fetchone())
    await index.close()
    assert kept_in == (memory,)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_FULL, StoreError),
        (sqlite3.SQLITE_IOERR_WRITE, StoreError),
        (sqlite3.SQLITE_BUSY, StoreError),
        (sqlite3.SQLITE_CANTOPEN, StoreError),
        (sqlite3.SQLITE_INTERRUPT, TooSlowError),
        (sqlite3.SQLITE_CORRUPT_VTAB, CorruptError),
        (sqlite3.SQLITE_NOTADB, CorruptError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, CorruptError),
        (sqlite3.SQLITE_ERROR, CorruptError),
    ],
)
def test_what_passes_by_itself_is_told_from_damage(code, told):
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    assert type(store._told(error)) is told


def test_a_closed_connection_is_no_damage():
    assert type(store._told(sqlite3.ProgrammingError())) is StoreError


def test_what_is_known_of_a_session_is_written_in_the_form_the_tables_name():
    """Where this fails, `schema.KNOWN_FORM` goes up: files of the other form are made anew."""
    assert schema.KNOWN_FORM == 1
    known, _ = rows.evolve(rows.Known(), 1, heard(1, "budget"))
    form = b'[{"known":{"p1":"Ada"},"renamed":{},"merged":{},"former":{}},5.0]'
    assert msgspec.json.encode(known) == form


def test_the_main_file_goes_last(tmp_path):
    index = files.path(tmp_path, 3)
    index.parent.mkdir()
    for part in ("", "-wal", "-shm"):
        Path(f"{index}{part}").write_text("words")
    Path(f"{index}-shm").unlink()
    Path(f"{index}-shm").mkdir()  # cannot be unlinked
    with pytest.raises(OSError, match="-shm"):
        files.remove(index)
    assert index.exists()
    assert not Path(f"{index}-wal").exists()
