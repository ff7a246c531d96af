"""A server and a runtime for one benchmark run, in a directory of their own. Measures nothing."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import nats
import nats.errors

import contracts
from contracts import subjects
from contracts.events import QueryAsked, SegmentHeard, SessionRequested
from contracts.queries import Health
from services._runtime import app, nats_server, provision, tether
from services._runtime.app import Runtime
from services._runtime.settings import Settings
from services.gateway import service as gateway_service

STORE_BYTES = 4 << 30
START_SECONDS = 20
ROOT = Path(contracts.__file__).parents[1]
"""Where the packages are."""
SESSION = "bench"
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

Serve = Callable[[Runtime], Coroutine[Any, Any, None]]


@asynccontextmanager
async def provisioned() -> AsyncIterator[Settings]:
    """Settings for a fresh nats-server with an empty log."""
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as directory:
        embedded = nats_server.prepare(Path(directory), STORE_BYTES)
        process = await asyncio.create_subprocess_exec(*embedded.command, stdout=subprocess.DEVNULL)
        try:
            await _listening(urlsplit(embedded.url).port or 0)
            nc = await nats.connect(embedded.url)
            await provision.provision(nc.jetstream(timeout=5))
            await nc.close()
            yield settings(embedded.url, Path(directory))
        finally:
            process.terminate()
            await process.wait()


def settings(url: str, directory: Path) -> Settings:
    """The defaults on this server, whatever the environment says of models."""
    given: dict[str, Any] = {"nats_url": url, "data_dir": directory, "openai_api_key": None}
    return Settings.model_validate(given)


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


@asynccontextmanager
async def runtime(given: Settings, service: str = "bench") -> AsyncIterator[Runtime]:
    """A connected runtime."""
    own = given.model_copy(update={"instance": os.urandom(4).hex()})
    async with app.opened(service, own, asyncio.Event()) as opened:
        yield opened


@asynccontextmanager
async def serving(given: Settings, **services: Serve) -> AsyncIterator[None]:
    """Services in this process, each with a runtime of its own."""

    async def serve(name: str, run: Serve) -> None:
        async with runtime(given, name) as own:
            await run(own)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(serve(name, run)) for name, run in services.items()]
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def apart(own: Runtime, *services: str) -> AsyncIterator[None]:
    """Services as processes of their own, with a runtime's settings and no model."""
    given, env = own.settings, {**os.environ, "PYTHONPATH": str(ROOT)}
    env |= {tether.PARENT: str(os.getpid()), "EARSHOT_NATS_URL": given.nats}
    env |= {"EARSHOT_DATA_DIR": str(given.data_dir), "OPENAI_API_KEY": ""}
    processes = []
    try:
        for name in services:
            started = asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"services.{name}"),
                env=env,
                cwd=given.data_dir,  # where no .env is
                stdout=subprocess.DEVNULL,
            )
            processes.append(await started)
        for name in services:
            await _ready(own, name)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await process.wait()


async def _ready(own: Runtime, service: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(nats.errors.NoRespondersError, nats.errors.TimeoutError):
                reply = await own.nc.request(subjects.health(service), b"", timeout=1)
                if msgspec.json.decode(reply.data, type=Health).ready:
                    return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway(own: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway in this process."""
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(opened: Runtime) -> None:
        await gateway_service.serve(opened, listening.set_result)

    async with serving(own.settings.model_copy(update={"port": 0}), gateway=serve):
        url = f"http://127.0.0.1:{await listening}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as http:
            yield http


async def session(own: Runtime, session_id: str = SESSION) -> None:
    """A session to say something in."""
    await own.keyring.create(session_id)
    await own.publisher.append(
        SessionRequested(session_id=session_id, time=START, source="recording")
    )


def segment(number: int, session_id: str = SESSION) -> SegmentHeard:
    """About 20 words, as people say between two breaths."""
    text = f"point {number}: we looked at the launch plan again and moved the beta by a week"
    return SegmentHeard(
        session_id=session_id,
        time=START + timedelta(seconds=5 * number),
        segment_id=f"seg{number}",
        start=5.0 * number,
        end=5.0 * number + 4,
        speaker=f"speaker {number % 4}",
        speaker_id=f"p{number % 4}",
        text=text,
    )


def question(number: int) -> QueryAsked:
    """A question that one segment answers."""
    return QueryAsked(
        session_id=SESSION,
        time=START,
        query_id=f"q{number}",
        task="query",
        query=f"what was point {number}?",
        deadline=datetime(2100, 1, 1, tzinfo=UTC),
    )
