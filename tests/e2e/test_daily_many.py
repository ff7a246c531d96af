"""Many rooms at once on one machine, one process each: `make rooms` has fifty of them."""

import asyncio
import os
import time
from pathlib import Path

import pytest
import structlog

from contracts.commands import EndSession
from contracts.events import SegmentHeard, SessionEnded, TranscriptionStarted
from tests.support.rooms import fake, invite, logged
from tests.support.stack import running

log = structlog.get_logger()

ROOMS = int(os.environ.get("ROOMS", "8"))
LISTEN_SECONDS = 10
TICKS = 100  # of /proc a second


def address(number):
    return f"https://example.daily.co/room{number}"


def used(pid):
    """A process's memory that it shares with nobody, in MB, and its processor time in seconds."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    private = sum(
        int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_")
    )
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return private / 1024, (int(fields[11]) + int(fields[12])) / TICKS


@pytest.mark.slow
async def test_many_rooms_live_and_end(server, runtime, monkeypatch):
    with fake(monkeypatch) as controller:
        async with running(server, "ingest"):
            began = time.monotonic()
            for number in range(ROOMS):
                controller.join("Ann", room=address(number))
                await invite(runtime, f"s{number}", address(number), token="owner")
            for number in range(ROOMS):
                await logged(runtime, TranscriptionStarted, f"s{number}", seconds=150)
            started = time.monotonic() - began
            memory, idle, talking = await measured(controller)
            for number in range(ROOMS):
                await logged(runtime, SegmentHeard, f"s{number}", count=LISTEN_SECONDS)
                await runtime.publisher.enqueue(EndSession(session_id=f"s{number}"))
            for number in range(ROOMS):
                (ended,) = await logged(runtime, SessionEnded, f"s{number}", seconds=100)
                assert ended.reason == "asked"
        assert controller.problems() == []
    log.info(
        "measured", rooms=ROOMS, start_seconds=started, memory_mb=memory, idle=idle, talking=talking
    )


async def measured(controller):
    """Mean memory and processor share while nobody speaks, and while everybody does."""
    pids = [conn.pid for conn in controller.conns]
    assert len(pids) == ROOMS
    before = [used(pid) for pid in pids]
    await asyncio.sleep(LISTEN_SECONDS)
    silent = [used(pid) for pid in pids]
    loud = time.monotonic()
    for turn in range(LISTEN_SECONDS):
        for number in range(ROOMS):
            await asyncio.to_thread(
                controller.speak, "Ann", f"turn {turn}", room=address(number), interim=["turn"]
            )
    await asyncio.sleep(1)
    after, loud_seconds = [used(pid) for pid in pids], time.monotonic() - loud
    memory = sum(one[0] for one in silent) / ROOMS

    def share(early, late, seconds):
        spent = sum(b[1] - a[1] for a, b in zip(early, late, strict=True))
        return spent / ROOMS / seconds

    return memory, share(before, silent, LISTEN_SECONDS), share(silent, after, loud_seconds)
