"""Whether people speak and no words arrive. Pure; does nothing about it.

A sign of speech is another person becoming the active speaker; any message of the transcription is
a sign of life and begins afresh.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

PATIENCE = timedelta(seconds=20)
SIGNS = 2
"""One alone may be a cough."""


class Watch(msgspec.Struct, frozen=True):
    """The signs of speech since the last sign of life, none later than the patience after
    another."""

    first: datetime | None = None
    last: datetime | None = None
    signs: int = 0
    told: bool = False


def speech(watch: Watch, at: datetime) -> Watch:
    """One more sign of speech; after a long silence it is the first one again."""
    if watch.first is None or watch.last is None or at - watch.last > PATIENCE:
        return replace(watch, first=at, last=at, signs=1)
    return replace(watch, last=at, signs=watch.signs + 1)


def stalled(watch: Watch, at: datetime) -> float | None:
    """For how many seconds people have spoken unheard, once that is too long; else None."""
    if watch.told or watch.first is None or watch.signs < SIGNS or at - watch.first <= PATIENCE:
        return None
    return (at - watch.first).total_seconds()
