"""`earshot up`, as a user starts it."""

import asyncio
import json
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from contracts.events import QueryAnswered
from services._runtime import app
from services._runtime.settings import Settings
from tests.support.facts import heard, requested, started
from tests.support.meetings import numbered, turns
from tests.support.nats import Server
from tests.support.product import SERVICES, Api, up

pytestmark = pytest.mark.slow


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_the_demo_has_something_live_to_ask_about(tmp_path):
    with up(tmp_path, "--demo") as product:
        async with Api(product.url) as api, asyncio.timeout(60):
            while True:
                page = (await api.http.get("/v1/sessions?status=live")).json()
                if page["items"] and page["items"][0]["counts"]["segments"] >= 10:
                    break
                await asyncio.sleep(0.2)
            session_id = page["items"][0]["session_id"]
            reply = await api.ask(session_id, "What is the launch of offline mode about?")
            answer = reply.json()
            transcript = await api.transcript(session_id)
        assert answer["model"] == "extractive"
        assert answer["citations"]
        known = {one["segment_id"]: one for one in transcript["segments"]}
        for citation in answer["citations"]:
            said = known[citation["segment_id"]]
            assert {key: said[key] for key in citation} == citation
        spoken = max((one["text"] for one in transcript["segments"]), key=len)
        assert product.stop(signal.SIGINT) == 0
        assert product.alive() == []
        assert not listening(product.port)
        assert spoken not in product.logs()


async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path):
    with up(tmp_path, "--no-demo") as product:
        assert len(product.family) >= 5
        product.process.kill()
        end = time.monotonic() + 15
        while product.alive() and time.monotonic() < end:
            await asyncio.sleep(0.1)
        assert product.alive() == []


async def test_a_port_in_use_is_said_so(tmp_path):
    with up(tmp_path / "one", "--no-demo") as product:
        other = await asyncio.create_subprocess_exec(
            *product.process.args[:5],
            str(product.port),
            "--no-demo",
            "--data-dir",
            str(tmp_path / "two"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, error = await other.communicate()
        assert other.returncode == 1
        assert f"Port {product.port} is in use" in error.decode()


async def test_recordings_go_in_and_come_out_whole(tmp_path):
    """Import and replay: the log has exactly the meeting's turns, and a record replays equal."""
    with up(tmp_path, "--no-demo") as product:
        async with Api(product.url) as api:
            for seed, mode in ((1, "import"), (2, "replay")):
                data = turns(seed, 400)
                session_id = await api.play(data, mode=mode)
                assert (await api.ended(session_id))["counts"]["segments"] == 400
                heard_there = (await api.transcript(session_id))["segments"]
                given = [json.loads(line) for line in data.splitlines()[1:]]
                assert [(one["speaker"], one["text"]) for one in heard_there] == [
                    (one["speaker"], one["text"]) for one in given
                ]
                assert (await api.ask(session_id, "word3 word9")).status_code == 200
                await quiet(api, session_id)
                recorded = await api.recording(session_id)
                for again in ("import", "replay"):
                    copy = await api.play(recorded, mode=again)
                    await api.ended(copy)
                    assert await api.state(copy) == await api.state(session_id)


async def quiet(api, session_id):
    """Wait until no event came for a second: compaction has come to rest."""
    last = -1
    while (now := (await api.session(session_id))["last_seq"]) != last:
        last = now
        await asyncio.sleep(1)


async def test_a_question_sees_what_was_said_just_before_it(tmp_path):
    """1,000 tries: the query leaves in the moment the segment is acknowledged."""
    server = Server(tmp_path)
    await server.start()
    try:
        with up(tmp_path / "up", "--no-demo", "--nats-url", server.url) as product:
            settings = Settings(
                _env_file=None, nats_url=server.url, data_dir=product.data_dir, instance="test"
            )
            async with (
                app.opened("test", settings, asyncio.Event()) as own,
                Api(product.url) as api,
            ):
                sessions = [f"try{number}" for number in range(40)]
                for session_id in sessions:
                    await own.keyring.create(session_id)
                    await own.publisher.append(requested(session_id))
                    await own.publisher.append(started(session_id))
                for number in range(1000 // len(sessions)):
                    for session_id in sessions:
                        await see(own, api, session_id, number)
    finally:
        server.stop()


async def see(own, api, session_id, number):
    word = f"zebra{number}"
    said = heard(number, f"please remember {word} for later", session_id)
    seq = await own.publisher.append(said)
    answer = (await api.ask(session_id, f"what about {word}?")).json()
    assert answer["as_of_seq"] > seq
    assert [one["seq"] for one in answer["citations"]] == [seq]


async def test_five_hundred_segments_survive_the_death_of_everything(tmp_path):
    """Each part killed in turn and NATS away for a minute: 1 to 500, once each, in order."""
    server = Server(tmp_path)
    await server.start()
    data = numbered(500)
    try:
        with up(tmp_path / "up", "--no-demo", "--nats-url", server.url) as product:
            async with Api(product.url) as api:
                session_id = await api.play(data, speed="1")
                questions = asyncio.create_task(keep_asking(api, session_id))
                for part in SERVICES:
                    await asyncio.sleep(5)
                    product.kill(part)
                await asyncio.sleep(5)
                server.kill()
                await server.start()
                await asyncio.sleep(5)
                server.kill()
                await asyncio.sleep(30)
                product.kill("ingest")
                await asyncio.sleep(30)
                await server.start()
                view = await api.ended(session_id, 90)
                asked = await questions
                segments = (await api.transcript(session_id))["segments"]
                undisturbed = await api.play(data)
                await api.ended(undisturbed)
                states = [await api.state(one) for one in (session_id, undisturbed)]
                recorded = (await api.recording(session_id)).splitlines()[1:]
        assert view["counts"]["segments"] == 500
        numbers = [int(one["text"].split()[-1]) for one in segments]
        assert numbers == list(range(1, 501))
        assert states[0] == states[1]
        answers = [
            line["query_id"]
            for line in map(json.loads, recorded)
            if line["type"] == QueryAnswered.__struct_config__.tag
        ]
        assert len(answers) == len(set(answers))
        assert set(answers) >= set(asked)
        assert len(asked) >= 3
    finally:
        server.stop()


async def keep_asking(api, session_id):
    """Ask now and then while things die; return the ids of the questions that were answered."""
    answered, end = [], time.monotonic() + 110
    while time.monotonic() < end:
        try:
            reply = await api.ask(session_id, "what is number 3?")
        except httpx.TransportError:
            await asyncio.sleep(1)
            continue
        if reply.status_code == 200:
            answered.append(reply.json()["query_id"])
        else:
            assert reply.headers["content-type"] == "application/problem+json"
        await asyncio.sleep(3)
    return answered


async def test_a_killed_part_comes_back_under_embedded_nats(tmp_path):
    with up(tmp_path, "--no-demo") as product:
        async with Api(product.url) as api:
            session_id = await api.play(numbered(60))
            await api.ended(session_id)
            before = await api.state(session_id)
            for part in (*SERVICES, "nats-server"):
                (old,) = product.pids(part)
                product.kill(part)
                end = time.monotonic() + 20
                while product.pids(part) in ([], [old]) and time.monotonic() < end:
                    await asyncio.sleep(0.1)
                assert product.pids(part) not in ([], [old])
            assert await api.state(session_id) == before
            reply = await api.patient(
                "POST", f"/v1/sessions/{session_id}/query", json={"query": "number 7"}
            )
            assert reply.status_code == 200


def test_the_master_key_and_the_configuration_are_private(tmp_path):
    with up(tmp_path, "--no-demo"):
        for private in ("master.key", "nats/nats.conf"):
            assert Path(tmp_path / private).stat().st_mode & 0o077 == 0
