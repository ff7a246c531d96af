"""Which spool is ours: several ingest processes may share one data directory.

Each owns a numbered directory by its lock. One whose process died is free, and may hold events that
were never published: who comes next takes all that are free, and sends their contents first.
"""

from pathlib import Path

from services._runtime.spool import LockedError, Spool

MOST = 64
"""How many ingest processes may share a data directory."""


class NoSpoolError(Exception):
    """As many processes as are allowed use this directory."""


def claim(directory: Path) -> tuple[Spool, list[Spool]]:
    """Our spool, and those of processes that are gone; raises NoSpoolError."""
    free = [spool for spool in map(_open, _existing(directory)) if spool is not None]
    if free:
        return free[0], free[1:]
    for number in range(MOST):
        path = directory / str(number)
        if not path.exists() and (spool := _open(path)) is not None:
            return spool, []
    raise NoSpoolError(f"{directory}: {MOST} processes use it already")


def _existing(directory: Path) -> list[Path]:
    return sorted(
        (path for path in directory.glob("*") if path.name.isdecimal()), key=lambda p: int(p.name)
    )


def _open(path: Path) -> Spool | None:
    try:
        return Spool(path)
    except LockedError:
        return None
