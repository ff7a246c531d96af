"""Processes kept running and stopped in order, with small stand-ins for the services."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from earshot import addresses, lockfile, logfiles
from earshot.addresses import AddressError
from earshot.fleet import Fleet
from earshot.keeper import Keeper, Part
from earshot.lockfile import Running, TakenError
from earshot.restarts import Policy

QUICK = Policy(first=0.02, longest=0.1, healthy=30, alarming=3)

HEARKENS = """
import pathlib, signal, sys, time
def stop(*_):
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[1] + sys.argv[2]).touch()
time.sleep(60)
"""
DEAF = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1] + sys.argv[2]).touch()
time.sleep(60)
"""


class Stage:
    """Stand-ins that say in one file that they were asked to stop."""

    def __init__(self, directory) -> None:
        self.directory, self.book = directory, directory / "book"
        self.hurry, self.fault = asyncio.Event(), asyncio.Event()
        self.fleet = Fleet(QUICK, os.open(directory / "handle", os.O_CREAT), self.fault)

    def part(self, name, program=HEARKENS):
        return Part(
            name=name,
            command=(sys.executable, "-c", program, str(self.book), name),
            log=self.directory / f"{name}.log",
        )

    async def keep(self, name, program=HEARKENS):
        keeper = self.fleet.keep(self.part(name, program))
        await self.until(self.started(name).exists)
        return keeper

    def started(self, name):
        return self.book.with_name(self.book.name + name)

    async def until(self, check):
        end = time.monotonic() + 20
        while not check():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    async def stop(self, *order, patience=10.0):
        began = time.monotonic()
        await self.fleet.stop(order, self.hurry, patience)
        return time.monotonic() - began


@pytest.fixture
async def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.hurry.set()
    await made.stop(*(keeper.part.name for keeper in made.fleet._keepers))
    os.close(made.fleet._handle)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_process_is_started_again(stage):
    keeper = await stage.keep("a")
    for _ in range(3):
        stage.started("a").unlink()
        os.kill(keeper.pid, signal.SIGKILL)
        await stage.until(stage.started("a").exists)
    assert keeper.deaths.in_row == 3


async def test_processes_stop_in_the_order_given_whatever_the_order_of_starting(stage):
    for name in ("c", "a", "b"):
        await stage.keep(name)
    await stage.stop("a", "b", "c")
    assert stage.book.read_text().split() == ["a", "b", "c"]


async def test_who_does_not_stop_is_forced_after_the_deadline(stage):
    keeper = await stage.keep("a", DEAF)
    pid = keeper.pid
    assert 0.3 <= await stage.stop("a", patience=0.3) < 5
    assert not alive(pid)


async def test_a_second_ctrl_c_does_not_wait(stage):
    await stage.keep("a", DEAF)
    await stage.keep("b", DEAF)
    asyncio.get_running_loop().call_later(0.1, stage.hurry.set)
    assert await stage.stop("a", "b") < 5


async def test_a_stopped_process_is_not_started_again(stage):
    keeper = await stage.keep("a")
    await stage.stop("a")
    stage.started("a").unlink()
    await asyncio.sleep(0.2)
    assert keeper.pid is None
    assert not stage.started("a").exists()


async def test_stopping_between_two_lives_does_not_wait_for_the_pause(stage):
    patient = Policy(first=60, longest=60)
    keeper = Keeper(Part(name="a", command=(sys.executable, "-c", "")), patient)
    keeper.start()
    await stage.until(lambda: keeper.deaths.in_row)
    await asyncio.wait_for(keeper.stop(asyncio.Event()), 5)


async def test_a_program_that_is_not_there_is_tried_again(stage):
    keeper = stage.fleet.keep(Part(name="a", command=("/nowhere/at-all",)))
    await stage.until(lambda: keeper.deaths.in_row >= 3)


async def test_what_a_process_left_behind_ends_with_it(stage, tmp_path):
    program = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "child")!r}, "w").write(f"{{child.pid}}\\n")
time.sleep(60)
"""
    keeper = stage.fleet.keep(stage.part("a", program))
    path = tmp_path / "child"
    await stage.until(lambda: path.exists() and path.read_text().endswith("\n"))
    left = int(path.read_text())
    os.kill(keeper.pid, signal.SIGKILL)
    await stage.until(lambda: keeper.deaths.in_row)
    await stage.until(lambda: not alive(left) or _is_zombie(left))


def _is_zombie(pid):
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return shown.stdout.strip().startswith(b"Z") or not shown.stdout.strip()


async def test_output_goes_to_the_log_file_of_the_process(stage):
    stage.fleet.keep(stage.part("a", "import sys; print('out'); sys.exit('err')"))
    await stage.until(lambda: len(logfiles.last_lines(stage.directory / "a.log", 9)) >= 4)
    assert set(logfiles.last_lines(stage.directory / "a.log", 4)) == {"out", "err"}


def test_a_grown_log_is_put_aside_and_its_writer_writes_on(tmp_path):
    path = tmp_path / "a.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"old" * 100)
        logfiles.trim(path, 1000)
        assert path.stat().st_size == 300
        logfiles.trim(path, 100)
        writer.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert path.with_name("a.log.1").stat().st_size == 300


def test_the_end_of_a_missing_log_is_empty(tmp_path):
    assert logfiles.last_lines(tmp_path / "none.log", 5) == []


def test_a_second_up_is_refused_and_told_who_is_there(tmp_path):
    with lockfile.held(tmp_path) as lock:
        lock.describe(Running(pid=os.getpid(), url="http://here"))
        assert lockfile.running(tmp_path) == Running(pid=os.getpid(), url="http://here")
        with pytest.raises(TakenError, match=str(os.getpid())), lockfile.held(tmp_path):
            pass
    assert lockfile.running(tmp_path) is None
    with lockfile.held(tmp_path):
        pass


def test_a_successor_waits_for_the_processes_of_a_killed_up(tmp_path):
    program = f"""
import os, subprocess, sys, time
from pathlib import Path
from earshot import lockfile
with lockfile.held(Path({str(tmp_path)!r})) as lock:
    child = "import time; time.sleep(1)"
    subprocess.Popen([sys.executable, "-c", child], pass_fds=(lock.handle,))
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as first:
        first.stdout.readline()
        first.kill()
    began = time.monotonic()
    with lockfile.held(tmp_path):
        assert time.monotonic() - began > 0.5


def test_a_directory_nobody_holds_runs_nothing(tmp_path):
    assert lockfile.running(tmp_path / "none") is None


def test_a_port_in_use_is_named_with_what_to_do():
    port = addresses.free_port("127.0.0.1", 0)
    assert addresses.free_port("127.0.0.1", port) == port
    taken = pytest.raises(AddressError, match=f"Port {port} is in use.*--port")
    with socket.create_server(("127.0.0.1", port)), taken:
        addresses.free_port("127.0.0.1", port)
    with pytest.raises(AddressError, match="Cannot listen"):
        addresses.free_port("192.0.2.1", port)
