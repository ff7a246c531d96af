"""What was said, in pages: cheap to add to and to change in place. Knows no names and no log."""

from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import SegmentCorrected, SegmentHeard, SegmentRedacted, SegmentSuppressed

Heard: TypeAlias = tuple[int, SegmentHeard]
"""A segment as it reads now, and the sequence it was heard at."""

Alteration: TypeAlias = SegmentCorrected | SegmentSuppressed | SegmentRedacted

PAGE = 256
"""Segments a page is begun with: an append copies one page at most, not the whole meeting."""


class Page(msgspec.Struct, frozen=True):
    """A full page; `ids` are its segments', so that a search passes over it at once."""

    heard: tuple[Heard, ...]
    ids: frozenset[str]
    words: int


class Said(msgspec.Struct, frozen=True):
    """Every segment that was not removed, in the order of the log; `gone` are those that were."""

    pages: tuple[Page, ...] = ()
    last: tuple[Heard, ...] = ()
    gone: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Heard]:
        """Every segment."""
        return chain(chain.from_iterable(page.heard for page in self.pages), self.last)

    @property
    def segments(self) -> int:
        """How many there are."""
        return sum(len(page.heard) for page in self.pages) + len(self.last)

    @property
    def words(self) -> int:
        """How many words they have, split at spaces."""
        return sum(page.words for page in self.pages) + _words(self.last)


def added(said: Said, heard: Heard) -> Said:
    """One more segment; one that was removed stays away, though its source repeats itself."""
    if heard[1].segment_id in said.gone:
        return said
    last = (*said.last, heard)
    if len(last) < PAGE:
        return replace(said, last=last)
    return replace(said, pages=(*said.pages, _page(last)), last=())


def altered(said: Said, event: Alteration) -> Said:
    """The segment says something else, or is gone; one that is not there stays away."""
    pages = tuple(
        _page_with(page, event) if event.segment_id in page.ids else page for page in said.pages
    )
    hits = _hits(said.last, event)
    was_there = bool(hits) or any(event.segment_id in page.ids for page in said.pages)
    gone = was_there and not isinstance(event, SegmentCorrected)
    return Said(
        pages=pages,
        last=_with(said.last, event, hits),
        gone=said.gone | {event.segment_id} if gone else said.gone,
    )


def _page(heard: tuple[Heard, ...]) -> Page:
    return Page(heard, frozenset(one.segment_id for _, one in heard), _words(heard))


def _page_with(page: Page, event: Alteration) -> Page:
    """Counts what changed alone: whole meetings are corrected, segment by segment."""
    hits = _hits(page.heard, event)
    heard = _with(page.heard, event, hits)
    if not isinstance(event, SegmentCorrected):
        return _page(heard)
    was, now = (tuple(one[at] for at in hits) for one in (page.heard, heard))
    return replace(page, heard=heard, words=page.words - _words(was) + _words(now))


def _words(heard: tuple[Heard, ...]) -> int:
    return sum(len(one.text.split()) for _, one in heard)


def _hits(heard: tuple[Heard, ...], event: Alteration) -> tuple[int, ...]:
    wanted = event.segment_id
    return tuple(at for at, (_, one) in enumerate(heard) if one.segment_id == wanted)


def _with(heard: tuple[Heard, ...], event: Alteration, hits: tuple[int, ...]) -> tuple[Heard, ...]:
    for at in reversed(hits):
        seq, one = heard[at]
        now: tuple[Heard, ...] = ()
        if isinstance(event, SegmentCorrected):
            now = ((seq, replace(one, text=event.text, words=event.words)),)
        heard = (*heard[:at], *now, *heard[at + 1 :])
    return heard
