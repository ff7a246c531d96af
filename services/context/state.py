"""What is held of a meeting: the shapes that a snapshot stores. Pure data; `room` folds them.

The newest segments are held verbatim (the tail); older ones are stood in for by summaries, which
lie in the order of the meeting, the most condensed first.
"""

from datetime import datetime

import msgspec

from contracts.events import SegmentRef, Task
from services.context import lines


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A segment as the context needs it; `start` and `end` in seconds."""

    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None
    text: str

    @property
    def line(self) -> str:
        """The segment as one line of context."""
        return lines.line(self.speaker, self.text)

    @property
    def cost(self) -> int:
        """Tokens of that line."""
        return lines.cost(self.speaker, self.text)

    @property
    def ref(self) -> SegmentRef:
        """The segment without its text."""
        return SegmentRef(
            segment_id=self.segment_id,
            seq=self.seq,
            start=self.start,
            end=self.end,
            speaker=self.speaker,
        )


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What stands in for `segments` segments, first to last; `cited` are those it rests on."""

    level: int
    first: Segment
    last: Segment
    segments: int
    text: str
    cited: tuple[Segment, ...]


class Compaction(msgspec.Struct, frozen=True, array_like=True):
    """A range that is being summarised."""

    compaction_id: str
    level: int
    first_segment_id: str
    last_segment_id: str


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
    mirrored: bool = False
    """A recording that brings its own summaries is being played: nobody makes others."""
    summaries: tuple[Summary, ...] = ()
    tail: tuple[Segment, ...] = ()
    tail_tokens: int = 0
    compaction: Compaction | None = None
    questions: tuple[Question, ...] = ()
