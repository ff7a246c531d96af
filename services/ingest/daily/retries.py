"""How long to wait before asking again. Pure: the time and the dice are arguments."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

RETRIES = 3
LONGEST_SECONDS = 10.0
FIRST_SECONDS = 0.5

_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def pause(attempt: int, retry_after: str, now: datetime, dice: float) -> float:
    """Seconds before the retry after `attempt` (from 0); `dice` is random, from 0 to 1.

    Never before Daily wants it, unless it wants more than LONGEST_SECONDS; where it wants nothing
    in particular, twice as long each time.
    """
    wanted = _wanted(retry_after, now)
    if wanted is None:
        return min(LONGEST_SECONDS, FIRST_SECONDS * (1 << attempt) * (0.5 + dice))
    return min(LONGEST_SECONDS, wanted + FIRST_SECONDS * dice)


def _wanted(retry_after: str, now: datetime) -> float | None:
    """What a Retry-After header asks for in seconds; None where it says nothing we know."""
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
