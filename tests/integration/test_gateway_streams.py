"""Following a session over server-sent events and WebSocket: nothing missed, nothing twice."""

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from contracts import recording, subjects
from contracts.events import GapClosed, GapOpened, ParticipantJoined, ParticipantLeft, SessionEnded
from tests.integration.test_gateway import field_of
from tests.support.facts import asked, at, heard
from tests.support.gateway import answered, gateway

EVENTS = "/v1/sessions/s1/events"
LIVE = "/v1/sessions/s1/live"


@asynccontextmanager
async def following(running, **options):
    """Parsed blocks of an open event stream."""
    async with running.http.stream("GET", EVENTS, **options) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _blocks(response)


async def _blocks(response):
    block = {}
    async for line in response.aiter_lines():
        if not line:
            yield block
            block = {}
        else:
            name, _, value = line.partition(": ")
            block[name or "comment"] = value


async def take(blocks, count):
    async with asyncio.timeout(10):
        return [await anext(blocks) for _ in range(count)]


async def test_events_come_as_stored_and_resume_where_they_stopped(running):
    await running.session("s1", segments=5)
    async with following(running) as blocks:
        first = await take(blocks, 4)
    assert [one["event"] for one in first] == [
        "SessionRequested",
        "SessionStarted",
        "SegmentHeard",
        "SegmentHeard",
    ]
    resumed = {"Last-Event-ID": first[-1]["id"]}
    async with following(running, headers=resumed) as blocks:
        rest = await take(blocks, 3)
        await running.runtime.publisher.append(heard(5))
        rest += await take(blocks, 1)
    ids = [int(one["id"]) for one in first + rest]
    assert ids == [seq for seq, _ in await running.runtime.log.read("s1")]
    assert [json.loads(one["data"])["segment_id"] for one in first[2:] + rest] == [
        f"seg{number}" for number in range(6)
    ]
    assert all(json.loads(one["data"])["seq"] == int(one["id"]) for one in first + rest)


async def test_a_stream_can_start_after_a_sequence(running):
    last = await running.session("s1", segments=3)
    async with following(running, params={"after_seq": last - 1}) as blocks:
        assert [one["id"] for one in await take(blocks, 1)] == [str(last)]
    for bad in ("x", "-1", "1.5", "\u00b2"):
        headers = [(b"Last-Event-ID", bad.encode("latin-1"))]
        refused = await running.http.get(EVENTS, headers=headers)
        assert field_of(refused, 400) == "Last-Event-ID"
    assert field_of(await running.http.get(f"{EVENTS}?after_seq=x"), 422) == "after_seq"


async def test_a_quiet_stream_beats(running, monkeypatch):
    monkeypatch.setattr("services.gateway.http.sse.BEAT_SECONDS", 0.05)
    last = await running.session("s1")
    async with following(running, params={"after_seq": last}) as blocks:
        assert await take(blocks, 2) == [{"comment": "ping"}] * 2
        await running.runtime.publisher.append(heard(0))
        async with asyncio.timeout(5):
            while "id" not in (block := await anext(blocks)):
                pass
    assert block["id"] == str(last + 1)


async def test_a_stream_outlives_a_kill_of_the_log(server, running):
    await running.session("s1", segments=3)
    async with following(running) as blocks:
        seen = await take(blocks, 5)
        server.kill()
        await server.start()
        await running.runtime.publisher.append(heard(3))
        async with asyncio.timeout(20):
            while len(seen) < 6:
                if "id" in (block := await anext(blocks)):
                    seen.append(block)
    ids = [int(one["id"]) for one in seen]
    assert ids == [seq for seq, _ in await running.runtime.log.read("s1")]


@pytest.mark.parametrize(
    "options", [{"headers": {"Accept": "application/jsonl"}}, {"params": {"format": "jsonl"}}]
)
async def test_the_recording_is_the_log(running, options):
    last = await running.session("s1", segments=300, metadata={"title": "Stand-up"})
    got = await running.http.get(EVENTS, **options)
    assert got.headers["content-type"] == "application/jsonl"
    session, events = recording.parse(got.content.splitlines())
    assert (session.session_id, session.last_seq) == ("s1", last)
    assert (session.source, session.metadata) == ("recording", {"title": "Stand-up"})
    assert events == await running.runtime.log.read("s1")


async def messages(socket, count):
    async with asyncio.timeout(10):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_the_live_socket_tells_everything_once_across_a_reconnect(running):
    await running.session("s1", segments=3)
    async with connect(running.socket_url(LIVE)) as socket:
        first = await messages(socket, 4)
    assert [one["type"] for one in first] == ["state", "state", "caption", "caption"]
    assert [one.get("status") for one in first[:2]] == ["requested", "live"]
    async with connect(running.socket_url(f"{LIVE}?after_seq={first[-1]['seq']}")) as socket:
        rest = await messages(socket, 1)
        for number in (3, 4):
            await running.runtime.publisher.append(heard(number))
        rest += await messages(socket, 2)
    said = [one["segment_id"] for one in first + rest if one["type"] == "caption"]
    assert said == [f"seg{number}" for number in range(5)]
    assert rest[-1] == {
        "type": "caption",
        "final": True,
        "seq": rest[-1]["seq"],
        "segment_id": "seg4",
        "start": 12.0,
        "end": 14.0,
        "speaker": "Ada",
        "speaker_id": "p1",
        "text": "number 4",
        "confidence": None,
    }


async def test_the_live_socket_tells_of_people_gaps_answers_and_the_end(running):
    last = await running.session("s1")
    question = asked()
    async with connect(running.socket_url(f"{LIVE}?after_seq={last}")) as socket:
        for event in (
            ParticipantJoined(session_id="s1", time=at(), participant_id="p1", name="Ada"),
            GapOpened(session_id="s1", time=at(), gap_id="g1", cause="network", start=1.0),
            GapClosed(session_id="s1", time=at(), gap_id="g1", end=2.0),
            question,
            answered(question),
            ParticipantLeft(session_id="s1", time=at(), participant_id="p1"),
            SessionEnded(session_id="s1", time=at(), reason="asked"),
        ):
            await running.runtime.publisher.append(event)
        told = await messages(socket, 6)
    assert [one["type"] for one in told] == [
        "participant",
        "gap",
        "gap",
        "answer",
        "participant",
        "state",
    ]
    assert (told[0]["action"], told[0]["name"], told[4]["action"]) == ("joined", "Ada", "left")
    assert (told[1]["cause"], told[1]["start"], told[2]["end"]) == ("network", 1.0, 2.0)
    assert told[3]["query_id"] == "q1"
    assert (told[5]["status"], told[5]["reason"]) == ("ended", "asked")


async def test_interim_captions_pass_through(running):
    last = await running.session("s1")
    async with connect(running.socket_url(f"{LIVE}?after_seq={last}")) as socket:
        await running.runtime.publisher.append(heard(0))
        await messages(socket, 1)  # by now the gateway listens
        for data in (b"no json", b'{"final":true,"type":"state","text":"num"}'):
            await running.runtime.nc.publish(subjects.captions("s1"), data)
        (interim,) = await messages(socket, 1)
    assert interim == {"type": "caption", "final": False, "text": "num"}


async def test_an_unknown_session_has_no_live_socket(running):
    async with connect(running.socket_url("/v1/sessions/nobody/live")) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4404


async def until_closed(socket):
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield await socket.recv()


async def test_a_client_that_does_not_read_is_dropped(running, monkeypatch):
    monkeypatch.setattr("services.gateway.http.live.SLOW_SECONDS", 0.3)
    await running.session("s1")
    for first in range(0, 1500, 100):
        long = (heard(number, "x" * 9000) for number in range(first, first + 100))
        await asyncio.gather(*map(running.runtime.publisher.append, long))
    url, small = running.socket_url(LIVE), {"max_queue": 1, "compression": None}
    async with connect(url, **small) as socket:
        await asyncio.sleep(1)
        async with asyncio.timeout(20):
            *_, last = [json.loads(message) async for message in until_closed(socket)]
        assert (socket.close_code, "resume" in socket.close_reason) == (1013, True)
    async with connect(running.socket_url(f"{LIVE}?after_seq={last['seq']}")) as socket:
        (following_one,) = await messages(socket, 1)
    assert following_one["seq"] == last["seq"] + 1


async def test_a_page_of_another_site_gets_no_socket(running):
    await running.session("s1")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(running.socket_url(LIVE), origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.headers["content-type"] == "application/problem+json"


async def test_a_socket_needs_a_key_where_keys_are_set(server):
    key = "sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"  # "token"
    async with gateway(server, api_keys=key) as running:
        await running.session("s1")
        with pytest.raises(InvalidStatus) as refused:
            async with connect(running.socket_url(LIVE)):
                pass
        assert refused.value.response.status_code == 401
        async with connect(running.socket_url(f"{LIVE}?access_token=token")) as socket:
            assert (await messages(socket, 1))[0]["type"] == "state"
        headers = {"Authorization": "Bearer token"}
        async with connect(running.socket_url(LIVE), additional_headers=headers) as socket:
            assert (await messages(socket, 1))[0]["type"] == "state"


async def test_open_streams_do_not_delay_the_end(server):
    loop = asyncio.get_running_loop()
    async with gateway(server) as running:
        await running.session("s1")
        async with following(running) as blocks:
            await take(blocks, 2)
            began = loop.time()
            running.serving.cancel()
            await asyncio.wait({running.serving})
            assert loop.time() - began < 2


@pytest.mark.parametrize(
    ("path", "status"), [(f"{LIVE}?after_seq=x", 422), ("/v1/nowhere", 404), ("/nowhere", 404)]
)
async def test_a_socket_that_cannot_be_is_a_problem(running, path, status):
    await running.session("s1")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(running.socket_url(path)):
            pass
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["content-type"] == "application/problem+json"
    assert json.loads(refused.value.response.body)["status"] == status


async def test_a_socket_beyond_the_keys_scope_is_refused_without_a_fuss(server, caplog):
    key = "sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0:ask"
    async with gateway(server, api_keys=key) as running:
        for token, status in (("token", 403), ("other", 401)):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(running.socket_url(f"{LIVE}?access_token={token}")):
                    pass
            assert refused.value.response.status_code == status
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
