"""Hits of all partitions as one list in pages, and how a hit is shown. Knows no web framework."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import quote

import msgspec

from contracts import ids
from contracts.queries import SearchHit, SearchServed, SearchWanted

MAX_DEPTH = 500
"""Hits that a list is shown of; whoever wants others says more exactly what they look for."""

ALL_WORDS = 0.5
"""The context service gives a hit of all words at least this score, one of some words less."""

_MARK = re.compile("[\x02\x03]")
_CURSOR = re.compile(r"([0-9a-f]{20}):([0-9]{1,4}):(keyword|semantic|hybrid)")

Mode = Literal["keyword", "semantic", "hybrid"]


class SearchItem(msgspec.Struct, frozen=True, kw_only=True):
    """One segment that was found. `highlights` are the beginnings and ends, in characters of
    `snippet`, of what matched in it; `url` opens the meeting at that moment."""

    session_id: str
    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None
    time: datetime
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    score: float
    url: str


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of hits, best first. `mode` is the one used; `partial` says that sessions of
    `missing_partitions` partitions of the log could not be searched."""

    items: tuple[SearchItem, ...]
    next_cursor: str | None
    mode: Mode
    partial: bool
    missing_partitions: int


class BadCursorError(ValueError):
    """The cursor is not one of this search."""


class Marked(NamedTuple):
    """Text and where in it the marked parts begin and end."""

    text: str
    highlights: tuple[tuple[int, int], ...]


class Place(NamedTuple):
    """The number of a page's first hit, and how the list is made that it belongs to."""

    first: int
    mode: Mode


def page(
    served: Sequence[SearchServed], wanted: SearchWanted, first: int, limit: int, missing: int
) -> SearchPage:
    """The hits from number `first` on, best first; hits of some words only where none has all."""
    mode = _mode(served)
    ranked = sorted(
        (hit for one in served for hit in one.hits),
        key=lambda hit: (-hit.score, hit.session_id, hit.segment.seq),
    )
    if mode == "keyword" and ranked and ranked[0].score >= ALL_WORDS:
        ranked = [hit for hit in ranked if hit.score >= ALL_WORDS]
    after = first + limit
    has_more = len(ranked) > after and after < MAX_DEPTH
    return SearchPage(
        items=tuple(map(item, ranked[first:after])),
        next_cursor=encode_cursor(wanted, Place(after, mode)) if has_more else None,
        mode=mode,
        partial=missing > 0,
        missing_partitions=missing,
    )


def item(hit: SearchHit) -> SearchItem:
    """A hit as it is shown."""
    segment, snippet = hit.segment, unmarked(hit.snippet)
    return SearchItem(
        session_id=hit.session_id,
        segment_id=segment.segment_id,
        seq=segment.seq,
        start=segment.start,
        end=segment.end,
        speaker=segment.speaker,
        time=hit.time,
        snippet=snippet.text,
        highlights=snippet.highlights,
        score=round(hit.score, 6),
        url=f"/?session={quote(hit.session_id, safe='')}&t={round(segment.start, 3)}",
    )


def unmarked(snippet: str) -> Marked:
    """The snippet without its marks, and where they stood."""
    text, highlights, opened = "", [], None
    end = 0
    for mark in _MARK.finditer(snippet):
        text, end = text + snippet[end : mark.start()], mark.end()
        if mark[0] == "\x02":
            opened = len(text)
        elif opened is not None:
            highlights += [(opened, len(text))] if len(text) > opened else []
            opened = None
    return Marked(text + snippet[end:], tuple(highlights))


def encode_cursor(wanted: SearchWanted, place: Place) -> str:
    """Where a page of this search begins, as an opaque string."""
    plain = f"{_digest(wanted)}:{place.first}:{place.mode}".encode()
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def decode_cursor(wanted: SearchWanted, cursor: str) -> Place:
    """Where the page begins; raises BadCursorError."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadCursorError("is not a cursor of this list") from None
    found = _CURSOR.fullmatch(plain)
    if found is None or found[1] != _digest(wanted) or int(found[2]) >= MAX_DEPTH:
        raise BadCursorError("is not a cursor of this list")
    return Place(int(found[2]), msgspec.convert(found[3], Mode))


def _mode(served: Iterable[SearchServed]) -> Mode:
    """Where one partition went by words, the list is as good as that."""
    modes = {one.mode for one in served}
    return "keyword" if "keyword" in modes or not modes else modes.pop()


def _digest(wanted: SearchWanted) -> str:
    since, until = (
        None if time is None else time.isoformat() for time in (wanted.since, wanted.until)
    )
    return ids.digest(wanted.query, wanted.mode, wanted.session_id, wanted.speaker, since, until)
