"""End with the parent, however the parent ends. Also a launcher: `tether.py PARENT_PID COMMAND...`.

Linux has the kernel do it (prctl PR_SET_PDEATHSIG survives exec); elsewhere a thread or this small
process watches. Imports the standard library alone, so that it starts quickly as a script.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

PARENT = "EARSHOT_PARENT"
"""Environment: the process a service ends with."""

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5
_LINUX = sys.platform.startswith("linux")


def bind(parent: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have this process get `death_signal` when its parent is gone; at once when it is already."""
    if _LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    else:
        watch = threading.Thread(target=_watch, args=(parent, death_signal), daemon=True)
        watch.start()
    if os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


def _watch(parent: int, death_signal: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), death_signal)


def _launch(parent: int, command: list[str]) -> int:
    if _LINUX:
        bind(parent, signal.SIGTERM)
        os.execv(command[0], command)  # noqa: S606 - the caller names the program
    with subprocess.Popen(command) as child:  # noqa: S603 - the caller names the program
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: child.terminate())
        while child.poll() is None and os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        child.terminate()
        return child.wait()


if __name__ == "__main__":
    sys.exit(_launch(int(sys.argv[1]), sys.argv[2:]))
