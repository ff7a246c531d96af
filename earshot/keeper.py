"""One process kept running: started, started again whenever it ends, stopped in time when asked."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec
import structlog

from earshot import restarts
from earshot.restarts import Deaths, Policy

log = structlog.get_logger()

STOP_SECONDS = 10.0
"""How long a process may take to end by itself."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A process to run; `environment` comes on top of ours, `log` None means our standard error."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    log: Path | None = None
    inherits: tuple[int, ...] = ()


class Keeper:
    """Keeps one part running from `start` to `stop`."""

    def __init__(self, part: Part, policy: Policy) -> None:
        self.part, self._policy = part, policy
        self.deaths = Deaths()
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, None between two lives."""
        return self._process.pid if self._process else None

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends after `stop`, and fails only by a fault of our own."""
        self._task = asyncio.create_task(self._keep(), name=self.part.name)
        return self._task

    async def stop(self, hurry: asyncio.Event, patience: float = STOP_SECONDS) -> None:
        """End the process: ask first, force it after `patience` seconds or once `hurry` is set."""
        self._stopping.set()
        if self._task is None:
            return
        self._signal(signal.SIGTERM)
        impatient = asyncio.create_task(hurry.wait())
        await asyncio.wait(
            {self._task, impatient}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        impatient.cancel()
        if not self._task.done():
            log.warning("process.forced", process=self.part.name)
            self._signal(signal.SIGKILL)
        await self._task

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live()
            if self._stopping.is_set():
                return
            self.deaths = restarts.died(self.deaths, time.monotonic() - began, self._policy)
            self._report(code)
            with contextlib.suppress(TimeoutError):
                pause = restarts.pause(self.deaths, self._policy)
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _live(self) -> int | None:
        try:
            process = await self._spawn()
        except OSError as error:
            log.warning("process.not_started", process=self.part.name, cause=error.strerror)
            return None
        self._process = process
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            self._process = None
            _sweep(process.pid)

    async def _spawn(self) -> asyncio.subprocess.Process:
        with contextlib.ExitStack() as stack:
            output = 2 if self.part.log is None else stack.enter_context(self.part.log.open("ab"))
            return await asyncio.create_subprocess_exec(
                *self.part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.part.environment},
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop them in order
                pass_fds=self.part.inherits,
            )

    def _report(self, code: int | None) -> None:
        fields = {"process": self.part.name, "code": code, "in_row": self.deaths.in_row}
        if restarts.alarming(self.deaths, self._policy):
            log.error("process.keeps_dying", log=str(self.part.log), **fields)
        else:
            log.warning("process.died", **fields)


def _sweep(group: int) -> None:
    """End what the process left behind in its group, so that its successor finds its ports free."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
