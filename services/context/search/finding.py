"""Lines that match, best first. SQL over a connection; changes nothing.

However many hits are wanted, they are the first ones of one list: a page goes on where the one
before it ended.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec
import numpy as np

from contracts.events import SegmentRef
from contracts.queries import SearchHit, SearchWanted
from services.context.search import letters, phrases, ranking, rows
from services.context.search.phrases import Term
from services.context.search.ranking import Vectors
from services.context.search.store import Connection

MAX_LIMIT = 1000
"""Hits that one answer holds at most."""

POOL = 2000
"""So many lines by their words, and windows by their meaning, can be in the list; more than any
answer holds, and the same for every page."""

_CHUNK = 4096

_FITS = """
    (:session IS NULL OR s.name = :session)
    AND (:speaker IS NULL OR :speaker IN (v.name, v.own_id, v.person))
    AND (:since IS NULL OR l.time >= :since) AND (:until IS NULL OR l.time < :until)"""

_OF_LINE = "l.id, l.window, s.name, l.segment_id, l.seq, l.start, l.end, v.shown, l.time"

# CROSS JOIN keeps the order of the tables: the words lead, by their own order of rank.
_BY_WORDS = f"""
    SELECT {_OF_LINE}, '', -rank
    FROM words CROSS JOIN lines l ON l.id = words.rowid CROSS JOIN voices v ON v.id = l.voice
    CROSS JOIN sessions s ON s.id = l.session
    WHERE words MATCH :match AND {_FITS} ORDER BY rank LIMIT :pool"""  # noqa: S608 - constants

_SNIPPETS = """
    SELECT rowid, snippet(words, 0, char(2), char(3), '…', 24) FROM words
    WHERE words MATCH :match AND rowid IN (SELECT value FROM json_each(:lines))"""

_OF_WINDOW = f"""
    SELECT {_OF_LINE}, l.text, 0.0
    FROM lines l CROSS JOIN voices v ON v.id = l.voice CROSS JOIN sessions s ON s.id = l.session
    WHERE l.window = :window AND NOT l.gone AND {_FITS}
    ORDER BY length(l.text) DESC, l.id LIMIT 1"""  # noqa: S608 - constants

_VECTORS = "SELECT id, vector FROM windows WHERE length(vector) = :bytes"

_FITTING_VECTORS = f"""{_VECTORS} AND id IN (
    SELECT l.window FROM lines l CROSS JOIN voices v ON v.id = l.voice
    CROSS JOIN sessions s ON s.id = l.session WHERE NOT l.gone AND {_FITS})"""  # noqa: S608 - constants


class _Row(msgspec.Struct, frozen=True):
    """A line as the statements give it; `text` is its snippet, `bm25` 0 where no word matched."""

    line: int
    window: int
    session_id: str
    segment_id: str
    seq: int
    start: float
    end: float
    shown: str | None
    time: int
    text: str
    bm25: float


_Scored: TypeAlias = tuple[_Row, float]


class Sought(msgspec.Struct, frozen=True):
    """What to look for: words, or a vector, or both; the limits are those of `wanted`."""

    wanted: SearchWanted
    terms: tuple[Term, ...]
    vector: Vectors | None = None


def find(connection: Connection, sought: Sought) -> tuple[SearchHit, ...]:
    """The hits, best first, at most as many as wanted and MAX_LIMIT."""
    limit = max(0, min(sought.wanted.limit, MAX_LIMIT))
    is_worded = sought.vector is None or sought.wanted.mode != "semantic"
    match, worded = _by_words(connection, sought) if is_worded else ("", [])
    found = worded
    if sought.vector is not None:
        cosines = _cosines(connection, sought.wanted, sought.vector)
        found = _by_both(worded, cosines) if is_worded else []
        found += _by_meaning(connection, sought.wanted, _uncovered(cosines, worded), limit)
    ranked = sorted(found, key=lambda one: (-one[1], one[0].session_id, one[0].seq))[:limit]
    snippets = _snippets(connection, match, [row.line for row, _ in ranked if row.bm25])
    return tuple(_hit(row, score, snippets.get(row.line, row.text)) for row, score in ranked)


def _by_words(connection: Connection, sought: Sought) -> tuple[str, list[_Scored]]:
    """Lines with all words, or where there are none, with some; and the expression they match."""
    if not sought.terms:
        return "", []
    for match, all_words in (
        (phrases.every(sought.terms), True),
        (phrases.some(sought.terms), False),
    ):
        given = {**_limits(sought.wanted), "match": match, "pool": POOL}
        if found := [_Row(*one) for one in connection.execute(_BY_WORDS, given)]:
            return match, [
                (row, ranking.keyword_score(row.bm25, all_words=all_words)) for row in found
            ]
    return "", []


def _by_both(worded: Iterable[_Scored], cosines: Mapping[int, float]) -> list[_Scored]:
    """Lines with the words, by those and by what their window means."""
    return [
        (row, ranking.hybrid_score(score, cosines.get(row.window, 0.0))) for row, score in worded
    ]


def _uncovered(cosines: Mapping[int, float], worded: Iterable[_Scored]) -> dict[int, float]:
    """The windows most alike, best first, in which no line has the words."""
    best = sorted(cosines, key=lambda one: (-cosines[one], one))[:POOL]
    covered = {row.window for row, _ in worded}
    return {window: cosines[window] for window in best if window not in covered}


def _by_meaning(
    connection: Connection, wanted: SearchWanted, windows: Mapping[int, float], limit: int
) -> list[_Scored]:
    """The longest line of each of the windows, as far down as `limit` and its equals reach."""
    found: list[_Scored] = []
    for window, cosine in windows.items():
        score = ranking.semantic_score(cosine)
        if wanted.mode != "semantic":
            score = ranking.hybrid_score(0.0, cosine)
        if len(found) >= limit and score < found[-1][1]:
            break
        given = {**_limits(wanted), "window": window}
        if (line := connection.execute(_OF_WINDOW, given).fetchone()) is not None:
            found.append((_Row(*line), score))
    return found


def _snippets(connection: Connection, match: str, lines: list[int]) -> dict[int, str]:
    """The text of these lines around what matched, which is marked."""
    if not lines:
        return {}
    given = {"match": match, "lines": msgspec.json.encode(lines).decode()}
    return dict(connection.execute(_SNIPPETS, given).fetchall())


def _cosines(connection: Connection, wanted: SearchWanted, vector: Vectors) -> dict[int, float]:
    limits = _limits(wanted)
    fits_all = all(limit is None for limit in limits.values())
    given = {**limits, "bytes": vector.astype(np.float16).nbytes}
    found = connection.execute(_VECTORS if fits_all else _FITTING_VECTORS, given)

    def chunks() -> Iterator[tuple[list[int], list[bytes]]]:
        while some := found.fetchmany(_CHUNK):
            yield [row for row, _ in some], [blob for _, blob in some]

    return ranking.cosines(vector, chunks())


def _limits(wanted: SearchWanted) -> dict[str, object]:
    return {
        "session": wanted.session_id,
        "speaker": rows.folded(wanted.speaker),
        "since": None if wanted.since is None else rows.microseconds(wanted.since),
        "until": None if wanted.until is None else rows.microseconds(wanted.until),
    }


def _hit(row: _Row, score: float, snippet: str) -> SearchHit:
    return SearchHit(
        session_id=row.session_id,
        segment=SegmentRef(
            segment_id=row.segment_id,
            seq=row.seq,
            start=row.start,
            end=row.end,
            speaker=row.shown,
        ),
        time=rows.clock_time(row.time),
        snippet=ranking.bounded(letters.shown(snippet)),
        score=score,
    )
