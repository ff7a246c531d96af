"""A batch of events on its way into the tables. SQL over a connection, in the caller's transaction.

New lines are held back and written many at a time, each kind by one statement over a JSON array:
every single statement would let go of the interpreter's lock and wait for it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from contracts.events import Event
from services.context.search import letters, rows
from services.context.search.rows import Gone, Known, Line, Names, Restated
from services.context.search.schema import WINDOW_WORDS
from services.context.search.store import Connection, CorruptError

_HELD = """
    SELECT l.session, l.segment_id FROM json_each(?) given CROSS JOIN lines l
    ON l.session = json_extract(given.value, '$[0]')
    AND l.segment_id = json_extract(given.value, '$[1]')"""

_NEW_WINDOWS = """
    INSERT INTO windows (id, session, version, stale)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 0, 1 FROM json_each(?)"""

_NEW_LINES = """
    INSERT INTO lines (id, session, segment_id, seq, start, end, time, voice, window, text, gone)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
    json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'),
    json_extract(value, '$[9]'), 0 FROM json_each(?)"""

_NEW_WORDS = "INSERT INTO words (rowid, text) SELECT id, text FROM lines WHERE id >= ?"

_known = msgspec.msgpack.Decoder(Known)


@dataclass
class _Session:
    """A session while a batch is written; `window` is the one that lines are added to."""

    row: int
    known: Known
    window: int
    words: int
    is_renamed: bool = False


class Batch:
    """Events in the order of the log, each only once; `close` writes what is held back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sessions: dict[str, _Session] = {}
        self._voices: dict[tuple[int, str | None, str | None], int] = {}
        self._lines: dict[tuple[int, str], tuple[_Session, Line]] = {}
        self._stale: set[int] = set()

    def add(self, seq: int, event: Event) -> None:
        """One more event."""
        session = self._session(event.session_id)
        before = session.known.speakers
        session.known, change = rows.evolve(session.known, seq, event)
        session.is_renamed |= session.known.speakers is not before
        match change:
            case Line(segment_id):  # of one that is heard twice the first stays
                self._lines.setdefault((session.row, segment_id), (session, change))
            case Restated(segment_id, text):
                self._restate(session, segment_id, text)
            case Gone(segment_id):
                self._remove(session, segment_id)

    def close(self) -> None:
        """Write what the batch left of its lines and sessions."""
        self._write_lines()
        for session in self._sessions.values():
            if session.is_renamed:
                self._rename(session)
            known = msgspec.msgpack.encode(session.known)
            self._connection.execute(
                "UPDATE sessions SET known = ?, window = ?, held = ? WHERE id = ?",
                (known, session.window, session.words, session.row),
            )
        self._connection.execute(
            "UPDATE windows SET stale = 1, version = version + 1"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (_json(sorted(self._stale)),),
        )

    def _session(self, name: str) -> _Session:
        if (held := self._sessions.get(name)) is None:
            held = self._sessions[name] = self._load(name)
        return held

    def _load(self, name: str) -> _Session:
        found = self._connection.execute(
            "SELECT id, known, window, held FROM sessions WHERE name = ?", (name,)
        ).fetchone()
        if found is not None:
            row, known, window, words = found
            return _Session(row, _decoded(known), window, words)
        row = self._next("sessions")
        new = (row, name, msgspec.msgpack.encode(Known()))
        self._connection.execute("INSERT INTO sessions VALUES (?, ?, ?, 0, 0)", new)
        return _Session(row, Known(), 0, 0)

    def _write_lines(self) -> None:
        given, self._lines = self._lines, {}
        if not given:
            return
        for held in self._connection.execute(_HELD, (_json(list(given)),)).fetchall():
            del given[held]
        line_row, window_row = self._next("lines"), self._next("windows")
        lines: list[tuple[object, ...]] = []
        windows: list[tuple[int, int]] = []
        for row, (session, line) in enumerate(given.values(), line_row):
            if not session.window or session.words >= WINDOW_WORDS:
                session.window, session.words = window_row + len(windows), 0
                windows.append((session.window, session.row))
            session.words += letters.word_count(line.text)
            self._stale.add(session.window)
            lines.append((row, *self._placed(session, line), session.window, line.text))
        self._connection.execute(_NEW_WINDOWS, (_json(windows),))
        self._connection.execute(_NEW_LINES, (_json(lines),))
        self._connection.execute(_NEW_WORDS, (line_row,))

    def _placed(self, session: _Session, line: Line) -> tuple[object, ...]:
        voice = self._voice(session, line.speaker_id, line.label)
        place = (line.seq, line.start, line.end, line.time)
        return (session.row, line.segment_id, *place, voice)

    def _restate(self, session: _Session, segment_id: str, text: str) -> None:
        if (found := self._line(session, segment_id)) is not None:
            row, was, window = found
            self._unindex(row, was)
            self._connection.execute("UPDATE lines SET text = ? WHERE id = ?", (text, row))
            self._connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row, text))
            self._unembed(window)

    def _remove(self, session: _Session, segment_id: str) -> None:
        """The line stays without its text, so that a late correction does not bring it back."""
        if (found := self._line(session, segment_id)) is not None:
            row, was, window = found
            self._unindex(row, was)
            self._connection.execute("UPDATE lines SET text = '', gone = 1 WHERE id = ?", (row,))
            self._connection.execute("UPDATE place SET unpurged = 1")
            self._unembed(window)

    def _unembed(self, window: int) -> None:
        """What it said is not to be found by its meaning either."""
        self._connection.execute("UPDATE windows SET vector = NULL WHERE id = ?", (window,))
        self._stale.add(window)

    def _line(self, session: _Session, segment_id: str) -> tuple[int, str, int] | None:
        """The line in its table, unless it is gone."""
        self._write_lines()
        found: tuple[int, str, int] | None = self._connection.execute(
            "SELECT id, text, window FROM lines WHERE session = ? AND segment_id = ? AND NOT gone",
            (session.row, segment_id),
        ).fetchone()
        return found

    def _unindex(self, row: int, text: str) -> None:
        self._connection.execute(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (row, text)
        )

    def _voice(self, session: _Session, speaker_id: str | None, label: str | None) -> int:
        who = (session.row, speaker_id, label)
        if (voice := self._voices.get(who)) is None:
            found = self._connection.execute(
                "SELECT id FROM voices WHERE session = ? AND speaker_id IS ? AND label IS ?", who
            ).fetchone()
            voice = self._voices[who] = found[0] if found else self._new_voice(session, who)
        return voice

    def _new_voice(self, session: _Session, who: tuple[int, str | None, str | None]) -> int:
        row = self._next("voices")
        names = _columns(rows.names(session.known.speakers, *who[1:]))
        self._connection.execute(
            "INSERT INTO voices VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (row, *who, *names)
        )
        return row

    def _rename(self, session: _Session) -> None:
        """Name all voices of the session by what is known now."""
        held = self._connection.execute(
            "SELECT id, speaker_id, label FROM voices WHERE session = ?", (session.row,)
        ).fetchall()
        self._connection.executemany(
            "UPDATE voices SET shown = ?, name = ?, own_id = ?, person = ? WHERE id = ?",
            [(*_columns(rows.names(session.known.speakers, *who)), row) for row, *who in held],
        )

    def _next(self, table: str) -> int:
        """The first row number that is free."""
        last: int | None = self._connection.execute(_LAST[table]).fetchone()[0]
        return (last or 0) + 1


_LAST = {
    table: f"SELECT max(id) FROM {table}"  # noqa: S608 - constants
    for table in ("sessions", "voices", "lines", "windows")
}


def _decoded(known: bytes) -> Known:
    try:
        return _known.decode(known)
    except msgspec.MsgspecError:
        raise CorruptError("the index is damaged: sessions.known") from None


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()


def _columns(names: Names) -> tuple[str | None, ...]:
    return names.shown, names.name, names.own_id, names.person
