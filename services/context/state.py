"""What is held of a meeting: the shapes that a snapshot stores. Pure data; `room` folds them.

Every segment is held verbatim, in the order of the log, and known by its number in that order.
The first `compacted` of them are also summarised: `levels` holds, level by level, summaries that
lie side by side from the first segment on. The others are the tail.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TypeAlias

import msgspec

from contracts import speakers
from contracts.commands import UNKNOWN_SPEAKER
from contracts.events import SegmentRef, Task
from contracts.speakers import Speakers
from services.context import lines

PAGE = 64
"""Segments a full page holds: an append copies one page at most, not the whole meeting."""


class Segment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A segment as the context needs it; `start` and `end` in seconds.

    `changed` is the sequence of the last fact about it. One that was suppressed or redacted is
    `removed` and has no text; one that was written and not said is `chat`.
    """

    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None
    text: str
    speaker_id: str | None = None
    changed: int = 0
    removed: bool = False
    chat: bool = False

    @property
    def cost(self) -> int:
        """About as many units as its line had when it was heard; 0 when removed."""
        return 0 if self.removed else lines.estimate(self.speaker, self.text)


Page: TypeAlias = tuple[Segment, ...]


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What stands in for the segments from number `first` to before `end`.

    `cited` are the numbers of those it rests on. Without a text it was withdrawn, because what it
    was made of changed, or given up (`failed`). `changed` is the sequence of its last fact.
    """

    level: int
    first: int
    end: int
    text: str
    cited: tuple[int, ...] = ()
    failed: bool = False
    changed: int = 0


class Compaction(msgspec.Struct, frozen=True, array_like=True):
    """A range that is being summarised."""

    compaction_id: str
    level: int
    first: int
    end: int


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A query that has no conclusion yet."""

    query_id: str
    task: Task
    query: str
    deadline: datetime
    budget_tokens: int | None


class Room(msgspec.Struct, frozen=True):
    """`seq` is the last stream sequence folded in, `event_id` that event's key."""

    seq: int = 0
    event_id: str = ""
    requested: bool = False
    over: bool = False
    """The meeting has ended: nothing more is said in it."""
    mirrored: bool = False
    """A recording that brings its own summaries is being played: nobody makes others."""
    pages: tuple[Page, ...] = ()
    last_page: Page = ()
    compacted: int = 0
    tail_units: int = 0
    """What the tail costs, about: when to compact depends on it, and no budget."""
    levels: tuple[tuple[Summary, ...], ...] = ()
    withdrawals: int = 0
    """How often a segment was corrected or removed: part of the ids of later compactions."""
    speakers: Speakers = Speakers()
    speakers_changed: dict[str, int] = {}
    """Speaker id or name to the sequence of the last rename or merge that named it."""
    compaction: Compaction | None = None
    questions: tuple[Question, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether something was asked for that is not done."""
        return bool(self.questions or self.compaction)

    @property
    def count(self) -> int:
        """How many segments there are, removed ones included."""
        return len(self.pages) * PAGE + len(self.last_page)

    def segment(self, number: int) -> Segment:
        """The segment of this number; raises IndexError."""
        page, at = divmod(number, PAGE)
        return self.pages[page][at] if page < len(self.pages) else self.last_page[at]

    def segments(self, first: int = 0, end: int | None = None) -> Iterator[Segment]:
        """Those from number `first` to before `end`, in order."""
        upto = self.count if end is None else min(end, self.count)
        for page in range(first // PAGE, -(-upto // PAGE)):
            held = self.pages[page] if page < len(self.pages) else self.last_page
            base = page * PAGE
            yield from held[max(0, first - base) : upto - base]

    def all_pages(self) -> Iterator[Page]:
        """Every page, the open one last, where there is one."""
        return chain(self.pages, (self.last_page,) if self.last_page else ())

    def shown(self, segment: Segment) -> str | None:
        """The name a segment is shown with, after renames and merges."""
        return speakers.shown(self.speakers, segment.speaker_id, segment.speaker)

    def line(self, segment: Segment) -> str:
        """The segment as one line of context; empty when removed."""
        return "" if segment.removed else lines.line(self.label(segment), segment.text)

    def label(self, segment: Segment) -> str | None:
        """The name as its line shows it."""
        name = self.shown(segment)
        return f"{name or UNKNOWN_SPEAKER} (in chat)" if segment.chat else name

    def ref(self, segment: Segment) -> SegmentRef:
        """The segment without its text."""
        return SegmentRef(
            segment_id=segment.segment_id,
            seq=segment.seq,
            start=segment.start,
            end=segment.end,
            speaker=self.shown(segment),
        )
