"""The whole product as a user starts it: `earshot up` as a process, and its parts to be killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 60
SERVICES = ("ingest", "context", "llm", "gateway")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _parent_and_command(pid: str) -> tuple[int, str]:
    stat = Path(f"/proc/{pid}/stat").read_text()
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return int(stat.rpartition(")")[2].split()[1]), command


def descendants(root: int) -> dict[int, str]:
    """Process ids below `root` and their command lines."""
    family = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                family[int(entry.name)] = _parent_and_command(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, parents = {}, {root}
    while parents:
        children = {pid for pid, (parent, _) in family.items() if parent in parents}
        found |= {pid: family[pid][1] for pid in children}
        parents = children
    return found


class Product:
    """One running `earshot up`."""

    def __init__(self, process: subprocess.Popen, port: int, data_dir: Path) -> None:
        self.process, self.port, self.data_dir = process, port, data_dir
        self.url = f"http://127.0.0.1:{port}"

    def pids(self, part: str) -> list[int]:
        """The processes of a part: a service's name, or nats-server."""
        wanted = f"serve {part}" if part in SERVICES else "nats-server"
        return [pid for pid, line in descendants(self.process.pid).items() if wanted in line]

    def kill(self, part: str) -> None:
        """kill -9, and wait until it is gone."""
        for pid in self.pids(part):
            os.kill(pid, signal.SIGKILL)

    def alive(self) -> list[int]:
        return [pid for pid in self.family if Path(f"/proc/{pid}").exists() and not _zombie(pid)]

    def remember_family(self) -> None:
        self.family = list(descendants(self.process.pid))

    def stop(self, number=signal.SIGTERM, seconds=30) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in (self.data_dir / "logs").glob("*"))


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@contextmanager
def up(data_dir: Path, *flags: str, **environment: str):
    """Start `earshot up`, wait for its one line, stop it at the end."""
    port = free_port()
    command = [sys.executable, "-m", "earshot", "up", "--port", str(port), *flags]
    command += ["--data-dir", str(data_dir)]
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("EARSHOT_", "OPENAI_", "DAILY_"))
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean | environment)
    product = Product(process, port, data_dir)
    try:
        line = _first_line(process)
        assert line == f"Earshot is running at {product.url}\n", line + product.logs()
        product.remember_family()
        yield product
    finally:
        try:
            product.stop()
        finally:
            process.kill()
            process.stdout.close()


def _first_line(process: subprocess.Popen) -> str:
    os.set_blocking(process.stdout.fileno(), False)
    end, line = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < end and not line.endswith("\n") and process.poll() is None:
        line += process.stdout.readline() or ""
        time.sleep(0.05)
    return line


class Api:
    """The few calls the tests make."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=url, timeout=90)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def patient(self, method, path, **given) -> httpx.Response:
        """Repeat while nobody answers or the gateway says that it cannot now."""
        async with asyncio.timeout(120):
            while True:
                try:
                    reply = await self.http.request(method, path, **given)
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
                    continue
                if reply.status_code != 503:
                    return reply
                await asyncio.sleep(0.2)

    async def play(self, data: bytes, mode="replay", speed="max", **session) -> str:
        """Create a session and upload a recording into it."""
        made = await self.patient("POST", "/v1/sessions", json={"source": "recording"} | session)
        assert made.status_code == 201, made.text
        session_id = made.json()["session_id"]
        path = f"/v1/sessions/{session_id}/recording?mode={mode}&speed={speed}"
        attached = await self.patient("PUT", path, content=data)
        assert attached.status_code == 202, attached.text
        return session_id

    async def session(self, session_id: str) -> dict:
        return (await self.patient("GET", f"/v1/sessions/{session_id}")).json()

    async def ended(self, session_id: str, seconds=60) -> dict:
        async with asyncio.timeout(seconds):
            while (view := await self.session(session_id))["status"] not in {"ended", "failed"}:
                await asyncio.sleep(0.1)
        return view

    async def transcript(self, session_id: str) -> dict:
        return (await self.patient("GET", f"/v1/sessions/{session_id}/transcript.json")).json()

    async def ask(self, session_id: str, query: str, **more) -> httpx.Response:
        path = f"/v1/sessions/{session_id}/query"
        return await self.http.post(path, json={"query": query} | more)

    async def state(self, session_id: str) -> str:
        """The digest of the folded context."""
        reply = await self.patient("GET", f"/v1/sessions/{session_id}/context")
        assert reply.status_code == 200, reply.text
        return reply.headers["etag"]

    async def recording(self, session_id: str) -> bytes:
        accept = {"accept": "application/jsonl"}
        reply = await self.patient("GET", f"/v1/sessions/{session_id}/events", headers=accept)
        assert reply.status_code == 200, reply.text
        return reply.content
