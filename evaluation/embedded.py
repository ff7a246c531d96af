"""A whole Earshot of its own for one run: no key, a temporary data directory, loopback only.

It is started as a user starts it, so that nothing is measured that nobody runs.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from earshot.errors import EarshotError

START_SECONDS = 120.0
STOP_SECONDS = 60.0
ANNOUNCED = "Earshot is running at "
COMMAND = (sys.executable, "-m", "earshot", "up", "--no-demo", "--port", "0")

_POLL_SECONDS = 0.1

_OURS = ("EARSHOT_", "OPENAI_", "DAILY_")


class NotStartedError(EarshotError):
    """The embedded system did not come up."""


@contextlib.contextmanager
def started(settings: Mapping[str, str]) -> Iterator[str]:
    """The address of a fresh Earshot with these variables and no other; stopped at the end.

    Raises NotStartedError.
    """
    with tempfile.TemporaryDirectory(prefix="earshot-eval-") as directory:
        home = Path(directory)
        told = home / "told"  # a file, because a pipe that nobody reads on would fill up
        with told.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
                [*COMMAND, "--data-dir", str(home / "data")],
                cwd=home,  # a `.env` where the command was given may hold keys
                env=_bare() | dict(settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _address(process, told)
        finally:
            _stop(process)


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def _address(process: subprocess.Popen[bytes], told: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while True:
        is_over = process.poll() is not None or time.monotonic() > end
        lines = told.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        for line in lines:
            if line.startswith(ANNOUNCED) and line.endswith("\n"):
                return line.removeprefix(ANNOUNCED).strip()
        if is_over:
            cause = "".join(lines).strip() or f"not ready after {START_SECONDS:.0f} s"
            raise NotStartedError(f"The embedded Earshot does not start: {cause}")
        time.sleep(_POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would; at once when that takes too long."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
