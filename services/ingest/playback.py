"""What of a recording is still to be played, when, and under which time. Pure.

What is said of a meeting may be recorded long after it, and does not make it longer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import (
    DERIVED,
    Event,
    Fact,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SpeakerRenamed,
    SpeakersMerged,
)

Mode = Literal["replay", "import"]

_ABOUT: tuple[type[Fact], ...] = (
    *(SegmentCorrected, SegmentSuppressed, SegmentRedacted, SpeakerRenamed, SpeakersMerged),
    *(QueryAsked, QueryAnswered, QueryFailed),
    *DERIVED,
)
"""What happens to a meeting, whether it still goes on or not."""


class Pace(msgspec.Struct, frozen=True):
    """`speed` is a factor on the recording's own pace, None for as fast as it goes.

    What was recorded after `recorded_end` is due then.
    """

    recorded_start: datetime
    speed: float | None
    recorded_end: datetime

    def due(self, event: Event) -> float:
        """Seconds after the start of playing at which the event is due."""
        if self.speed is None:
            return 0.0
        time = min(event.time, self.recorded_end)
        return max(0.0, (time - self.recorded_start).total_seconds() / self.speed)


def end(events: Sequence[Event]) -> datetime:
    """When the last thing happened in the meeting itself; `events` are at least one."""
    times = [event.time for event in events if not isinstance(event, _ABOUT)]
    return times[-1] if times else events[0].time


def remaining(recorded: Sequence[Event], logged: Iterable[Event]) -> tuple[Event, ...]:
    """The recorded events the log does not hold yet, in their order."""
    held = {ids.of_event(event) for event in logged}
    return tuple(event for event in recorded if ids.of_event(event) not in held)


def stamped(event: Event, mode: Mode, now: datetime) -> Event:
    """A replay happens now; an import happened when it was recorded."""
    return event if mode == "import" else replace(event, time=now)
