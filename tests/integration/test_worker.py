"""The work queue on a real nats-server: done once where it can be, never lost, never stuck."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import nats.errors
import pytest
from nats.js.errors import NotFoundError

from contracts import codec, streams, subjects
from contracts.commands import CompactContext, EndSession
from services._runtime import taking, worker
from services._runtime.connection import UnavailableError
from services._runtime.worker import TransientError, Worker

EVERYTHING = "dead.>"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Short waits; a worker taken for dead after a second and a half."""
    monkeypatch.setattr(worker, "RETRY_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(worker, "ACK_WAIT_SECONDS", 1.5)
    monkeypatch.setattr(taking, "FETCH_SECONDS", 0.2)


@asynccontextmanager
async def working(runtime, handler, command_type=EndSession, **options):
    """A worker that runs; an error in it fails the test."""
    async with asyncio.TaskGroup() as group:
        own = Worker(runtime.js, runtime.keyring, command_type, handler, **options)
        task = group.create_task(own.run())
        yield own
        task.cancel()


async def wanted(runtime, count=1):
    """`count` sessions whose end is asked for."""
    names = [f"s{number}" for number in range(count)]
    for name in names:
        await runtime.keyring.create(name)
        await runtime.publisher.enqueue(EndSession(session_id=name))
    return names


async def left(runtime, stream=streams.JOBS) -> int:
    return (await runtime.js.stream_info(stream.name)).state.messages


async def settled(runtime, seconds=15):
    """Wait until the queue is empty."""
    async with asyncio.timeout(seconds):
        while await left(runtime):
            await asyncio.sleep(0.05)


class Log:
    """A handler that remembers what it was given."""

    def __init__(self, *errors, seconds=0.0):
        self.done, self.errors, self.seconds = [], list(errors), seconds

    async def __call__(self, job):
        await asyncio.sleep(self.seconds)
        self.done.append((job.session_id, self.names.count(job.session_id) + 1))
        if self.errors:
            raise self.errors.pop(0)

    @property
    def names(self):
        return [name for name, _ in self.done]


async def test_two_workers_share_the_work_and_each_command_is_done_once(server, runtime):
    names = await wanted(runtime, 40)
    one, other = Log(seconds=0.02), Log(seconds=0.02)
    async with (
        server.runtime("other") as second,
        working(runtime, one, concurrency=2),
        working(second, other, concurrency=2),
    ):
        await settled(runtime)
    assert sorted(one.names + other.names) == sorted(names)
    assert min(len(one.done), len(other.done)) > 5


async def test_no_more_is_done_at_once_than_was_agreed(runtime):
    running = most = 0

    async def handle(job):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1

    await wanted(runtime, 12)
    async with working(runtime, handle, concurrency=3):
        await settled(runtime)
    assert most == 3


HOLDER = """
import asyncio, sys
from services._runtime import worker
from services._runtime.app import opened
from services._runtime.settings import Settings
from contracts.commands import EndSession

async def main(url, directory):
    worker.ACK_WAIT_SECONDS = 1.5
    given = Settings(_env_file=None, nats_url=url, data_dir=directory)
    async with opened("holder", given, asyncio.Event()) as own:
        async def hold(job):
            print("holding", flush=True)
            await asyncio.sleep(60)
        await worker.Worker(own.js, own.keyring, EndSession, hold).run()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_command_of_a_worker_that_vanished_is_given_on(server, runtime):
    command = [sys.executable, "-c", HOLDER, server.url, str(server.data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        await wanted(runtime)
        assert await asyncio.to_thread(holder.stdout.readline) == "holding\n"
        log = Log()
        async with working(runtime, log):
            await asyncio.sleep(2)
            assert log.done == []  # held as long as it is heard of
            holder.kill()
            await settled(runtime)
    assert log.names == ["s0"]


async def test_long_work_is_not_given_to_another(server, runtime):
    await wanted(runtime)
    slow, other = Log(seconds=2.5), Log(seconds=2.5)
    async with server.runtime("other") as second, working(runtime, slow), working(second, other):
        await settled(runtime)
    assert slow.done + other.done == [("s0", 1)]


async def test_a_worker_that_stops_gives_its_command_back(server, runtime):
    await wanted(runtime)
    begun = asyncio.Event()

    async def hold(job):
        begun.set()
        await asyncio.sleep(60)

    async with working(runtime, hold):
        await begun.wait()
    log = Log()
    began = asyncio.get_running_loop().time()
    async with working(runtime, log):
        await settled(runtime)
    assert log.names == ["s0"]
    assert asyncio.get_running_loop().time() - began < worker.ACK_WAIT_SECONDS


PASSING = [
    TransientError("later"),
    UnavailableError("away"),
    nats.errors.TimeoutError(),
    NotFoundError(),
    ConnectionResetError(),
    TimeoutError(),
]


async def test_an_error_that_passes_does_not_end_a_command(runtime):
    await wanted(runtime)
    log, given_up = Log(*PASSING, *PASSING), []

    async def give_up(job):
        given_up.append(job)

    async with working(runtime, log, given_up=give_up):
        await settled(runtime)
    assert [tries for _, tries in log.done] == list(range(1, 14))
    assert given_up == []
    assert await left(runtime, streams.DEAD) == 0


async def dead(runtime):
    """The dead letter, once there is one and the queue is empty."""
    await settled(runtime)
    return await runtime.js.get_last_msg(streams.DEAD.name, EVERYTHING)


@pytest.mark.parametrize(
    ("error", "most"), [(KeyError("x"), 3), (TransientError(), 6)], ids=["bug", "passing"]
)
async def test_each_kind_of_error_has_its_own_patience(runtime, monkeypatch, error, most):
    monkeypatch.setattr(worker, "MAX_DELIVERIES", 3)
    monkeypatch.setattr(worker, "TRANSIENT_DELIVERIES", 6)
    await wanted(runtime)
    log = Log(*[error] * 20)
    async with working(runtime, log):
        letter = await dead(runtime)
    assert len(log.done) == most
    assert letter.headers["Earshot-Reason"] == type(error).__name__
    assert letter.headers["Earshot-Subject"] == "jobs.EndSession.s0"
    key = await runtime.keyring.key("s0")
    assert codec.jobs.decode(codec.unseal(letter.data, key)) == EndSession(session_id="s0")


async def test_a_command_that_kills_its_workers_is_given_up_untried(runtime, monkeypatch):
    monkeypatch.setattr(worker, "TRANSIENT_DELIVERIES", 0)
    await wanted(runtime)
    log = Log()
    async with working(runtime, log):
        letter = await dead(runtime)
    assert log.done == []
    assert letter.headers["Earshot-Reason"] == "delivered too often"


async def test_giving_up_may_fail_and_stops_nothing(runtime, monkeypatch):
    monkeypatch.setattr(worker, "MAX_DELIVERIES", 1)
    await wanted(runtime, 3)
    failures = [TransientError(), RuntimeError(), UnavailableError()]
    told = []

    async def give_up(job):
        told.append(job.session_id)
        if failures:
            raise failures.pop(0)

    async with working(runtime, Log(*[KeyError()] * 20), given_up=give_up, concurrency=1):
        await settled(runtime)
    assert await left(runtime, streams.DEAD) == 3
    assert sorted(set(told)) == ["s0", "s1", "s2"]
    assert len(told) == 5


async def test_work_goes_on_when_the_server_is_killed_under_it(server, runtime):
    names = await wanted(runtime, 30)
    log = Log(seconds=0.3)
    async with working(runtime, log, concurrency=4):
        for _ in range(2):
            await asyncio.sleep(0.4)
            server.kill()
            await asyncio.sleep(0.3)
            await server.start()
        await settled(runtime, 30)
    assert set(log.names) == set(names)
    assert len(log.done) < 45
    assert await left(runtime, streams.DEAD) == 0


async def test_what_runs_while_the_server_goes_runs_to_its_end(server, runtime):
    """A broken fetch is no reason to break off the work: a model's answer is paid for by then."""
    await wanted(runtime)
    cancelled = []

    async def handle(job):
        try:
            await asyncio.sleep(2)
        except asyncio.CancelledError:
            cancelled.append(job)
            raise

    async with working(runtime, handle):
        await asyncio.sleep(0.5)
        await runtime.js.delete_consumer(streams.JOBS.name, "work-EndSession")
        await asyncio.sleep(2.5)
        assert cancelled == []


async def made_again(runtime):
    """Wait until the worker noticed that its consumer is gone."""
    async with asyncio.timeout(5):
        while True:
            try:
                await runtime.js.consumer_info(streams.JOBS.name, "work-EndSession")
            except NotFoundError:
                await asyncio.sleep(0.05)
                continue
            return


async def test_a_consumer_that_was_deleted_is_made_again(runtime):
    log = Log()
    async with working(runtime, log):
        await wanted(runtime)
        await settled(runtime)
        subscriptions = len(runtime.nc._subs)
        for _ in range(3):
            await runtime.js.delete_consumer(streams.JOBS.name, "work-EndSession")
            await made_again(runtime)
        await runtime.keyring.create("t")
        await runtime.publisher.enqueue(EndSession(session_id="t"))
        await settled(runtime)
        assert len(runtime.nc._subs) <= subscriptions + 1
    assert set(log.names) == {"s0", "t"}


async def put_raw(runtime, body, subject="jobs.EndSession.s0"):
    await runtime.js.publish(subject, body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"garbage", "SealedMessageError"),
        (b"", "SealedMessageError"),
        (b"[]", "MalformedMessageError"),
        (b'{"type":"EndSession"}', "MalformedMessageError"),
        (b'{"type":"EndSession","session_id":5}', "MalformedMessageError"),
        (
            b'{"type":"PlayRecording","session_id":"s0","recording_id":"r","mode":"import"}',
            "PlayRecording under this subject",
        ),
    ],
)
async def test_what_nobody_can_do_is_put_aside_at_once_with_a_reason(runtime, body, reason):
    key = await runtime.keyring.create("s0")
    sealed = body if reason == "SealedMessageError" else codec.seal(body, key)
    await put_raw(runtime, sealed)
    log = Log()
    async with working(runtime, log):
        letter = await dead(runtime)
    assert log.done == []
    assert letter.headers["Earshot-Reason"] == reason
    assert letter.headers["Earshot-Subject"] == "jobs.EndSession.s0"
    assert (letter.data or b"") == sealed


async def test_the_command_of_an_erased_session_is_forgotten(runtime):
    await put_raw(runtime, b"anything")
    async with working(runtime, Log()):
        await settled(runtime)
    assert await left(runtime, streams.DEAD) == 0


async def test_a_newer_type_is_left_for_a_newer_worker(runtime, monkeypatch):
    monkeypatch.setattr(worker, "RETRY_SECONDS", (0.05, 0.5))
    key = await runtime.keyring.create("s0")
    await put_raw(runtime, codec.seal(b'{"type":"Newer","session_id":"s0"}', key))
    opened = []
    decode = codec.jobs.decode
    monkeypatch.setattr(codec.jobs, "decode", lambda data: (opened.append(1), decode(data))[1])
    log = Log()
    async with working(runtime, log):
        await asyncio.sleep(1.8)
        await wanted(runtime, 1)
        async with asyncio.timeout(5):
            while not log.done:
                await asyncio.sleep(0.05)
    assert 3 <= len(opened) <= 6  # about twice a second, and the other command
    assert await left(runtime) == 1
    assert await left(runtime, streams.DEAD) == 0


async def test_workers_of_one_type_leave_the_others_alone(runtime):
    await wanted(runtime)
    log = Log()
    async with working(runtime, log, CompactContext):
        await asyncio.sleep(0.5)
    assert log.done == []
    assert await left(runtime) == 1


async def test_a_letter_too_large_for_its_headers_is_dropped_aloud(runtime, capsys):
    """The command itself just fitted."""
    await runtime.keyring.create("s0")
    subject = subjects.job(EndSession(session_id="s0"))
    await put_raw(runtime, bytes(runtime.nc.max_payload), subject)
    async with working(runtime, Log()):
        await settled(runtime)
    assert await left(runtime, streams.DEAD) == 0
    assert "job.dropped" in capsys.readouterr().out


async def test_a_finished_command_whose_ack_got_lost_is_no_failure(server, runtime, monkeypatch):
    monkeypatch.setattr(worker, "MAX_DELIVERIES", 1)
    await wanted(runtime)
    given_up, done = [], []

    async def handle(job):
        done.append(len(done) + 1)
        if done == [1]:
            server.kill()

    async def give_up(job):
        given_up.append(job)

    async with working(runtime, handle, given_up=give_up):
        while not done:
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)
        await server.start()
        await settled(runtime)
    assert done == [1, 2]
    assert given_up == []
    assert await left(runtime, streams.DEAD) == 0
