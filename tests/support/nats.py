"""A real nats-server for each test that asks: its own directory, killed and restarted at will."""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nats
import pytest

from services._runtime import app, nats_server, provision
from services._runtime.settings import Settings

STORE_BYTES = 1 << 30


class Server:
    """An embedded server under the test's control."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.embedded = nats_server.prepare(data_dir, STORE_BYTES)
        self.process = None

    @property
    def url(self) -> str:
        return self.embedded.url

    async def start(self) -> None:
        self.process = subprocess.Popen(self.embedded.command)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.url).port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
        raise AssertionError("nats-server did not start")

    def kill(self) -> None:
        """kill -9, as an out-of-memory killer would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(10)

    def settings(self, **fields) -> Settings:
        given = {"nats_url": self.url, "data_dir": self.data_dir, "instance": "test"}
        return Settings(_env_file=None, **(given | fields))

    @asynccontextmanager
    async def runtime(self, service="test", **fields):
        """A connected runtime, as a service gets it."""
        async with app.opened(service, self.settings(**fields), asyncio.Event()) as opened:
            yield opened

    async def provision(self) -> None:
        nc = await nats.connect(self.url)
        try:
            await provision.provision(nc.jetstream(timeout=5))
        finally:
            await nc.close()


@pytest.fixture
async def server(tmp_path):
    """A provisioned server with an empty log."""
    running = Server(tmp_path)
    await running.start()
    await running.provision()
    yield running
    running.stop()


@pytest.fixture
async def runtime(server):
    """A connected runtime on a fresh server."""
    async with server.runtime() as opened:
        yield opened
