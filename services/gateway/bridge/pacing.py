"""How often one participant may ask: judged by the times of what they sent. Pure."""

from datetime import datetime, timedelta
from math import ceil
from typing import Literal, TypeAlias

import msgspec

MOST = 5
WINDOW = timedelta(seconds=30)
"""At most MOST requests are taken, and one refusal is told, in any stretch of this length."""

Verdict: TypeAlias = Literal["taken", "told", "silent"]


class Pace(msgspec.Struct, frozen=True):
    """When a participant's last requests were taken and their last refusal told; `verdict` is on
    the newest request, and `wait` the seconds until one will be taken again."""

    taken: tuple[datetime, ...] = ()
    told: datetime | None = None
    verdict: Verdict = "taken"
    wait: int = 0


def next_pace(pace: Pace, time: datetime) -> Pace:
    """The pace with one more request, at `time`; another bot's clock may be a little behind."""
    recent = tuple(one for one in pace.taken if abs(time - one) < WINDOW)
    if len(recent) < MOST:
        return Pace((*recent, time), pace.told)
    wait = ceil((WINDOW - (time - recent[-MOST])).total_seconds())
    if pace.told is not None and abs(time - pace.told) < WINDOW:
        return Pace(recent, pace.told, "silent", wait)
    return Pace(recent, time, "told", wait)


def refusal(pace: Pace) -> str:
    """What is told to who asked too often."""
    return f"too many requests: try again in {pace.wait} s"
