"""The index files of one machine: who may write one, and those that nobody uses any more.

Instances on a machine share the directory. A file is written by whoever holds its lock, so an
instance that does not know yet that it lost a partition cannot spoil the next owner's index. Holds
no text; says nothing of what is in a file.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "search"
_PARTS = ("-wal", "-shm", "")
"""The main file goes last: without one the others would be taken for no index, and stay."""


class TakenError(Exception):
    """Somebody else holds the file."""


def path(data_dir: Path, number: int) -> Path:
    """Where the index of a partition lies."""
    return data_dir / FOLDER / f"{number}.sqlite"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an index; raises TakenError, or OSError when the directory cannot be written to.

    The lock ends with the process, however that ends.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    handle = os.open(file.with_suffix(".lock"), flags, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TakenError(file.name) from None
        yield
    finally:
        os.close(handle)


def make(file: Path) -> None:
    """An empty file that its owner alone can read, where there is none."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def remove(file: Path) -> None:
    """Take an index off the disk."""
    for part in _PARTS:
        file.with_name(file.name + part).unlink(missing_ok=True)


def remove_unheld(data_dir: Path, known: frozenset[str]) -> frozenset[str]:
    """Remove those of `known` that nobody holds; the names of the others that nobody holds.

    Another machine may own the partition by now, and what is erased there would stay here. Called
    again and again, it spares a file whose next owner is on its way.
    """
    unheld = set()
    for file in sorted((data_dir / FOLDER).glob("*.sqlite")):
        try:
            with locked(file):
                if file.name in known:
                    remove(file)
                else:
                    unheld.add(file.name)
        except TakenError:
            continue
    return frozenset(unheld)
