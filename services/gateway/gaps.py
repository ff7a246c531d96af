"""The seconds of a meeting that nobody heard, as its read models show them."""

import msgspec
from msgspec.structs import replace

from contracts.events import GapClosed, GapFilled, GapOpened


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` to `end`, in seconds from the meeting's start; `end` is null while it lasts.

    `filled` counts the segments that another source gave for it, null while none was asked.
    """

    gap_id: str
    cause: str
    start: float
    end: float | None = None
    filled: int | None = None


def evolve_gaps(gaps: tuple[Gap, ...], event: GapOpened | GapClosed | GapFilled) -> tuple[Gap, ...]:
    """The gaps with one more opened, closed or filled; of an unknown one nothing is said."""
    if isinstance(event, GapOpened):
        return (*gaps, Gap(gap_id=event.gap_id, cause=event.cause, start=event.start))
    return tuple(_changed(gap, event) if gap.gap_id == event.gap_id else gap for gap in gaps)


def _changed(gap: Gap, event: GapClosed | GapFilled) -> Gap:
    if isinstance(event, GapFilled):
        return replace(gap, filled=event.segments)
    return replace(gap, end=event.end)
