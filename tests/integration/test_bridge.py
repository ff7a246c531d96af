"""App messages in, commands for the bot out, on a real nats-server: each answer comes once."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from contracts.events import AppMessageReceived, CommandRequested, ParticipantJoined
from services._runtime.clock import now
from services._runtime.connection import UnavailableError
from services._runtime.keyring import KeyGoneError
from services.gateway.bridge import listening, protocol, rights, service
from tests.support.facts import heard, requested, started
from tests.support.gateway import answered, answering, failed, gateway
from tests.support.stack import until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A bridge taken for dead after a second and a half; short waits."""
    monkeypatch.setattr(listening, "ACK_WAIT_SECONDS", 1.5)
    monkeypatch.setattr(listening, "RETRY_SECONDS", (0.05, 0.1))


@asynccontextmanager
async def bridging(server, count=1, **settings):
    """Bridges with a connection each; yields their runtimes. An error in one fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks, ready = [], []
        for number in range(count):
            opened = asyncio.get_running_loop().create_future()
            ready.append(opened)
            tasks.append(group.create_task(_bridge(server, f"b{number}", opened, settings)))
        yield [await one for one in ready]
        for task in tasks:
            task.cancel()


async def _bridge(server, name, opened, settings):
    async with server.runtime("gateway", instance=name, **settings) as runtime:
        opened.set_result(runtime)
        await service.serve(runtime, now)


async def session(runtime, session_id="s1", owners=("p1",), segments=0):
    """A live session with its owners in the room."""
    await runtime.keyring.create(session_id)
    await runtime.publisher.append(requested(session_id, source="daily"))
    await runtime.publisher.append(started(session_id))
    for one in owners:
        await runtime.publisher.append(
            ParticipantJoined(
                session_id=session_id, time=now(), participant_id=one, name="Ada", owner=True
            )
        )
    for number in range(segments):
        await runtime.publisher.append(heard(number, session_id=session_id))


def sends(number, task="query", sender="p1", session_id="s1", **fields):
    """A message to the assistant; `time` and `said` are its own."""
    own = {name: fields.pop(name) for name in ("time", "copied_from") if name in fields}
    said = fields.pop("said", {"kind": "assist", "task": task} | fields)
    facts = {"session_id": session_id, "bot_id": "bot1", "number": number, "sender_id": sender}
    return AppMessageReceived(**{"time": now()} | facts | own, message=said)


async def commands(runtime, session_id="s1"):
    """What the bot was told to send, in order: recipient and message."""
    log = await runtime.log.read(session_id)
    found = [event for _, event in log if isinstance(event, CommandRequested)]
    assert len({one.command_id for one in found}) == len(found)
    return [(one.command.to, one.command.message) for one in found]


async def replies(runtime, count=1, session_id="s1"):
    """The replies once there are `count`, and that no more follow."""

    async def enough():
        return len(await commands(runtime, session_id)) >= count

    await until(enough)
    await asyncio.sleep(0.3)
    found = await commands(runtime, session_id)
    assert len(found) == count
    return found


async def promptly(asked):
    return answered(asked, answer=f"To {asked.query}.")


async def test_a_question_from_the_room_is_answered_to_its_asker(server, runtime):
    await session(runtime)
    async with bridging(server), answering(runtime, promptly) as seen:
        await runtime.publisher.append(sends(1, query="Who?"))
        assert await replies(runtime) == [("p1", {"kind": "ai-query", "data": "To Who?."})]
    (asked,) = seen
    assert (asked.asked_by, asked.broadcast, asked.task) == ("p1", False, "query")
    assert timedelta(seconds=50) < asked.deadline - now() < timedelta(seconds=55)


async def test_a_question_to_all_is_answered_to_all_and_again_to_who_comes_late(server, runtime):
    await session(runtime)
    async with bridging(server), answering(runtime, promptly):
        await runtime.publisher.append(sends(1, query="Who?", broadcast=True))
        assert await replies(runtime) == [(None, {"kind": "ai-query", "data": "To Who?."})]
        await runtime.publisher.append(sends(2, "latest", sender="late"))
        assert (await replies(runtime, 2))[1] == ("late", {"kind": "ai-query", "data": "To Who?."})


async def test_only_owners_ask_unless_everybody_may(server, runtime):
    await session(runtime)
    async with bridging(server), answering(runtime, promptly):
        await runtime.publisher.append(sends(1, query="Who?", sender="p2"))
        assert await replies(runtime) == [("p2", {"kind": "ai-query", "error": rights.REFUSED})]
    async with bridging(server, ask="everybody"), answering(runtime, promptly):
        await runtime.publisher.append(sends(2, query="Who?", sender="p2"))
        assert (await replies(runtime, 2))[1] == ("p2", {"kind": "ai-query", "data": "To Who?."})


async def test_a_failure_is_told_in_a_sentence(server, runtime):
    await session(runtime)

    async def never(asked):
        return failed(asked, "unavailable")

    async with bridging(server), answering(runtime, never):
        await runtime.publisher.append(sends(1, query="Who?", broadcast=True))
        ((to, said),) = await replies(runtime)
    assert (to, said["kind"]) == ("p1", "ai-query")
    assert said["error"].startswith("the model is not available")


async def test_who_asks_too_often_is_told_once(server, runtime):
    await session(runtime)
    async with bridging(server, 2):
        for number in range(9):
            await runtime.publisher.append(sends(number, "latest"))
        found = await replies(runtime, 6)
    assert sum("try again in" in said["error"] for _, said in found) == 1


async def test_what_is_not_to_be_answered_is_not(server, runtime):
    await session(runtime)
    old = now() - protocol.WORTH - timedelta(seconds=1)
    async with bridging(server):
        for number, one in enumerate(
            (
                {"said": {"kind": "cursor", "x": 1}},
                {"said": "hello"},
                {"sender": None},
                {"sender": ""},
                {"time": old},
                {"copied_from": "elsewhere"},
            )
        ):
            await runtime.publisher.append(sends(number, **{"task": "latest"} | one))
        await runtime.publisher.append(sends(99, "sing", sender="p3"))
        ((to, said),) = await replies(runtime)
    assert (to, said["kind"]) == ("p3", "ai-sing")


async def test_a_summary_is_shared_with_who_asks_over_http(server):
    async with gateway(server) as running, bridging(server):
        runtime = running.runtime
        await session(runtime)

        async def slowly(asked):
            await asyncio.sleep(0.5)
            return answered(asked, answer="All.")

        async with answering(runtime, slowly) as seen:
            over_http = asyncio.create_task(running.http.get("/v1/sessions/s1/summary"))
            await asyncio.sleep(0.1)
            for number, sender in enumerate(("p1", "p2")):
                await runtime.publisher.append(sends(number, "summary", sender=sender))
            everybody = [(one, {"kind": "ai-summary", "data": "All."}) for one in ("p1", "p2")]
            assert await replies(runtime, 2) == everybody
            assert (await over_http).json()["answer"] == "All."
            await runtime.publisher.append(sends(9, "summary", sender="p3"))
            assert len(await replies(runtime, 3)) == 3
        assert len(seen) == 1


async def test_a_long_transcript_comes_in_parts_that_make_the_whole(server, runtime):
    await session(runtime, segments=0)
    for number in range(60):
        await runtime.publisher.append(heard(number, "wörd " * 40))
    async with bridging(server, 2):
        await runtime.publisher.append(sends(1, "transcript", sender="p2"))

        async def complete():
            found = [said for _, said in await commands(runtime)]
            return found if found and len(found) == found[0]["parts"] else None

        found = await until(complete)
    assert "".join(one["data"] for one in found).count("Ada: wörd") == 60
    assert [one["part"] for one in found] == [*range(1, len(found) + 1)]


class Failing:
    """An append that fails as if the connection broke, before or after the server stored it."""

    def __init__(self, runtime, monkeypatch, *, stored, pattern):
        self._append, self._stored = runtime.publisher.append, stored
        self._pattern, self.failed = list(pattern), 0
        monkeypatch.setattr(runtime.publisher, "append", self)

    async def __call__(self, event, **options):
        fails = self._pattern.pop(0) if self._pattern else False
        if fails and not self._stored:
            self.failed += 1
            raise UnavailableError("cut")
        seq = await self._append(event, **options)
        if fails:
            self.failed += 1
            raise UnavailableError("cut")
        return seq


@pytest.mark.parametrize("stored", [True, False])
async def test_parts_of_a_transcript_are_of_one_moment_though_sent_in_two_attempts(
    server, runtime, monkeypatch, stored
):
    await session(runtime)
    for number in range(60):
        await runtime.publisher.append(heard(number, "word " * 40))
    async with bridging(server) as (own,):
        failing = Failing(own, monkeypatch, stored=stored, pattern=[False, True, False, True])
        monkeypatch.setattr(listening, "RETRY_SECONDS", (0.6,))
        await runtime.publisher.append(sends(1, "transcript"))
        await asyncio.sleep(0.3)
        for number in range(60, 90):
            await runtime.publisher.append(heard(number, "later"))

        async def complete():
            found = [said for _, said in await commands(runtime)]
            return found if found and len(found) == found[0]["parts"] else None

        found = await until(complete)
    assert failing.failed == 2
    assert len({one["parts"] for one in found}) == 1
    text = "".join(one["data"] for one in found)
    assert text == "\n".join(["Ada: " + "word " * 40] * 60)


async def test_an_acknowledgement_that_is_lost_makes_no_second_answer(server, runtime, monkeypatch):
    await session(runtime)

    async def lost(self, **_):
        raise TimeoutError

    async with bridging(server, 2), answering(runtime, promptly) as seen:
        with monkeypatch.context() as broken:
            broken.setattr("nats.aio.msg.Msg.ack_sync", lost)
            await runtime.publisher.append(sends(1, query="Who?"))
            await replies(runtime)
            await asyncio.sleep(1)
        await asyncio.sleep(1.5)
        await replies(runtime)
    assert len(seen) == 1


async def test_a_bug_in_one_message_does_not_hold_up_the_others(server, runtime, monkeypatch):
    await session(runtime)
    tries = []
    decide = service.deciding.on_message

    def buggy(desk, received, ask, at):
        if received.number == 1:
            tries.append(1)
            raise RuntimeError("bug")
        return decide(desk, received, ask, at)

    monkeypatch.setattr(service.deciding, "on_message", buggy)
    async with bridging(server):
        await runtime.publisher.append(sends(1, "latest"))
        await runtime.publisher.append(sends(2, "latest"))
        await replies(runtime)
        await until(lambda: asyncio.sleep(0, len(tries) == listening.MAX_DELIVERIES))
        await asyncio.sleep(0.5)
    assert len(tries) == listening.MAX_DELIVERIES


async def test_the_bridge_outlives_the_server(server):
    async with server.runtime() as runtime, bridging(server), answering(runtime, promptly):
        await session(runtime)
        await runtime.publisher.append(sends(1, query="Before?"))
        await replies(runtime)
        server.kill()
        await asyncio.sleep(0.5)
        await server.start()
        await runtime.publisher.append(sends(2, query="After?"))
        found = await replies(runtime, 2)
    assert found[1] == ("p1", {"kind": "ai-query", "data": "To After?."})


PROCESS = """
import asyncio
from pathlib import Path
import sys
from services._runtime import app
from services._runtime.clock import now
from services._runtime.settings import Settings
from services.gateway.bridge import listening, service

listening.ACK_WAIT_SECONDS = 1.5

async def main():
    settings = Settings(_env_file=None, nats_url=sys.argv[1], data_dir=Path(sys.argv[2]))
    async with app.opened("gateway", settings, asyncio.Event()) as runtime:
        print("up", flush=True)
        await service.serve(runtime, now)

asyncio.run(main())
"""


def process(server):
    command = [sys.executable, "-c", PROCESS, server.url, str(server.data_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.slow
async def test_each_answer_comes_once_though_bridges_are_killed(server, runtime):
    count = 60
    people = tuple(f"p{number}" for number in range(count))
    await session(runtime, owners=people)
    running = [process(server) for _ in range(2)]
    try:
        for one in running:
            await asyncio.to_thread(one.stdout.readline)
        async with answering(runtime, promptly) as seen:
            for number, sender in enumerate(people):
                task = "query" if number % 2 else "latest"
                await runtime.publisher.append(sends(number, task, sender, query=sender))
                if number % 10 == 5:
                    running[0].kill()
                    running.append(process(server))
                    running.pop(0).communicate()
                await asyncio.sleep(0.02)
            found = await until(lambda: _as_many(runtime, count), 40)
            await asyncio.sleep(3)
    finally:
        for one in running:
            one.kill()
            one.communicate()
    assert len(await commands(runtime)) == count
    assert sorted(to for to, _ in found) == sorted(people)
    assert len(seen) == count // 2


async def _as_many(runtime, count):
    found = await commands(runtime)
    return found if len(found) >= count else None


async def test_an_erased_session_is_let_go(server, runtime, monkeypatch):
    await session(runtime)
    await runtime.publisher.append(sends(1, "latest"))
    await runtime.publisher.append(sends(2, "latest", session_id="s1"))
    await session(runtime, "s3")
    await runtime.publisher.append(sends(1, "latest", session_id="s3"))
    await runtime.js.purge_stream("KEYS", subject="keys.s1")
    await session(runtime, "s2")
    async with bridging(server) as (own,):
        await replies(runtime, session_id="s3")

        async def gone(event):
            raise KeyGoneError(event.session_id)

        with monkeypatch.context() as erased:  # between its message and the reply
            erased.setattr(own.publisher, "append", gone)
            await runtime.publisher.append(sends(2, "latest", session_id="s3"))
            await asyncio.sleep(0.5)
        await replies(runtime, session_id="s3")
        await runtime.publisher.append(sends(1, "latest", session_id="s2"))
        await replies(runtime, session_id="s2")
        info = await own.js.consumer_info("MEETINGS", service.MESSAGES)
        assert (info.num_pending, info.num_ack_pending) == (0, 0)
