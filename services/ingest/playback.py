"""What of a recording is still to be played, when, and under which time. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import Event

Mode = Literal["replay", "import"]


class Pace(msgspec.Struct, frozen=True):
    """`speed` is a factor on the recording's own pace, None for as fast as it goes."""

    recorded_start: datetime
    speed: float | None

    def due(self, event: Event) -> float:
        """Seconds after the start of playing at which the event is due."""
        if self.speed is None:
            return 0.0
        return max(0.0, (event.time - self.recorded_start).total_seconds() / self.speed)


def remaining(recorded: Sequence[Event], logged: Iterable[Event]) -> tuple[Event, ...]:
    """The recorded events the log does not hold yet, in their order."""
    held = {ids.of_event(event) for event in logged}
    return tuple(event for event in recorded if ids.of_event(event) not in held)


def stamped(event: Event, mode: Mode, now: datetime) -> Event:
    """A replay happens now; an import happened when it was recorded."""
    return event if mode == "import" else replace(event, time=now)
