"""What nobody heard, taken from a second source: cues to segments of the gaps they lie in. Pure.

Redacts nothing and stores nothing: the caller does both.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from contracts import ids
from contracts.events import GapFilled, SegmentHeard
from services.ingest.daily.webvtt import Cue

TRACK = "webvtt"
NEAR_SECONDS = 5.0
"""How far the clocks of the two sources may be apart."""
TELLING_WORDS = 3
"""So many words in a row are the same speech; fewer are said again all the time."""

_WORD = re.compile(r"\w+")


class Gap(msgspec.Struct, frozen=True):
    """Closed: from `start` to `end`, in seconds from the meeting's start."""

    gap_id: str
    start: float
    end: float


class Heard(msgspec.Struct, frozen=True):
    """What is in the log already; seconds from the meeting's start."""

    start: float
    end: float
    text: str


def filling(
    gaps: Sequence[Gap],
    cues: Sequence[Cue],
    offset: float,
    heard: Sequence[Heard],
    *,
    session_id: str,
    at: datetime,
) -> tuple[SegmentHeard | GapFilled, ...]:
    """For each gap the segments of the cues it swallowed, then that it is filled, also with none.

    A cue belongs to the first gap that holds at least half of it. It is left out where its words
    were heard within NEAR_SECONDS of it. `offset` is the meeting's second at which the cues' clock
    stood at zero; `at` becomes the events' time.
    """
    moved = [_moved(cue, offset) for cue in cues]
    events: list[SegmentHeard | GapFilled] = []
    taken: set[str] = set()
    for gap in gaps:
        inside = [cue for cue in moved if _inside(cue, gap)]
        found = {
            one.segment_id: one
            for one in (_segment(session_id, at, cue) for cue in _unheard(inside, heard))
            if one.segment_id not in taken
        }
        taken |= found.keys()
        events += found.values()
        events.append(_filled(session_id, at, gap, len(found)))
    return tuple(events)


def _moved(cue: Cue, offset: float) -> Cue:
    """The cue on the meeting's clock, to the millisecond, as segments are told apart."""
    start, end = (max(0.0, round(second + offset, 3)) for second in (cue.start, cue.end))
    return msgspec.structs.replace(cue, start=start, end=end)


def _inside(cue: Cue, gap: Gap) -> bool:
    held = min(cue.end, gap.end) - max(cue.start, gap.start)
    return held >= 0 and 2 * held >= cue.end - cue.start


def _unheard(inside: Sequence[Cue], heard: Iterable[Heard]) -> list[Cue]:
    """Those with words that are not among the words heard around them."""
    if not inside:
        return []
    first, last = min(cue.start for cue in inside), max(cue.end for cue in inside)
    around = [
        (one, _words(one.text))
        for one in sorted(heard, key=lambda one: (one.start, one.end))
        if _near(one, first, last)
    ]
    return [
        cue
        for cue in inside
        if (words := _words(cue.text))
        and not _among(words, [said for one, said in around if _near(one, cue.start, cue.end)])
    ]


def _near(one: Heard, start: float, end: float) -> bool:
    return one.end >= start - NEAR_SECONDS and one.start <= end + NEAR_SECONDS


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _among(words: tuple[str, ...], said: Sequence[tuple[str, ...]]) -> bool:
    """Said as one segment, or in a row of segments where that tells anything."""
    if words in said:
        return True
    row = " ".join(word for one in said for word in one)
    return len(words) >= TELLING_WORDS and f" {' '.join(words)} " in f" {row} "


def _segment(session_id: str, at: datetime, cue: Cue) -> SegmentHeard:
    """Nobody knows the participant's id: the name tells the speakers apart."""
    return SegmentHeard(
        session_id=session_id,
        time=at,
        segment_id=ids.segment_id(session_id, cue.speaker, TRACK, cue.start, cue.text),
        start=cue.start,
        end=cue.end,
        text=cue.text,
        speaker=cue.speaker,
        track=TRACK,
    )


def _filled(session_id: str, at: datetime, gap: Gap, segments: int) -> GapFilled:
    return GapFilled(
        session_id=session_id, time=at, gap_id=gap.gap_id, source="webvtt", segments=segments
    )
