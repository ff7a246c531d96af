"""One bot's process as its parent sees it: started, listened to, called back, in need killed.

Knows nothing of the meeting. A process that says nothing for a while is taken for dead, though it
may still run.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import structlog

from services._runtime import tether
from services._runtime.settings import Settings
from services.ingest.bot.wire import (
    Assignment,
    Beat,
    Dismissed,
    Entered,
    Going,
    Gone,
    Recall,
    Report,
)

log = structlog.get_logger()

SILENT_SECONDS = 10.0
"""Without a beat for so long, a bot that had begun to beat is taken for dead."""
BIRTH_SECONDS = 30.0
"""How long a process may take to its first beat, on a machine that starts many at once."""
LOOK_SECONDS = 0.5
LEAVE_SECONDS = 45.0
"""A bot that was called back is killed after this: it may be in a join, which nothing can stop."""

How: TypeAlias = Literal["left", "put_out", "join_failed", "replaced", "died", "silent"]


class Fate(NamedTuple):
    """How a bot ended. `detail` is Daily's text, or the exit status; `recalled` is what it was
    called back for, where it was."""

    how: How
    detail: str = ""
    recalled: Literal["recycled", "stopped"] = "stopped"


class Child:
    """A started bot. `memory` is its peak memory in bytes and `heard_at` the time, as of its last
    beat; `changed` is called when it has something to say."""

    def __init__(self, process: asyncio.subprocess.Process, changed: Callable[[], None]) -> None:
        self._process, self._changed = process, changed
        self._heard = time.monotonic()
        self._patience = BIRTH_SECONDS
        self._gone: Gone | None = None
        self._recalled: Literal["recycled", "stopped"] = "stopped"
        self.memory, self.dismissed = 0, False
        self.beaten, self.entered = asyncio.Event(), asyncio.Event()
        self.heard_at = datetime.now(UTC)

    @classmethod
    async def start(
        cls, assignment: Assignment, settings: Settings, changed: Callable[[], None]
    ) -> "Child":
        """Start the process and give it its assignment."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.ingest.bot",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | _environment(settings),
        )
        child = cls(process, changed)
        child._write(assignment)
        return child

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def fate(self) -> Fate:
        """Wait for the end; kills a process that has fallen silent, and when cancelled."""
        ending = asyncio.create_task(self._listen_to_the_end())
        try:
            while not ending.done():
                left = self._heard + self._patience - time.monotonic()
                if left <= 0:
                    return Fate("silent")
                await self._look(ending, min(left, LOOK_SECONDS))
        finally:
            ending.cancel()
            await self.kill()
        if self._gone is None:
            return Fate("died", f"exit status {ending.result()}")
        return Fate(self._gone.how, self._gone.detail, self._recalled)

    def recall(self, reason: Going) -> None:
        """Ask the bot to leave, once; it is killed when it takes too long."""
        if self._patience == LEAVE_SECONDS:
            return
        self._heard, self._patience = time.monotonic(), LEAVE_SECONDS
        if reason != "ended":
            self._recalled = reason
        self._write(Recall(reason))

    async def kill(self) -> None:
        """End the process at once, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _look(self, ending: asyncio.Task[int], seconds: float) -> None:
        began = time.monotonic()
        await asyncio.wait([ending], timeout=seconds)
        stalled = time.monotonic() - began - seconds
        if stalled > LOOK_SECONDS:  # what it said while we did not run is still to be read
            self._heard = min(self._heard + stalled, time.monotonic())

    def _write(self, message: msgspec.Struct) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def _listen_to_the_end(self) -> int:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        decoder = msgspec.json.Decoder(Report)
        while True:
            try:
                if not (line := await self._process.stdout.readline()):
                    return await self._process.wait()
                self._take(decoder.decode(line))
            except ValueError:  # no report of ours, or too long to be one
                log.warning("bot.unreadable", pid=self.pid)

    def _take(self, report: Report) -> None:
        match report:
            case Beat(memory=memory):
                self.memory, self.heard_at = memory, datetime.now(UTC)
                self.beaten.set()
                if self._patience != LEAVE_SECONDS:
                    self._heard, self._patience = time.monotonic(), SILENT_SECONDS
            case Entered():
                self.entered.set()
            case Dismissed():
                self.dismissed = True
                self._changed()
            case Gone():
                self._gone = report


def _environment(settings: Settings) -> dict[str, str]:
    """What the bot must find as we found it, whoever set it for us."""
    return {
        tether.PARENT: str(os.getpid()),
        "EARSHOT_NATS_URL": settings.nats,
        "EARSHOT_DATA_DIR": str(settings.data_dir.absolute()),
        "RUST_LOG": "off",
    }
