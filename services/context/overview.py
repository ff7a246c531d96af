"""Which summaries of a meeting a context shows, and how much of each. Pure.

For a question about the whole meeting they are shown in full, in as much detail as fits; for any
other a first line of each says what the rest of the meeting was about.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from contracts import speakers
from contracts.commands import Part
from services.context import condensing
from services.context.compaction import summary_part
from services.context.state import Room, Summary
from services.context.tokens import UNITS, Measure

GIST_TOKENS = 12
GISTS_SHARE = 2
"""Gists may cost so many times what full summaries may."""
_MORE = " …"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+|\s+")
"""A word, a space, or a letter of a script that puts no spaces between words."""
MOST_CHARS = 400
"""No gist is longer; a line without spaces is not measured to its end."""


class Shown(msgspec.Struct, frozen=True):
    """A summary and the text of it that is shown, which costs `units`."""

    summary: Summary
    text: str
    units: int


class _Teller(NamedTuple):
    """Shows summaries with the names that speakers have now, and prices them."""

    told: Callable[[str], str]
    measure: Measure

    def full(self, one: Summary) -> Shown:
        return self.shown(one, self.told(one.text))

    def gist(self, one: Summary) -> Shown:
        """The first line, cut after a word where it is long."""
        line, most = self.told(one.text).strip().split("\n", 1)[0], GIST_TOKENS * UNITS
        if self.measure(line) <= most:
            return self.shown(one, line)
        kept = ""
        for piece in _PIECE.findall(line[:MOST_CHARS]):
            if self.measure(kept + piece + _MORE) > most:
                break
            kept += piece
        return self.shown(one, kept.rstrip() + _MORE)

    def shown(self, one: Summary, text: str) -> Shown:
        """Priced with the line end that whoever writes the prompt puts behind it."""
        return Shown(one, text, self.measure(text + "\n"))


def finest(room: Room, units: int, measure: Measure) -> tuple[Shown, ...]:
    """Summaries of the whole past that cost at most `units`, in the most detail that fits.

    Where not even the most condensed ones fit in full, the newest of them are shown by their gists.
    """
    teller = _Teller(speakers.retelling(room.speakers), measure)
    chosen = [teller.full(one) for one in frontier(room)]
    if spent(chosen) > units:
        return _fitting(room, units, teller)
    while (finer := _refined(room, chosen, units, teller)) is not None:
        chosen = finer
    return tuple(chosen)


def gists(room: Room, units: int, measure: Measure) -> tuple[Shown, ...]:
    """The first line of each of the most condensed summaries; in full as far as `units` go."""
    teller = _Teller(speakers.retelling(room.speakers), measure)
    chosen: list[Shown] = []
    left = units * GISTS_SHARE
    for one in sorted(frontier(room), key=lambda one: -one.level):
        gist = teller.gist(one)
        if gist.units <= left:
            chosen.append(gist)
            left -= gist.units
    return tuple(sorted(_enlarged(chosen, units, teller), key=_place))


def frontier(room: Room) -> tuple[Summary, ...]:
    """The most condensed summary of each stretch of the past that has one, in meeting order."""
    found: list[Summary] = []
    for level in range(len(room.levels), 0, -1):
        found += [one for one in condensing.unmerged(room, level) if one.text]
    found += _orphans(room, found)
    return tuple(sorted(found, key=lambda one: one.first))


def part(room: Room, shown: Shown) -> Part:
    """What is shown of a summary as a piece of context."""
    return msgspec.structs.replace(summary_part(room, shown.summary), text=shown.text)


def _orphans(room: Room, found: Sequence[Summary]) -> list[Summary]:
    """Those below a summary that was withdrawn stand for themselves until there is another."""
    orphans: list[Summary] = []
    for level in range(len(room.levels) - 1, 0, -1):
        for one in condensing.level_of(room, level):
            above = (*found, *orphans)
            if one.text and not any(up.first <= one.first < up.end for up in above):
                orphans.append(one)
    return orphans


def _refined(room: Room, chosen: list[Shown], units: int, teller: _Teller) -> list[Shown] | None:
    """With the widest summary that can be replaced by those it was made of; None if none can."""
    for one in sorted(chosen, key=lambda one: one.summary.first - one.summary.end):
        finer = [teller.full(below) for below in _below(room, one.summary)]
        if finer and spent(chosen) - one.units + spent(finer) <= units:
            return sorted([*(kept for kept in chosen if kept is not one), *finer], key=_place)
    return None


def _below(room: Room, one: Summary) -> list[Summary]:
    """What a summary was made of; nothing where a piece of that is missing."""
    if one.level == 1:
        return []
    held = condensing.level_of(room, one.level - 1)
    below = [part for part in held if one.first <= part.first < one.end]
    return below if all(part.text for part in below) else []


def _fitting(room: Room, units: int, teller: _Teller) -> tuple[Shown, ...]:
    chosen: list[Shown] = []
    for one in sorted(frontier(room), key=lambda one: (-one.level, -one.first)):
        for shown in (teller.full(one), teller.gist(one)):
            if spent(chosen) + shown.units <= units:
                chosen.append(shown)
                break
    return tuple(sorted(chosen, key=_place))


def _enlarged(chosen: list[Shown], units: int, teller: _Teller) -> list[Shown]:
    """Each in full that costs no more than `units` with all the others."""
    left, enlarged = units - spent(chosen), []
    for one in chosen:
        full = teller.full(one.summary)
        fits = full.units - one.units <= left
        enlarged.append(full if fits else one)
        left -= full.units - one.units if fits else 0
    return enlarged


def _place(one: Shown) -> int:
    return one.summary.first


def spent(shown: Iterable[Shown]) -> int:
    """What they cost together, in units."""
    return sum(one.units for one in shown)
