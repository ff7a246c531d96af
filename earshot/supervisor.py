"""`earshot up`: nats-server and the four services as processes, kept running, stopped in order.

Knows nothing of what they do. A killed supervisor takes them along by their tether.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import httpx
import msgspec
import structlog

from earshot import embedded, readiness
from earshot.fleet import Fleet
from earshot.keeper import Part
from earshot.lockfile import Lock, Running
from earshot.logfiles import last_lines, trim
from earshot.restarts import Policy
from earshot.text import tail
from services._runtime import keyring
from services._runtime.connection import UnavailableError, connect_once
from services._runtime.settings import Settings
from services._runtime.tether import PARENT

log = structlog.get_logger()

READY_SECONDS = 60.0
"""When a start that is not through yet is explained."""
TRIM_SECONDS = 60.0
_POLL_SECONDS = 0.1
_STOP_ORDER = ("gateway", "ingest", "llm", "context", "nats-server")

Demo = Callable[[str], Coroutine[None, None, None]]
"""Runs beside the services until cancelled; gets the gateway's address."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to start. `settings` have the port to listen on and an absolute data directory."""

    settings: Settings
    url: str
    verbose: bool = False
    policy: Policy = Policy()
    demo: Demo | None = None


class Signals:
    """A first signal asks for the end; a second Ctrl-C wants it at once.

    Only Ctrl-C: other signals may arrive twice, from a terminal that closes and from `make`.
    """

    def __init__(self) -> None:
        self.asked, self.hurry = asyncio.Event(), asyncio.Event()

    def listen(self) -> None:
        """Take the signals from here on."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTERM, self.asked.set)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(signal.SIGHUP, self.asked.set)

    def _interrupt(self) -> None:
        (self.hurry if self.asked.is_set() else self.asked).set()


class Supervisor:
    """One run of `earshot up`."""

    def __init__(self, plan: Plan, lock: Lock, signals: Signals) -> None:
        self._plan, self._lock, self._signals = plan, lock, signals
        self._logs = plan.settings.data_dir / "logs"
        self._fleet = Fleet(plan.policy, lock.handle, signals.asked)

    async def run(self, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        """Run until a signal asks for the end; `say` gets the one line when all are ready.

        Raises StartError.
        """
        running = asyncio.create_task(self._run(say, warn))
        asked = asyncio.create_task(self._signals.asked.wait())
        try:
            await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
            if self._signals.asked.is_set():
                with contextlib.suppress(OSError):  # the terminal may be what went
                    warn("Stopping; Ctrl-C again stops at once.")
        finally:
            asked.cancel()
            running.cancel()
            await asyncio.wait({running})
            await self._fleet.stop(_STOP_ORDER, self._signals.hurry)
        if not running.cancelled():
            running.result()

    async def _run(self, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._trim()
        nats_url = await self._start_log()
        keyring.master_key(self._plan.settings)  # made here, or four services would race to
        for name in readiness.SERVICES:
            self._fleet.keep(self._service(name, nats_url))
        self._lock.describe(Running(pid=os.getpid(), url=self._plan.url, nats_url=nats_url))
        await self._wait_until_ready(nats_url, warn)
        say(f"Earshot is running at {self._plan.url}")
        async with self._beside():
            while True:
                await asyncio.sleep(TRIM_SECONDS)
                self._trim()

    async def _start_log(self) -> str:
        settings = self._plan.settings
        if settings.nats_url is not None:
            await embedded.make_streams(settings.nats, patience=10)
            return settings.nats
        _, url = await embedded.start(settings.data_dir, settings.store_bytes, self._fleet.keep)
        await embedded.make_streams(url, patience=10)
        return url

    def _service(self, name: str, nats_url: str) -> Part:
        settings, verbose = self._plan.settings, self._plan.verbose
        environment = {
            "EARSHOT_NATS_URL": nats_url,
            "EARSHOT_DATA_DIR": str(settings.data_dir),
            "EARSHOT_HOST": settings.host,
            "EARSHOT_PORT": str(settings.port),
            "EARSHOT_HEALTH_PORT": "",  # one port cannot be four services'
            "EARSHOT_LOG": settings.log if "log" in settings.model_fields_set else "console",
            PARENT: str(os.getpid()),
        }
        return Part(
            name=name,
            command=(sys.executable, "-m", "earshot", "serve", name),
            environment=environment,
            log=None if verbose else self._log_file(name),
        )

    async def _wait_until_ready(self, nats_url: str, warn: Callable[[str], None]) -> None:
        end, explained = time.monotonic() + READY_SECONDS, False
        async with httpx.AsyncClient(base_url=self._plan.url, trust_env=False) as http:
            while names := await _unready(nats_url, http):
                if time.monotonic() > end and not explained:
                    explained = True
                    warn(self._explanation(names))
                await asyncio.sleep(_POLL_SECONDS)

    def _explanation(self, names: tuple[str, ...]) -> str:
        parts = [f"Not ready after {READY_SECONDS:.0f} s, still trying:"]
        for name in names:
            parts.append(f"  {name}; the end of {self._log_file(name)}:")
            parts.append(tail(last_lines(self._log_file(name), 8)))
        return "\n".join(parts)

    @contextlib.asynccontextmanager
    async def _beside(self) -> AsyncIterator[None]:
        if self._plan.demo is None:
            yield
            return
        demo = asyncio.create_task(self._plan.demo(self._plan.url))
        demo.add_done_callback(_report_demo)
        try:
            yield
        finally:
            demo.cancel()
            await asyncio.wait({demo})

    def _trim(self) -> None:
        for name in _STOP_ORDER:
            trim(self._log_file(name))

    def _log_file(self, name: str) -> Path:
        return self._logs / f"{name}.log"


async def _unready(nats_url: str, http: httpx.AsyncClient) -> tuple[str, ...]:
    try:
        nc = await connect_once(nats_url, "up")
    except UnavailableError:
        return ("nats-server",)
    try:
        return await readiness.unready(nc, http)
    finally:
        await nc.close()


def _report_demo(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("demo.failed", exc_info=error)
