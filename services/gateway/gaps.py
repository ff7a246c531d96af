"""The seconds of a meeting that nobody heard, as its read models show them."""

import msgspec
from msgspec.structs import replace

from contracts.events import GapClosed, GapOpened


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` to `end`, in seconds from the meeting's start; `end` is null while it lasts."""

    gap_id: str
    cause: str
    start: float
    end: float | None = None


def evolve_gaps(gaps: tuple[Gap, ...], event: GapOpened | GapClosed) -> tuple[Gap, ...]:
    """The gaps with one more opened or closed; closing an unknown one changes nothing."""
    if isinstance(event, GapOpened):
        return (*gaps, Gap(gap_id=event.gap_id, cause=event.cause, start=event.start))
    return tuple(replace(gap, end=event.end) if gap.gap_id == event.gap_id else gap for gap in gaps)
