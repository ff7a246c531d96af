"""Events into the tables of the index, and what is gone off the disk. SQL over a connection.

Each function is work of one transaction.
"""

from collections.abc import Iterable

import msgspec

from contracts.events import Numbered
from services.context.search.batch import Batch
from services.context.search.store import Connection

MERGED_PAGES = 400
"""Pages of the word index that one step of a purge writes: some milliseconds of work."""

_PROGRESS = 2
"""Changes that a merge counts at least while it has something to do."""


class Place(msgspec.Struct, frozen=True):
    """Where in the log the index stands, and that message's key."""

    seq: int
    key: str


def place(connection: Connection) -> Place:
    """Where the index stands."""
    return Place(*connection.execute("SELECT seq, key FROM place").fetchone())


def apply(connection: Connection, events: Iterable[Numbered], upto: int, key: str) -> None:
    """Write events in the order of the log, and that it was read up to there.

    Those that were written before change nothing.
    """
    at = place(connection)
    if upto > at.seq:
        batch = Batch(connection)
        for seq, event in events:
            if seq > at.seq:
                batch.add(seq, event)
        batch.close()
        connection.execute("UPDATE place SET seq = ?, key = ?", (upto, key))


def sessions(connection: Connection) -> list[str]:
    """The ids of all sessions that have lines."""
    return [name for (name,) in connection.execute("SELECT name FROM sessions ORDER BY id")]


def forget(connection: Connection, session_id: str) -> None:
    """Remove everything of a session; `purge` then takes it off the disk."""
    found = connection.execute("SELECT id FROM sessions WHERE name = ?", (session_id,)).fetchone()
    if found is not None:
        connection.execute(
            "INSERT INTO words (words, rowid, text)"
            " SELECT 'delete', id, text FROM lines WHERE session = ? AND NOT gone",
            found,
        )
        connection.execute("DELETE FROM lines WHERE session = ?", found)
        connection.execute("DELETE FROM windows WHERE session = ?", found)
        connection.execute("DELETE FROM voices WHERE session = ?", found)
        connection.execute("DELETE FROM sessions WHERE id = ?", found)
        connection.execute("UPDATE place SET unpurged = 1")


def is_unpurged(connection: Connection) -> bool:
    """Whether something was removed whose words may still be on the disk."""
    return bool(connection.execute("SELECT unpurged FROM place").fetchone()[0])


def purge_step(connection: Connection) -> bool:
    """Rewrite some of the word index without what was removed; True when nothing is left to do.

    The index only notes that a row is gone; its words leave when its parts are merged into one.
    """
    before = connection.total_changes
    connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (-MERGED_PAGES,))
    done = connection.total_changes - before < _PROGRESS
    if done:
        connection.execute("UPDATE place SET unpurged = 0")
    return done
