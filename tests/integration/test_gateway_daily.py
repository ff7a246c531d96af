"""Daily sessions over HTTP, with a scripted stand-in for ingest: rooms, commands, files."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from contracts import codec, ids, streams, subjects
from contracts.commands import EndSession, HostSession
from contracts.events import (
    BotAssigned,
    BotJoined,
    CommandDone,
    CommandFailed,
    CommandRequested,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    ParticipantUpdated,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    TranscriptionStalled,
)
from contracts.queries import Caption, RoomOpened, RoomRefused, RoomWanted
from services._runtime.clock import now
from services._runtime.jetstream import last_message
from services._runtime.kv import Bucket
from tests.integration.test_gateway import count, field_of
from tests.integration.test_gateway_streams import messages
from tests.support.facts import at, heard, requested
from tests.support.gateway import gateway

ROOM = "https://example.daily.co/standup"
TOKEN = "eyJhbGciOi.canary-token.x"
COMMANDS = "/v1/sessions/s1/commands"
FILES = "/v1/sessions/s1/files"
SAY = {"command": "send_chat", "text": "hello"}


async def job_of(running, session_id, job=HostSession):
    """The session's queued job of a kind, or None."""
    runtime, subject = running.runtime, subjects.job(job(session_id=session_id))
    found = await last_message(runtime.js, streams.JOBS.name, subject)
    if found is None:
        return None
    return codec.jobs.decode(codec.unseal(found.data, await runtime.keyring.key(session_id)))


async def jobs(running):
    return (await running.runtime.js.stream_info(streams.JOBS.name)).state.messages


@asynccontextmanager
async def rooms(running, reply):
    """Answer who wants a room with `reply(wanted)`, or not at all; yields what was wanted."""
    seen = []

    async def on_message(message):
        seen.append(msgspec.json.decode(message.data, type=RoomWanted))
        if (answer := reply(seen[-1])) is not None:
            await message.respond(codec.encode_reply(answer))

    subscription = await running.runtime.nc.subscribe(subjects.ROOM_WANTED, cb=on_message)
    await running.runtime.nc.flush()
    yield seen
    await subscription.unsubscribe()


def opened(wanted):
    return RoomOpened(room_url=f"https://Example.daily.co/{wanted.session_id}/")


@asynccontextmanager
async def bot(running, conclude):
    """Conclude each command as `conclude(requested)` says, or not at all; yields them."""
    seen = []

    async def work():
        filters = [subjects.type_in_every_session(CommandRequested)]
        async for batch in running.runtime.reader.follow(filters, 0):
            for _, event in batch.events:
                seen.append(event)
                if (conclusion := conclude(event)) is not None:
                    await running.runtime.publisher.append(conclusion)

    working = asyncio.create_task(work())
    try:
        yield seen
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def done(given, result=None):
    return CommandDone(
        session_id=given.session_id, time=now(), command_id=given.command_id, result=result
    )


def failing(reason, detail=""):
    def failed(given):
        return CommandFailed(
            session_id=given.session_id,
            time=now(),
            command_id=given.command_id,
            reason=reason,
            detail=detail,
        )

    return failed


async def append(running, *events):
    for event in events:
        await running.runtime.publisher.append(event)


async def live(running, session_id="s1"):
    """A Daily session whose bot is in the room."""
    return await running.session(session_id, source="daily", room_url=f"{ROOM}/{session_id}")


async def test_a_session_in_a_given_room_is_hosted_with_its_token(running):
    wanted = {"room_url": ROOM, "token": TOKEN, "vocabulary": ["Earshot"], "redact_pii": True}
    with capture_logs() as logs:
        made = await running.http.post("/v1/sessions", json=wanted)
        again = await running.http.post("/v1/sessions", json=wanted)
        asked = await running.http.get(f"/v1/sessions/{made.json()['session_id']}")
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    session_id = made.json()["session_id"]
    assert made.json() == {"session_id": session_id, "room_url": ROOM, "status": "requested"}
    assert await job_of(running, session_id) == HostSession(session_id=session_id, token=TOKEN)
    assert await jobs(running) == 1
    ((_, stored),) = await running.runtime.log.read(session_id)
    assert (stored.source, stored.room_created, stored.expires_at) == ("daily", False, None)
    assert (stored.vocabulary, stored.redact_pii) == (("Earshot",), True)
    assert TOKEN not in repr(stored) + repr(logs) + made.text + again.text + asked.text


async def test_how_long_the_assistant_stays_in_a_given_room_may_be_said(running):
    wanted = {"room_url": ROOM, "room_duration_mins": 30}
    session_id = (await running.http.post("/v1/sessions", json=wanted)).json()["session_id"]
    ((_, stored),) = await running.runtime.log.read(session_id)
    assert stored.expires_at - stored.time == timedelta(minutes=30)
    view = (await running.http.get(f"/v1/sessions/{session_id}")).json()
    assert datetime.fromisoformat(view["expires_at"]) == stored.expires_at


async def test_of_racing_askers_one_makes_the_session_and_its_token_counts(running):
    racing = await asyncio.gather(
        *(
            running.http.post("/v1/sessions", json={"room_url": ROOM, "token": f"token{number}"})
            for number in range(12)
        )
    )
    assert sorted(one.status_code for one in racing) == [200] * 11 + [201]
    assert len({one.json()["session_id"] for one in racing}) == 1
    assert await jobs(running) == await count(running.runtime, SessionRequested) == 1
    maker = next(number for number, one in enumerate(racing) if one.status_code == 201)
    job = await job_of(running, racing[0].json()["session_id"])
    assert job.token == f"token{maker}"


async def left_behind(running, monkeypatch, *events):
    """A session in the room whose job nobody enqueued."""
    monkeypatch.setattr("services.gateway.hosting.APPEAR_SECONDS", 0.1)
    await running.runtime.keyring.create("ses_left")
    bucket = Bucket(running.runtime.nc, running.runtime.js, streams.ROOMS)
    await bucket.put(subjects.room(ids.digest(ROOM)), b"ses_left", 0)
    await append(running, requested("ses_left", source="daily", room_url=ROOM), *events)


async def test_a_session_whose_maker_died_before_its_job_is_hosted_by_the_next_asker(
    running, monkeypatch
):
    await left_behind(running, monkeypatch)
    got = await running.http.post("/v1/sessions", json={"room_url": ROOM, "token": TOKEN})
    assert (got.status_code, got.json()["session_id"]) == (200, "ses_left")
    assert (await job_of(running, "ses_left")).token == TOKEN


@pytest.mark.parametrize("taken_on", [SessionWaiting, SessionJoining, SessionStarted])
async def test_a_session_that_was_taken_on_is_not_hosted_again(running, monkeypatch, taken_on):
    rest = {"no_show_at": at()} if taken_on is SessionWaiting else {}
    await left_behind(running, monkeypatch, taken_on(session_id="ses_left", time=at(), **rest))
    got = await running.http.post("/v1/sessions", json={"room_url": ROOM})
    assert (got.status_code, got.json()["session_id"]) == (200, "ses_left")
    assert await jobs(running) == 0


async def test_another_source_in_the_room_gets_no_bot(running):
    wanted = {"source": "stream", "room_url": ROOM, "session_id": "s1", "token": TOKEN}
    assert (await running.http.post("/v1/sessions", json=wanted)).status_code == 201
    held = await running.http.post("/v1/sessions", json={"room_url": ROOM})
    assert (held.status_code, held.json()["session_id"]) == (200, "s1")
    assert await jobs(running) == 0


async def test_without_a_room_one_is_made_and_closes_in_time(server):
    async with gateway(server, room_minutes=7) as running, rooms(running, opened) as seen:
        made = await running.http.post("/v1/sessions", json={})
        assert made.status_code == 201, made.text
        session_id, room_url = made.json()["session_id"], made.json()["room_url"]
        assert room_url == f"https://example.daily.co/{session_id}"
        ((_, stored),) = await running.runtime.log.read(session_id)
        assert (stored.source, stored.room_created) == ("daily", True)
        assert seen == [RoomWanted(session_id=session_id, expires_at=stored.expires_at)]
        assert stored.expires_at - stored.time == timedelta(minutes=7)
        assert await job_of(running, session_id) == HostSession(session_id=session_id)
        held = await running.http.post("/v1/sessions", json={"room_url": room_url + "/"})
        assert (held.status_code, held.json()["session_id"]) == (200, session_id)
        longer = await running.http.post("/v1/sessions", json={"room_duration_mins": 1440})
        assert longer.json()["session_id"] != session_id
        assert seen[1].expires_at - now() > timedelta(minutes=1439)


async def test_an_idempotency_key_makes_one_room(running):
    headers = {"Idempotency-Key": "k"}

    async def post(**wanted):
        return await running.http.post("/v1/sessions", json=wanted, headers=headers)

    async with rooms(running, opened) as seen:
        racing = await asyncio.gather(*(post(room_duration_mins=5) for _ in range(8)))
        assert sorted(one.status_code for one in racing) == [200] * 7 + [201]
        assert len({one.text for one in racing}) == 1
        assert len({one.session_id for one in seen}) == 1
        wanted = len(seen)
        assert (await post(room_duration_mins=5, token=TOKEN)).status_code == 200
        assert len(seen) == wanted
        for other in ({"room_duration_mins": 6}, {}, {"room_url": racing[0].json()["room_url"]}):
            assert field_of(await post(**other), 422) == "Idempotency-Key"
    assert await jobs(running) == await count(running.runtime, SessionRequested) == 1


async def test_one_chosen_id_in_two_rooms_is_one_session_and_blocks_no_room(running):
    racing = await asyncio.gather(
        *(
            running.http.post(
                "/v1/sessions", json={"session_id": "mine", "room_url": f"{ROOM}{number}"}
            )
            for number in range(6)
        )
    )
    assert sorted(one.status_code for one in racing) == [201, *[409] * 5]
    held = (await running.http.get("/v1/sessions/mine")).json()["room_url"]
    for number in range(6):
        got = await running.http.post("/v1/sessions", json={"room_url": f"{ROOM}{number}"})
        assert (got.json()["session_id"] == "mine") == (f"{ROOM}{number}" == held)


@pytest.mark.parametrize(
    ("reason", "status", "field", "says"),
    [
        ("not_configured", 422, "room_url", "no Daily key is set: give a room_url"),
        ("unauthorised", 502, None, "does not accept the key that is set: no\u2026 way"),
        ("refused", 502, None, "no\u2026 way"),
        ("unavailable", 503, None, "Daily does not answer: no\u2026 way"),
    ],
)
async def test_why_there_is_no_room_is_told(running, reason, status, field, says):
    def refuse(_):
        return RoomRefused(reason=reason, detail="no\u2026\nway" + "!" * 5000)

    async with rooms(running, refuse):
        refused = await running.http.post("/v1/sessions", json={})
    assert field_of(refused, status) == field
    assert says in refused.json()["detail"]
    assert len(refused.json()["detail"]) < 500
    assert await jobs(running) == await count(running.runtime, SessionRequested) == 0


async def test_an_answer_of_a_newer_ingest_service_is_not_a_bug(running):
    class RoomPostponed(msgspec.Struct, tag="RoomPostponed"):
        minutes: int = 5

    async with rooms(running, lambda _: RoomPostponed()):
        field_of(await running.http.post("/v1/sessions", json={}), 503)


async def test_without_an_ingest_service_there_is_no_room(running, monkeypatch):
    refused = await running.http.post("/v1/sessions", json={})
    field_of(refused, 503)
    assert int(refused.headers["retry-after"]) > 0
    monkeypatch.setattr("services.gateway.room_opening.LIMIT_SECONDS", 0.1)
    async with rooms(running, lambda _: None) as seen:
        field_of(await running.http.post("/v1/sessions", json={}), 503)
    assert len(seen) == 1
    assert await count(running.runtime, SessionRequested) == 0


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"room_url": "javascript:alert(1)"}, "room_url"),
        ({"room_url": "https://"}, "room_url"),
        ({"room_url": "https://a.daily.co/\u0000"}, "room_url"),
        ({"room_url": 7}, "room_url"),
        ({"room_url": "https://a.daily.co/" + "x" * 2000}, "room_url"),
        ({"room_duration_mins": 0}, "room_duration_mins"),
        ({"room_duration_mins": 1441}, "room_duration_mins"),
        ({"room_duration_mins": 1.5}, "room_duration_mins"),
        ({"room_duration_mins": "15"}, "room_duration_mins"),
        ({"token": ""}, "token"),
        ({"token": "canary\n"}, "token"),
        ({"token": "canary" * 1000}, "token"),
        ({"token": 7}, "token"),
        ({"language": "english"}, "language"),
        ({"redact_pii": "yes"}, "redact_pii"),
        ({"source": "recording", "redact_pii": True}, "redact_pii"),
        ({"vocabulary": [""]}, "vocabulary.0"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_daily_session_that_cannot_be_is_refused_by_field(running, wanted, field):
    async with rooms(running, opened) as seen:
        refused = await running.http.post("/v1/sessions", json=wanted)
    assert field_of(refused, 422) == field
    assert "canary" not in refused.text
    assert (seen, await jobs(running)) == ([], 0)
    assert await count(running.runtime, SessionRequested) == 0


async def test_the_way_into_the_room_is_shown_and_listed(running):
    made = await running.http.post("/v1/sessions", json={"session_id": "s1", "room_url": ROOM})
    assert made.status_code == 201
    of, base = {"session_id": "s1", "time": at()}, "/v1/sessions"
    steps = (
        (SessionWaiting(**of, no_show_at=at(300)), "waiting"),
        (SessionJoining(**of), "joining"),
        (SessionStarted(**of), "live"),
    )
    for event, status in steps:
        await append(running, event)
        assert (await running.http.get(f"{base}/s1")).json()["status"] == status
        async with asyncio.timeout(5):
            while not (await running.http.get(f"{base}?status={status}")).json()["items"]:
                await asyncio.sleep(0.02)
    await append(running, BotAssigned(**of, bot_id="b1", number=1))
    await append(running, BotJoined(**of, bot_id="b1", participant_id="me"))
    bot_now = (await running.http.get(f"{base}/s1")).json()["bot"]
    assert (bot_now["bot_id"], bot_now["number"]) == ("b1", 1)
    assert bot_now["joined_at"]


async def test_the_live_socket_tells_of_the_call(running):
    last = await live(running)
    of, call = {"session_id": "s1", "time": at()}, {"bot_id": "b1", "number": 1}
    caption = Caption(
        session_id="s1", speaker_id="p1", speaker="Ada", track=None, text="num", start=1.5
    )
    async with connect(running.socket_url(f"/v1/sessions/s1/live?after_seq={last}")) as socket:
        await append(
            running,
            SessionWaiting(**of, no_show_at=at(9)),
            BotAssigned(**of, bot_id="b1", number=1),
            BotJoined(**of, bot_id="b1", participant_id="me"),
            ParticipantJoined(**of, participant_id="p1", name="Ada", owner=True),
            ParticipantUpdated(**of, **call, participant_id="p1", name="Ada L."),
            GapOpened(**of, gap_id="g1", cause="died", start=1.0),
            GapFilled(**of, gap_id="g1", source="webvtt", segments=2),
            TranscriptionStalled(**of, bot_id="b1", number=2, seconds=20.0),
        )
        told = await messages(socket, 8)
        await running.runtime.nc.publish(subjects.captions("s1"), codec.encode_reply(caption))
        (interim,) = await messages(socket, 1)
        async with bot(running, failing("refused", "no")):
            await running.http.post(COMMANDS, json=SAY)
        asked, failed = await messages(socket, 2)
    assert interim == json.loads(codec.encode_reply(caption)) | {"type": "caption", "final": False}
    kinds = [
        (one["type"], one.get("status") or one.get("state") or one.get("action")) for one in told
    ]
    assert kinds == [
        ("state", "waiting"),
        ("bot", "assigned"),
        ("bot", "joined"),
        ("participant", "joined"),
        ("participant", "updated"),
        ("gap", None),
        ("gap", None),
        ("transcription", "stalled"),
    ]
    assert [(one["name"], one["owner"]) for one in told[3:5]] == [("Ada", True), ("Ada L.", False)]
    assert (told[6]["filled"], told[7]["seconds"]) == (2, 20.0)
    assert (asked["type"], asked["status"], asked["command"]) == (
        "command",
        "requested",
        "send_chat",
    )
    assert (failed["status"], failed["reason"], failed["detail"]) == ("failed", "refused", "no")
    assert asked["command_id"] == failed["command_id"]


async def test_a_daily_session_is_ended_by_ingest(running):
    await running.http.post("/v1/sessions", json={"session_id": "s1", "room_url": ROOM})
    asked = await running.http.post("/v1/sessions/s1/end")
    assert (asked.status_code, asked.json()["status"]) == (202, "requested")
    assert await job_of(running, "s1", EndSession) == EndSession(session_id="s1")


async def test_an_imported_call_brings_no_bot_of_its_own(running):
    lines = [b'{"earshot":1,"session":{"session_id":"old","source":"daily"}}\n']
    of = {"session_id": "old", "time": at()}
    for seq, event in enumerate(
        (
            requested("old", source="daily"),
            SessionWaiting(**of, no_show_at=at()),
            BotAssigned(**of, bot_id="b1", number=1),
            SessionStarted(**of),
            heard(1, session_id="old"),
            ParticipantUpdated(**of, bot_id="b1", number=1, participant_id="p1"),
        ),
        1,
    ):
        lines.append(codec.encode(event).replace(b"{", b'{"seq":%d,' % seq, 1) + b"\n")
    await running.http.post("/v1/sessions", json={"source": "recording", "session_id": "s1"})
    put = await running.http.put("/v1/sessions/s1/recording?mode=import", content=b"".join(lines))
    assert (put.status_code, put.json()["items"]) == (202, 2), put.text
