"""Which spool is whose: several ingest processes and their bots may share one data directory.

Each process owns a directory by its lock. One whose process died is free, and may hold events that
were never published: who comes next takes all that are free, and sends their contents first.
Services have numbered directories; a bot has one named after its session.
"""

from collections.abc import Iterator
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


def of_bot(directory: Path, session_id: str, number: int) -> Path:
    """Where the session's bot of that number keeps what it heard."""
    return directory / f"bot-{session_id}-{number}"


def left_by_bots(directory: Path, session_id: str = "*") -> Iterator[tuple[Spool, str, int]]:
    """The spools of a session's bots (or of all) that are gone, opened one after the other, each
    with its session and the bot's number."""
    for path in sorted(directory.glob(f"bot-{session_id}-*")):
        owner, _, number = path.name.removeprefix("bot-").rpartition("-")
        if number.isdecimal() and (spool := _open(path)) is not None:
            yield spool, owner, int(number)


def _existing(directory: Path) -> list[Path]:
    return sorted(
        (path for path in directory.glob("*") if path.name.isdecimal()), key=lambda p: int(p.name)
    )


def _open(path: Path) -> Spool | None:
    try:
        return Spool(path)
    except (LockedError, FileNotFoundError, FileExistsError):  # in use, or just being removed
        return None
