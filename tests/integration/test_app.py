"""How a service starts and stops, as a process."""

import asyncio
import signal
import socket
import subprocess
import sys

import httpx
import pytest

SERVICE = """
import asyncio, os
from services._runtime import settings
from services._runtime.app import run

async def serve(runtime):
    print("serving", flush=True)
    if os.environ.get("FAIL"):
        raise RuntimeError("the launch code is marzipan")
    try:
        await asyncio.Event().wait()
    finally:
        await runtime.nc.publish("bye", b"")
        print("finished", flush=True)

run("test", settings.load(), serve)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def service(tmp_path, monkeypatch):
    """Starts a small service on a NATS address; what still runs at the end is killed."""
    running = []

    def start(url, **environment):
        monkeypatch.setenv("EARSHOT_NATS_URL", url)
        monkeypatch.setenv("EARSHOT_DATA_DIR", str(tmp_path))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVICE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


async def serving(process):
    assert await asyncio.to_thread(process.stdout.readline) == "serving\n"


async def ended(process, seconds=12):
    """Exit status, output and log."""
    output, errors = await asyncio.to_thread(process.communicate, None, seconds)
    return process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_service_in_order(server, service, number):
    process = service(server.url)
    await serving(process)
    process.send_signal(number)
    status, output, errors = await ended(process)
    assert (status, output) == (0, "finished\n")
    assert '"service.stops"' in errors


async def test_a_service_stops_in_order_though_nats_is_away(server, service):
    process = service(server.url)
    await serving(process)
    server.kill()
    await asyncio.sleep(0.5)
    process.terminate()
    status, output, _ = await ended(process)
    assert (status, output) == (0, "finished\n")


async def test_a_service_stops_in_order_though_nats_hangs(server, service):
    process = service(server.url)
    await serving(process)
    server.process.send_signal(signal.SIGSTOP)
    try:
        process.terminate()
        status, output, _ = await ended(process)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (status, output) == (0, "finished\n")


async def test_a_service_that_waits_for_nats_can_be_stopped(service):
    process = service(f"nats://127.0.0.1:{free_port()}")
    await asyncio.sleep(2.5)
    assert process.poll() is None
    process.terminate()
    _, output, errors = await ended(process, 3)
    assert output == ""
    assert 0 < errors.count("nats.error") < 4  # told, and not four times a second


async def test_a_service_that_waits_for_nats_serves_once_it_comes(server, service):
    server.kill()
    process = service(server.url)
    await asyncio.sleep(1.5)
    await server.start()
    await asyncio.wait_for(serving(process), 10)


async def test_what_ends_a_service_ends_the_process(server, service):
    process = service(server.url, FAIL="1")
    await serving(process)
    status, _, _ = await ended(process)
    assert status == 1


async def test_readiness_follows_nats(server, service):
    port = free_port()
    process = service(server.url, EARSHOT_HEALTH_PORT=str(port))
    await serving(process)

    async def status(path):
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"http://127.0.0.1:{port}/health/{path}")).status_code
            except httpx.TransportError:
                return None

    async def becomes(wanted):
        async with asyncio.timeout(10):
            while await status("ready") != wanted:
                await asyncio.sleep(0.1)

    await becomes(200)
    assert await status("live") == 204
    server.kill()
    await becomes(503)
    assert await status("live") == 204
    await server.start()
    await becomes(200)


async def test_a_broker_whose_server_is_gone_ends_without_an_error(server):
    async with server.runtime() as own:
        own.broker.subscriber("asked")(lambda message: None)
        await own.broker.start()
        client = await own.broker.connect()

        async def gone(*_, **__):
            raise ConnectionResetError

        client._send_unsubscribe = gone
    assert client.is_closed
