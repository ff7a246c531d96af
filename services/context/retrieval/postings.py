"""Which lines hold which stem: SQLite's FTS5 with its Porter stemmer, in memory.

The one file that imports sqlite3. It stores and looks up, and knows nothing of relevance. Scripts
without spaces between words are split into pairs of characters, which FTS5 would take for one word.
"""

import re
import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LONGEST = 100_000
"""Characters of one text that are looked at."""

_Held: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]

_UNSPACED = re.compile(
    r"[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\uff66-\uff9f\U00020000-\U0003134f]+"
)
_SCHEMA = """
CREATE VIRTUAL TABLE said USING fts5(text, tokenize = 'porter unicode61');
CREATE VIRTUAL TABLE said_term USING fts5vocab(said, 'instance');
CREATE VIRTUAL TABLE asked USING fts5(text, content = '', tokenize = 'porter unicode61');
CREATE VIRTUAL TABLE asked_term USING fts5vocab(asked, 'instance');
"""


class Postings:
    """The stems of one meeting's lines, by line number. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.executescript(_SCHEMA)
        self._known: dict[str, _Held] = {}

    def replace(self, texts: Iterable[tuple[int, str]], gone: Iterable[int] = ()) -> None:
        """Let the numbers hold these texts and no others; forget those `gone`. All or nothing."""
        new = [(number, _cleaned(text)) for number, text in texts]
        old = [(number,) for number in gone]
        before = self._stems_of([*old, *((number,) for number, _ in new)])
        self._db.execute("BEGIN")
        try:
            self._db.executemany("DELETE FROM said WHERE rowid = ?", old)
            self._db.executemany("INSERT OR REPLACE INTO said (rowid, text) VALUES (?, ?)", new)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        for stem in before:
            self._known.pop(stem, None)
        self._add(new)

    def holding(self, stem: str) -> _Held:
        """The numbers of the lines that hold the stem, each once, and how often each does."""
        if (known := self._known.get(stem)) is not None:
            return known
        rows = self._db.execute("SELECT doc FROM said_term WHERE term = ?", (stem,)).fetchall()
        numbers = np.fromiter(chain.from_iterable(rows), np.int64, len(rows))
        lines, counts = np.unique(numbers, return_counts=True)
        held = lines, counts.astype(np.float64)
        if rows:  # there is no end to what is asked for and nobody said
            self._known[stem] = held
        return held

    def stems(self, texts: Sequence[str]) -> list[Counter[str]]:
        """How often each text holds which stems."""
        found: list[Counter[str]] = [Counter() for _ in texts]
        rows = [(number, _cleaned(text)) for number, text in enumerate(texts)]
        self._db.executemany("INSERT INTO asked (rowid, text) VALUES (?, ?)", rows)
        for stem, number in self._db.execute("SELECT term, doc FROM asked_term"):
            found[number][stem] += 1
        self._db.execute("INSERT INTO asked (asked) VALUES ('delete-all')")
        return found

    def _stems_of(self, numbers: Iterable[tuple[int]]) -> set[str]:
        """Those of the texts that the numbers hold, as far as it matters here."""
        if not self._known:
            return set()
        held = (self._db.execute("SELECT text FROM said WHERE rowid = ?", one) for one in numbers)
        return set().union(*self.stems([text for rows in held for (text,) in rows]))

    def _add(self, new: Sequence[tuple[int, str]]) -> None:
        """Let what is known of stems know of more lines: reading it again would take longer."""
        if not self._known:
            return
        for (number, _), stems in zip(new, self.stems([text for _, text in new]), strict=True):
            for stem in stems.keys() & self._known.keys():
                lines, counts = self._known[stem]
                self._known[stem] = np.append(lines, number), np.append(counts, stems[stem])


def _cleaned(text: str) -> str:
    """What SQLite can hold: no lone surrogates, and no end of a string within one."""
    held = text[:LONGEST].encode("utf-8", "replace").decode().replace("\0", " ")
    return held if held.isascii() else _UNSPACED.sub(_pairs, held)


def _pairs(run: re.Match[str]) -> str:
    text = run.group()
    return f" {' '.join(map(''.join, pairwise(text))) or text} "
