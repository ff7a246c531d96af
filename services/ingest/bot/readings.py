"""Values out of Daily's payloads, which may be missing, of another type or hostile. Never raises.

Each reader gives None for what cannot be used.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

MAX_NAME = 200
_FAR_FUTURE = 4_102_444_800.0
"""The year 2100, in Unix seconds."""

_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the writing direction round: they can make a name look like another one."""
_TABLE = dict.fromkeys((*_CONTROLS, *_DIRECTIONS)) | dict.fromkeys(map(ord, _BREAKS), " ")


def mapping(value: object) -> Mapping[str, Any]:
    """The object itself, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """The list itself, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object, limit: int | None = None) -> str | None:
    """One line without control characters, cut at `limit` characters; None when nothing is left."""
    if not isinstance(value, str):
        return None
    line = value.encode("utf-8", "ignore").decode().translate(_TABLE).strip()
    return line[:limit].rstrip() or None


def ident(value: object) -> str | None:
    """An id as Daily gave it: one that would have to be cleaned is none."""
    return value if isinstance(value, str) and text(value, MAX_NAME) == value else None


def number(value: object, low: float, high: float) -> float | None:
    """A finite number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def count(value: object) -> int | None:
    """How many: a whole number, not negative."""
    counted = number(value, 0, 1e9)
    return None if counted is None else int(counted)


def moment(value: object) -> datetime | None:
    """Unix seconds, as a number or in digits, or an ISO 8601 time; without a zone it is UTC."""
    seconds = number(value, 0, _FAR_FUTURE)
    if isinstance(value, str):
        try:
            seconds = number(float(value), 0, _FAR_FUTURE)
        except ValueError:
            return _iso(value)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _iso(value: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(value)
        # A year before 1 or after 9999, once moved to UTC, is beyond what a datetime can hold.
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def finite(value: float) -> float:
    """Seconds as the log keeps them: to the millisecond and never negative."""
    return round(value, 3) if math.isfinite(value) and value > 0 else 0.0
