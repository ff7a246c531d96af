"""Texts to stems, by the Porter stemmer of SQLite's FTS5, in memory. English only."""

import sqlite3
from collections.abc import Sequence


def stems(texts: Sequence[str]) -> list[list[str]]:
    """The stems of each text, in its order."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute(
            "CREATE VIRTUAL TABLE said USING fts5(text, content='', tokenize='porter unicode61')"
        )
        database.execute("CREATE VIRTUAL TABLE terms USING fts5vocab('said', 'instance')")
        database.executemany("INSERT INTO said (rowid, text) VALUES (?, ?)", enumerate(texts))
        found: list[list[str]] = [[] for _ in texts]
        for term, document in database.execute("SELECT term, doc FROM terms ORDER BY doc, offset"):
            found[document].append(term)
        return found
    finally:
        database.close()
