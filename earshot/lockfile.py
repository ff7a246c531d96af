"""One `earshot up` for a data directory: a lock that lives as long as any of its processes.

Started processes inherit the lock, so that a successor of a killed `up` waits until the last of
them has ended. The file says who runs and where, readable by its owner alone.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05
_MAX_BYTES = 64 << 10


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The `up` that holds a data directory; addresses are null until it has them."""

    pid: int
    url: str | None = None
    nats_url: str | None = None


class TakenError(Exception):
    """Another `earshot up` uses the data directory."""


class Lock:
    """A held lock; `handle` is what started processes inherit."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def describe(self, running: Running) -> None:
        """Say who runs and where."""
        os.truncate(self.handle, 0)
        os.pwrite(self.handle, msgspec.json.encode(running), 0)


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[Lock]:
    """Hold the directory's lock; raises TakenError, or OSError when it cannot be written to."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(_path(data_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, data_dir)
        lock = Lock(handle)
        lock.describe(Running(pid=os.getpid()))
        yield lock
        os.truncate(handle, 0)
    finally:
        os.close(handle)


def running(data_dir: Path) -> Running | None:
    """Who holds the directory now, or None."""
    try:
        handle = os.open(_path(data_dir), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not _locked(handle, fcntl.LOCK_SH):
            return _read(handle)
    finally:
        os.close(handle)
    return None


def _take(handle: int, data_dir: Path) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not _locked(handle, fcntl.LOCK_EX):
        holder = _read(handle)
        if (holder and _alive(holder.pid)) or time.monotonic() > end:
            who = f" (process {holder.pid})" if holder else ""
            raise TakenError(
                f"Another `earshot up`{who} uses {data_dir}: stop it or give --data-dir"
            )
        time.sleep(_POLL_SECONDS)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(handle: int) -> Running | None:
    try:
        return msgspec.json.decode(os.pread(handle, _MAX_BYTES, 0), type=Running)
    except msgspec.MsgspecError:
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _path(data_dir: Path) -> Path:
    return data_dir / "lock"
