"""SQLite: one file, one connection, one thread. The only module that knows it.

Work is a function over the connection and one transaction: done as a whole or not at all, so what
was read up to and what is to be found never differ. What is deleted is overwritten.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias, TypeVar

import structlog

from services.context.search import files, schema

log = structlog.get_logger()

Connection: TypeAlias = sqlite3.Connection
Result = TypeVar("Result")

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""What says nothing about the file; anything else comes of what is in it."""
_PRIMARY = 0xFF
"""The part of an error code that says what kind it is."""
_STEPS = 10_000
"""How often a query looks at the clock, in instructions of SQLite."""

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "secure_delete = ON",
    "temp_store = MEMORY",
)


class StoreError(Exception):
    """The file cannot be used now: the disk is full, say."""


class CorruptError(StoreError):
    """The file is damaged, or is no index at all."""


class TooSlowError(StoreError):
    """The work took longer than it may."""


class Store:
    """An index file, used from one thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, f"search-{path.stem}")
        self._connection: Connection | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Open the file, or make it anew where it is none of this version; raises StoreError."""
        await self._in_thread(self._open)

    async def work(
        self, work: Callable[[Connection], Result], seconds: float | None = None
    ) -> Result:
        """Do it in one transaction; raises StoreError, and TooSlowError after so many seconds."""
        return await self._in_thread(lambda: self._work(work, seconds))

    async def checkpoint(self) -> None:
        """Bring everything into the main file and leave the other one empty; raises StoreError."""
        await self._in_thread(self._checkpoint)

    async def wipe(self) -> None:
        """Take the file off the disk; raises StoreError."""
        await self._in_thread(self._wipe)

    async def close(self) -> None:
        """Close the file; work that was begun is given up, as if it had not been."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.interrupt()  # meant to be called from another thread
        closing = self._thread.submit(self._close)
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closing))

    async def _in_thread(self, act: Callable[[], Result]) -> Result:
        if self._is_closed:
            raise StoreError("closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except sqlite3.Error as error:
            raise _told(error) from error
        except OSError as error:
            raise StoreError(type(error).__name__) from error

    def _open(self) -> None:
        files.make(self._path)
        if not _is_current(self._connected()):
            self._wipe()
            files.make(self._path)
            self._connected().executescript(f"BEGIN; {schema.TABLES} COMMIT;")
            first = (0, "", schema.DIGEST, "", 0)
            self._connected().execute("INSERT INTO place VALUES (?, ?, ?, ?, ?)", first)

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _work(self, work: Callable[[Connection], Result], seconds: float | None) -> Result:
        connection = self._connected()
        if seconds is not None:
            end = time.monotonic() + seconds
            connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        connection.execute("BEGIN")
        try:
            result = work(connection)
        except BaseException:
            if connection.in_transaction:  # some errors have ended it already
                connection.execute("ROLLBACK")
            raise
        else:
            connection.execute("COMMIT")
            return result
        finally:
            connection.set_progress_handler(None, _STEPS)

    def _checkpoint(self) -> None:
        self._connected().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _wipe(self) -> None:
        self._close()
        files.remove(self._path)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _is_current(connection: Connection) -> bool:
    """Whether the file has our tables, all of them."""
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'place'").fetchone()
    if found is None:
        return False
    digests = connection.execute("SELECT digest FROM place").fetchall()
    if digests == [(schema.DIGEST,)]:
        return True
    log.info("search.outdated", digest=schema.DIGEST)
    return False


def _told(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code == sqlite3.SQLITE_INTERRUPT:
        return TooSlowError("took too long")
    if code in _PASSING or isinstance(error, sqlite3.ProgrammingError):
        return StoreError(name)
    return CorruptError(f"the index is damaged: {name}")
