"""The log files of started processes: kept small, and their ends shown. Parses nothing."""

import contextlib
import os
import shutil
from collections import deque
from pathlib import Path

MAX_BYTES = 16 << 20
TAIL_BYTES = 64 << 10


def trim(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Put a grown file aside as `<name>.1`, in place of the one put aside before.

    Its writers keep it open for appending, so it is copied and emptied rather than renamed; a line
    written in between is lost.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > max_bytes:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a file that may not exist."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return [line.decode(errors="replace").rstrip() for line in deque(file, count)]
    except FileNotFoundError:
        return []
