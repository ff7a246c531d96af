"""The vectors of windows: which still want one, and how alike a session's are to a question.

Vectors are kept as 16-bit floats beside the lines. SQL over a connection, in the caller's
transaction.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from services.context.retrieval.meaning import Alike
from services.context.search import letters, ranking
from services.context.search.ranking import Vectors
from services.context.search.store import Connection

BATCH = 32
"""Windows that are embedded at a time."""


_STALE = """
    SELECT w.id, w.version FROM windows w WHERE w.stale AND (:growing OR NOT EXISTS
    (SELECT 1 FROM sessions s WHERE s.id = w.session AND s.window = w.id))
    ORDER BY w.id LIMIT :most"""

# Windows lie side by side in a session: each holds its lines from one sequence to another.
_OF_SESSION = """
    SELECT w.id, w.vector, min(l.seq), max(l.seq) FROM sessions s
    CROSS JOIN windows w ON w.session = s.id CROSS JOIN lines l ON l.window = w.id
    WHERE s.name = :session AND length(w.vector) = :bytes
    GROUP BY w.id HAVING max(l.seq) <= :upto ORDER BY w.id"""


class Window(msgspec.Struct, frozen=True):
    """Neighbouring lines that want a vector; `version` tells whether they changed since."""

    row: int
    version: int
    text: str


def use_model(connection: Connection, model: str) -> None:
    """Drop the vectors of any other model."""
    if connection.execute("SELECT model FROM place").fetchone() != (model,):
        connection.execute("UPDATE windows SET vector = NULL, stale = 1")
        connection.execute("UPDATE place SET model = ?", (model,))


def stale(connection: Connection, *, growing: bool = True) -> list[Window]:
    """Some windows whose vectors are missing or of what was said before; without `growing`, none
    that lines are still added to."""
    found = connection.execute(_STALE, {"growing": growing, "most": BATCH}).fetchall()
    return [Window(row, version, _text(connection, row)) for row, version in found]


def keep(connection: Connection, windows: Sequence[Window], vectors: Vectors) -> None:
    """Store the windows' vectors, unless they changed while they were embedded.

    Those of another length than the others' are of another model, and the others go.
    """
    held = connection.execute(
        "SELECT length(vector) FROM windows WHERE vector IS NOT NULL LIMIT 1"
    ).fetchone()
    kept = vectors.astype(np.float16)
    if held is not None and len(kept) and held != (kept[0].nbytes,):
        connection.execute("UPDATE windows SET vector = NULL, stale = 1")
    for window, vector in zip(windows, kept, strict=True):
        _put(connection, window, vector.tobytes())


def leave(connection: Connection, windows: Sequence[Window]) -> None:
    """Have the windows without a vector, unless they changed: there is nothing to embed."""
    for window in windows:
        _put(connection, window, None)


def alike(connection: Connection, session_id: str, vector: Vectors, upto: int) -> Alike:
    """How alike to a question's vector the session's windows are whose lines all have a sequence
    of at most `upto`."""
    given = {"session": session_id, "bytes": vector.astype(np.float16).nbytes, "upto": upto}
    found = connection.execute(_OF_SESSION, given).fetchall()
    chunk = ([row for row, *_ in found], [blob for _, blob, *_ in found])
    cosines = ranking.cosines(vector, [chunk] if found else [])
    return Alike(
        first=tuple(first for *_, first, _ in found),
        last=tuple(last for *_, last in found),
        cosines=tuple(cosines[row] for row, *_ in found),
    )


def _put(connection: Connection, window: Window, vector: bytes | None) -> None:
    connection.execute(
        "UPDATE windows SET vector = ?, stale = 0 WHERE id = ? AND version = ?",
        (vector, window.row, window.version),
    )


def _text(connection: Connection, window: int) -> str:
    found = connection.execute(
        "SELECT text FROM lines WHERE window = ? AND NOT gone ORDER BY id", (window,)
    )
    return " ".join(letters.shown(text) for (text,) in found)
