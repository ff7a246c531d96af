"""Processes that end with their parent, and the embedded server among them."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services._runtime import nats_server, tether
from services._runtime.nats_server import MissingServerError
from tests.support.nats import STORE_BYTES, Server

BOUND = """
import os, sys, time
from services._runtime import tether
tether.bind(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(60)
"""

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
time.sleep(60)
"""

SUPERVISOR = """
import subprocess, sys, time
from pathlib import Path
from services._runtime import nats_server
embedded = nats_server.prepare(Path(sys.argv[1]), 1 << 30)
child = subprocess.Popen(embedded.command)
print(child.pid, embedded.url, flush=True)
time.sleep(60)
"""


def started(*command):
    return subprocess.Popen(
        [sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends; a zombie that nobody reaped has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_bound_process_ends_when_its_parent_is_killed():
    with started(PARENT, BOUND) as parent:
        child = int(parent.stdout.readline())
        assert not gone(child, 0.3)
        parent.kill()
        assert gone(child)


def test_a_process_bound_to_a_parent_that_is_gone_ends_at_once():
    with started(BOUND, "1") as child:
        assert child.wait(10) == -signal.SIGKILL
        assert child.stdout.read() == ""


def test_the_launcher_becomes_its_program(tmp_path):
    command = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid())]
    code = "import os; print(os.getpid(), *open('/proc/self/cmdline').read().split('\\0')[:2])"
    with subprocess.Popen(
        [*command, sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.read().split() == [str(child.pid), sys.executable, "-c"]
    assert child.returncode == 0


async def answers(url: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port), 1):
            return True
    except OSError:
        return False


async def listening(url: str):
    async with asyncio.timeout(20):
        while not await answers(url):
            await asyncio.sleep(0.05)


async def test_the_embedded_server_ends_when_whoever_started_it_is_killed(tmp_path):
    with started(SUPERVISOR, str(tmp_path)) as supervisor:
        pid, url = (await asyncio.to_thread(supervisor.stdout.readline)).split()
        await listening(url)
        supervisor.kill()
        assert await asyncio.to_thread(gone, int(pid))
    assert not await answers(url)


async def test_the_embedded_server_is_private(tmp_path):
    server = Server(tmp_path)
    await server.start()
    try:
        address = urlsplit(server.url)
        command, environment = about(server.process.pid)
        assert "nats-server" in command
        assert len(address.password) >= 24
        assert address.password not in command + environment
        config = tmp_path / "nats" / "nats.conf"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
        for login in ({}, {"user": "earshot", "pass": "wrong"}):
            assert "Authorization Violation" in await asyncio.to_thread(
                said_to, address.port, login
            )
        assert others_reach(address.port) == []
    finally:
        server.stop()


def about(pid: int) -> tuple[str, str]:
    """A process's command line and environment."""
    process = Path(f"/proc/{pid}")
    return (process / "cmdline").read_text(), (process / "environ").read_text()


def said_to(port: int, login: dict[str, str]) -> str:
    """What the server says to a client that introduces itself so."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"CONNECT " + json.dumps(login | {"verbose": False}).encode() + b"\r\n")
        client.sendall(b"PING\r\n")
        said = b""
        while b"-ERR" not in said and b"PONG" not in said:
            said += client.recv(4096)
        return said.decode()


def others_reach(port: int) -> list[str]:
    """Addresses beyond loopback that listen at the port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, number = address.split(":")
            if state == "0A" and int(number, 16) == port and host != "0100007F":
                found.append(host)
    return found


async def test_a_second_preparation_changes_the_password_and_keeps_the_log(tmp_path):
    first = Server(tmp_path)
    await first.start()
    await first.provision()
    first.stop()
    second = Server(tmp_path)
    assert second.url != first.url
    await second.start()
    try:
        async with second.runtime() as runtime:
            assert (await runtime.js.stream_info("MEETINGS")).config.name == "MEETINGS"
    finally:
        second.stop()


def test_the_configuration_is_exact_about_paths_and_limits(tmp_path):
    odd = tmp_path / 'odd "name" # {x}'
    embedded = nats_server.prepare(odd, STORE_BYTES, port=4567)
    config = json.loads((odd / "nats" / "nats.conf").read_text())
    assert config["listen"] == "127.0.0.1:4567"
    assert config["jetstream"]["store_dir"] == str(odd / "nats" / "store")
    assert config["jetstream"]["max_file_store"] == STORE_BYTES
    assert urlsplit(embedded.url).port == 4567


async def test_the_server_starts_below_an_oddly_named_directory(tmp_path):
    server = Server(tmp_path / 'odd "name" # {x}')
    await server.start()
    server.stop()
    assert (tmp_path / 'odd "name" # {x}' / "nats" / "nats.log").exists()


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(nats_server.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(MissingServerError, match="EARSHOT_NATS_URL"):
        nats_server.prepare(tmp_path, STORE_BYTES)
