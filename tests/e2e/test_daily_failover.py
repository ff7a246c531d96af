"""Two ingest services share the rooms; one of them is killed, and the other's bots go on."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from contracts.events import BotAssigned, BotReplaced, SegmentHeard, TranscriptionStarted
from tests.support.rooms import fake, invite, logged

ROOMS = 10
NOTICED_SECONDS, RUNNING_SECONDS = 15, 30


def address(number):
    return f"https://example.daily.co/room{number}"


@contextmanager
def ingest(server, directory):
    """An ingest service of its own, on a disk of its own."""
    master = base64.b64encode((server.data_dir / "master.key").read_bytes()).decode()
    environment = os.environ | {
        "EARSHOT_NATS_URL": server.url,
        "EARSHOT_DATA_DIR": str(directory),
        "EARSHOT_MASTER_KEY": master,
    }
    with subprocess.Popen([sys.executable, "-m", "services.ingest"], env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()


def bots(controller):
    """The rooms that have a bot now, each as often as it has one."""
    with controller.cond:
        return sorted(
            room
            for conn in controller.conns
            for room, clients in conn.bots.items()
            for _ in clients
        )


@pytest.mark.slow
async def test_the_bots_of_a_killed_service_run_again_elsewhere(
    server, runtime, monkeypatch, tmp_path
):
    with fake(monkeypatch) as controller:
        with ingest(server, tmp_path / "one") as one:
            for number in range(ROOMS):
                controller.join("Ann", room=address(number))
                await invite(runtime, f"s{number}", address(number), token="owner")
            for number in range(ROOMS):
                await logged(runtime, TranscriptionStarted, f"s{number}", seconds=60)
            assert bots(controller) == sorted(map(address, range(ROOMS)))
            with ingest(server, tmp_path / "two"):
                await asyncio.sleep(3)
                one.send_signal(signal.SIGKILL)
                killed = time.monotonic()
                await recovered(runtime, controller, killed)
        assert controller.problems() == []


async def recovered(runtime, controller, killed):
    """Every room has its bot again in time, and never two."""
    watching = asyncio.create_task(never_two(controller))
    for number in range(ROOMS):
        await logged(runtime, BotReplaced, f"s{number}", seconds=40)
    noticed = time.monotonic() - killed
    for number in range(ROOMS):
        await logged(runtime, TranscriptionStarted, f"s{number}", count=2, seconds=60)
    running = time.monotonic() - killed
    watching.cancel()
    assert noticed <= NOTICED_SECONDS + 5  # the last of ten
    assert running <= RUNNING_SECONDS
    for number in range(ROOMS):
        controller.speak("Ann", "still here", room=address(number))
        (heard,) = await logged(runtime, SegmentHeard, f"s{number}")
        assert heard.text == "still here"
        assert len(await logged(runtime, BotAssigned, f"s{number}", count=2)) == 2


async def never_two(controller):
    while True:
        present = bots(controller)
        assert len(present) == len(set(present))
        await asyncio.sleep(0.1)
