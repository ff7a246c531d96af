"""The tables of the index, as data. A file whose digest is another one is made anew."""

from hashlib import blake2b

WINDOW_WORDS = 64
"""Neighbouring lines are embedded together until they hold so many words."""

KNOWN_FORM = 1
"""Counts the forms in which `sessions.known` was written: `rows.Known`, and what it holds."""

TABLES = f"""
CREATE TABLE place (seq INTEGER NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
    model TEXT NOT NULL, unpurged INTEGER NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, known BLOB NOT NULL,
    window INTEGER NOT NULL, held INTEGER NOT NULL);
CREATE TABLE voices (id INTEGER PRIMARY KEY, session INTEGER NOT NULL, speaker_id TEXT, label TEXT,
    shown TEXT, name TEXT, own_id TEXT, person TEXT);
CREATE INDEX voices_of_session ON voices (session);
CREATE TABLE lines (id INTEGER PRIMARY KEY, session INTEGER NOT NULL, segment_id TEXT NOT NULL,
    seq INTEGER NOT NULL, start REAL NOT NULL, end REAL NOT NULL, time INTEGER NOT NULL,
    voice INTEGER NOT NULL, window INTEGER NOT NULL, gone INTEGER NOT NULL, text TEXT NOT NULL,
    UNIQUE (session, segment_id));
CREATE INDEX lines_of_window ON lines (window);
CREATE VIRTUAL TABLE words USING fts5 (text, content='lines', content_rowid='id',
    tokenize='porter unicode61 remove_diacritics 2');
CREATE TABLE windows (id INTEGER PRIMARY KEY, session INTEGER NOT NULL, version INTEGER NOT NULL,
    stale INTEGER NOT NULL, vector BLOB);
CREATE INDEX windows_of_session ON windows (session);
CREATE INDEX stale_windows ON windows (id) WHERE stale;
-- windows of {WINDOW_WORDS} words, known in form {KNOWN_FORM}
"""

DIGEST = blake2b(TABLES.encode(), digest_size=10).hexdigest()
