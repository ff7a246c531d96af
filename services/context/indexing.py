"""What is made from each room that somebody asked about, and kept while it is of use: its index,
and the digests of its pages."""

import asyncio
from collections import OrderedDict
from itertools import chain
from operator import is_
from typing import NamedTuple, TypeAlias

from services.context import room, tokens
from services.context.retrieval.index import Index
from services.context.retrieval.line import Line
from services.context.state import PAGE, Page, Room, Segment
from services.context.tokens import UNITS, Measure

AT_ONCE = 2 * PAGE
"""About so many lines are made and indexed in one go: some ten milliseconds' work."""
INDEXED_CHARS = 4000
"""What is beyond in one line is not looked into; nobody says so much in one breath."""

LARGE_CHARS = 100_000
"""A page of more is counted in a thread, so that it holds nobody up."""

_Voice: TypeAlias = tuple[str | None, str | None, bool]
"""What a segment's label depends on: its speaker's name and id, and whether it was written."""


class Indices:
    """At most so many; the one not asked for the longest goes first."""

    def __init__(self, most: int, measure: Measure = tokens.units) -> None:
        self._most, self.measure = most, measure
        self._held: OrderedDict[str, _Indexed] = OrderedDict()

    async def of(self, session_id: str, known: Room) -> Index:
        """The index of exactly this room, until the caller next waits for something.

        Others get their turn while many lines are new or read differently.
        """
        if session_id not in self._held:
            self._held[session_id] = _Indexed(self.measure)
        self._held.move_to_end(session_id)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return await self._held[session_id].of(known)

    def state_hash(self, session_id: str, known: Room) -> str:
        """The digest of the room; that of a page that stays is computed once."""
        held = self._held.get(session_id)
        return room.state_hash(known, None if held is None else held.digests(known))

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session."""
        self._held.pop(session_id, None)


class _Made(NamedTuple):
    """A page's lines, and the label of each voice in them; `names` is what they were read by."""

    page: Page
    names: Room
    labels: dict[_Voice, str | None]
    lines: list[Line]


_NONE = _Made((), Room(), {}, [])


class _Indexed:
    def __init__(self, measure: Measure) -> None:
        self._index, self._measure = Index(), measure
        self._made: list[_Made] = []
        self._names = _NONE.names
        self._labels: dict[_Voice, str | None] = {}
        self._digests: list[tuple[Page, bytes]] = []
        self._turn = asyncio.Lock()

    async def of(self, known: Room) -> Index:
        """The index of the room. One after the other: two that read names differently would undo
        each other's work for ever."""
        async with self._turn:
            # what it waits for is its own next share of the work
            while not await self._reached(known):  # noqa: ASYNC110
                await asyncio.sleep(0)
        return self._index

    def digests(self, known: Room) -> list[bytes]:
        """Those of the room's full pages."""
        for at, page in enumerate(known.pages):
            if at >= len(self._digests) or self._digests[at][0] is not page:
                self._digests[at : at + 1] = [(page, room.page_digest(page))]
        del self._digests[len(known.pages) :]
        return [digest for _, digest in self._digests]

    async def _reached(self, known: Room) -> bool:
        """Come nearer by about AT_ONCE new lines; whether the index is the room's."""
        if self._names.speakers is not known.speakers:
            self._names, self._labels = Room(speakers=known.speakers), {}
        fresh, pages = 0, list(known.all_pages())
        for at, page in enumerate(pages):
            if self._is_large(at, page):
                fresh += await asyncio.to_thread(self._make, at, page)
            else:
                fresh += self._make(at, page)
            if fresh >= AT_ONCE:
                break
        else:
            del self._made[len(pages) :]
        self._index.sync(list(chain.from_iterable(made.lines for made in self._made)))
        return fresh < AT_ONCE

    def _is_large(self, at: int, page: Page) -> bool:
        """Whether it takes long to count the tokens of a page that is new."""
        if at < len(self._made) and self._made[at].page is page:
            return False
        return sum(len(segment.text) for segment in page) > LARGE_CHARS

    def _make(self, at: int, page: Page) -> int:
        """Have the lines of a page; how many of them are new."""
        made = self._made[at] if at < len(self._made) else _NONE
        if made.page is page and made.names is self._names:
            return 0
        if made.page is page and all(self._label(one) == was for one, was in made.labels.items()):
            self._made[at] = made._replace(names=self._names)
            return 0
        labels = {voice: self._label(voice) for voice in map(_voice, page)}
        lines = [self._line(made, number, one) for number, one in enumerate(page, at * PAGE)]
        self._made[at : at + 1] = [_Made(page, self._names, labels, lines)]
        return len(lines) - sum(map(is_, lines, made.lines))

    def _label(self, voice: _Voice) -> str | None:
        if voice not in self._labels:
            name, speaker_id, chat = voice
            spoken = Segment("", 0, 0.0, 0.0, name, "", speaker_id, chat=chat)
            self._labels[voice] = self._names.label(spoken)
        return self._labels[voice]

    def _line(self, made: _Made, number: int, segment: Segment) -> Line:
        at, label = number % PAGE, self._labels[_voice(segment)]
        if at < len(made.page) and made.page[at] is segment and made.lines[at].speaker == label:
            return made.lines[at]
        line = self._names.line(segment)
        return Line(
            number=number,
            speaker=label,
            text=segment.text.strip()[:INDEXED_CHARS],
            tokens=self._measure(line) / UNITS,
            start=segment.start,
            end=segment.end,
            runs=tokens.runs(line),
        )


def _voice(segment: Segment) -> _Voice:
    return segment.speaker, segment.speaker_id, segment.chat
