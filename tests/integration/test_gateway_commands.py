"""Commands to the bot in a call and files of its session, with a scripted stand-in for the bot."""

import asyncio
import json
from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest

from contracts import streams
from contracts.calls import CALL_COMMANDS, CallCommand
from contracts.events import CommandRequested, FileStored, SessionEnded
from services._runtime.blobs import Blobs
from services.gateway.filing import FILE_BYTES
from tests.integration.test_gateway import count, field_of
from tests.integration.test_gateway_daily import (
    COMMANDS,
    ROOM,
    SAY,
    append,
    bot,
    done,
    failing,
    live,
)
from tests.support.facts import at
from tests.support.gateway import gateway

FILES = "/v1/sessions/s1/files"


BODIES = [
    {"command": "send_chat", "text": "hello", "name": "Earshot"},
    {"command": "send_app_message", "message": {"a": [1, None]}, "to": "p1"},
    {"command": "start_recording", "settings": {"layout": {}}, "stream_id": "u", "force_new": True},
    {"command": "stop_recording", "stream_id": "u"},
    {"command": "update_recording", "settings": {"layout": {}}},
    {"command": "start_live_stream", "rtmp_urls": ["rtmp://a/b"]},
    {"command": "update_live_stream", "settings": {}},
    {"command": "add_live_stream_endpoints", "endpoints": ["one"]},
    {"command": "remove_live_stream_endpoints", "endpoints": ["one"]},
    {"command": "stop_live_stream"},
    {"command": "start_dialout", "settings": {"phoneNumber": "+15550100"}},
    {"command": "stop_dialout", "connection_id": "c"},
    {"command": "send_dtmf", "connection_id": "c", "tones": "12#", "method": "auto"},
    {"command": "transfer_call", "connection_id": "c", "to": "sip:a@b"},
    {"command": "refer_call", "connection_id": "c", "to": "sip:a@b"},
    {"command": "start_transcription", "settings": {"language": "de"}},
    {"command": "update_transcription", "participants": []},
    {"command": "stop_transcription"},
    {"command": "update_subscriptions", "participants": {"p1": {}}, "profiles": {}},
    {"command": "update_profiles", "profiles": {"base": {}}},
    {"command": "update_publishing", "settings": {}},
    {"command": "update_inputs", "settings": {"microphone": False}},
    {"command": "update_permissions", "permissions": {"canSend": []}},
    {"command": "update_participants", "participants": {"p1": {}}},
    {"command": "mute", "participants": ["p1"]},
    {"command": "eject", "participants": ["p1", "p2"]},
    {"command": "set_user_name", "name": "Ear"},
    {"command": "set_proxy", "url": None},
    {"command": "set_ice_servers", "settings": {"placement": "replace"}},
    {"command": "inspect", "what": "network_stats"},
    {"command": "capture_audio", "participant_id": "p1", "sample_rate": 48000},
    {"command": "stop_audio_capture", "participant_id": "p1"},
    {"command": "take_picture", "participant_id": "p1", "source": "screenVideo"},
    {"command": "play_audio", "file_id": "f", "channels": 2},
    {"command": "stop_audio"},
    {"command": "show_picture", "file_id": "f", "width": 640, "height": 480},
    {"command": "hide_picture"},
]


async def test_every_command_reaches_the_bot_as_it_was_given(running):
    await live(running)
    names = [str(one.__struct_config__.tag) for one in CALL_COMMANDS]
    assert [one["command"] for one in BODIES] == names
    async with bot(
        running, lambda given: done(given, {"took": type(given.command).__name__})
    ) as seen:
        for body in BODIES:
            got = await running.http.post(COMMANDS, json=body)
            given = msgspec.json.decode(json.dumps(body), type=CallCommand)
            assert got.status_code == 200, got.text
            assert got.json() == {
                "command_id": seen[-1].command_id,
                "status": "done",
                "result": {"took": type(given).__name__},
            }
            assert seen[-1].command == given
            assert seen[-1].deadline - seen[-1].time == timedelta(seconds=30)
    told = await running.http.get(f"{COMMANDS}/{seen[0].command_id}")
    assert (told.status_code, told.json()["result"]) == (200, {"took": "SendChat"})


@pytest.mark.parametrize(
    ("reason", "status", "field"),
    [
        ("refused", 409, None),
        ("invalid", 422, "command"),
        ("timeout", 504, None),
        ("not_in_call", 409, None),
    ],
)
async def test_a_command_that_was_not_done_says_why_at_once_and_later(
    running, reason, status, field
):
    await live(running)
    async with bot(running, failing(reason, "UserMustBeAdmin")) as seen:
        refused = await running.http.post(COMMANDS, json=SAY)
    later = await running.http.get(f"{COMMANDS}/{seen[0].command_id}")
    for got in (refused, later):
        assert field_of(got, status) == field
        problem = got.json()
        assert (problem["command_id"], problem["reason"]) == (seen[0].command_id, reason)
        assert problem["detail"].endswith("UserMustBeAdmin")


async def test_a_command_nobody_did_yet_can_be_asked_for_until_it_is_lost(running, monkeypatch):
    monkeypatch.setattr("services.gateway.commanding.WAIT_SECONDS", 0.2)
    await live(running)
    pending = await running.http.post(COMMANDS, json=SAY)
    command_id = pending.json()["command_id"]
    assert (pending.status_code, pending.json()["status"]) == (202, "pending")
    assert (await running.http.get(f"{COMMANDS}/{command_id}")).json() == pending.json()
    monkeypatch.setattr("services.gateway.call_commands.LATE", timedelta(days=-1))
    lost = await running.http.get(f"{COMMANDS}/{command_id}")
    field_of(lost, 504)
    assert (lost.json()["command_id"], lost.json()["reason"]) == (command_id, "timeout")
    ((_, given),) = (await running.runtime.log.read("s1"))[2:]
    await append(running, done(given, 7))
    got = await running.http.get(f"{COMMANDS}/{command_id}")
    assert (got.status_code, got.json()["result"]) == (200, 7)


async def test_an_idempotency_key_gives_a_command_once(running):
    await live(running)
    headers = {"Idempotency-Key": "k"}
    async with bot(running, done) as seen:
        racing = await asyncio.gather(
            *(running.http.post(COMMANDS, json=SAY, headers=headers) for _ in range(6))
        )
        assert {one.status_code for one in racing} == {200}
        assert len({one.text for one in racing}) == len(seen) == 1
        other = await running.http.post(COMMANDS, json=SAY | {"text": "bye"}, headers=headers)
        assert field_of(other, 422) == "Idempotency-Key"
        await append(running, SessionEnded(session_id="s1", time=at(), reason="asked"))
        again = await running.http.post(COMMANDS, json=SAY, headers=headers)
        assert (again.status_code, again.text) == (200, racing[0].text)
    assert len(seen) == 1


async def test_commands_are_for_live_daily_sessions(running):
    await running.session("heard")
    await running.http.post("/v1/sessions", json={"session_id": "soon", "room_url": ROOM})
    await live(running)
    await append(running, SessionEnded(session_id="s1", time=at(), reason="asked"))
    for session_id, word in (("heard", "recording"), ("soon", "requested"), ("s1", "ended")):
        refused = await running.http.post(f"/v1/sessions/{session_id}/commands", json=SAY)
        assert field_of(refused, 409) == "session_id"
        assert word in refused.json()["detail"]
    assert await count(running.runtime, CommandRequested) == 0


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"\xff", 400, "body"),
        (b"[]", 422, "body"),
        (b"{}", 422, "command"),
        (b'{"command":"dance"}', 422, "command"),
        (b'{"command":"send_chat"}', 422, "text"),
        (b'{"command":"send_chat","text":"a","colour":1}', 422, "colour"),
        (b'{"command":"mute","participants":["a",1]}', 422, "participants.1"),
        (b'{"command":"send_app_message","message":"' + b"x" * (300 << 10) + b'"}', 413, "body"),
    ],
)
async def test_a_command_that_cannot_be_is_refused_by_field(running, body, status, field):
    await live(running)
    headers = {"Content-Type": "application/json"}
    refused = await running.http.post(COMMANDS, content=body, headers=headers)
    assert field_of(refused, status) == field
    assert await count(running.runtime, CommandRequested) == 0


async def test_what_is_not_there_is_a_problem_in_the_new_routes_too(running):
    await live(running)
    assert field_of(await running.http.post(COMMANDS, content=b"{}"), 415) == "Content-Type"
    field_of(await running.http.get(f"{COMMANDS}/cmd_1"), 404)
    field_of(await running.http.get(f"{FILES}/fil_1"), 404)
    field_of(await running.http.get(f"{FILES}/a%0Ab"), 404)
    sound = {"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}}
    for session_id in ("nobody", "a.b*"):
        base = f"/v1/sessions/{session_id}"
        for asked in (
            running.http.post(f"{base}/commands", json=SAY),
            running.http.get(f"{base}/commands/cmd_1"),
            running.http.post(f"{base}/files", **sound),
            running.http.get(f"{base}/files/fil_1"),
        ):
            assert field_of(await asked, 404) == "session_id"


async def test_the_documentation_describes_every_command(running):
    document = (await running.http.get("/openapi.json")).json()
    route = document["paths"]["/v1/sessions/{session_id}/commands"]["post"]
    schema = route["requestBody"]["content"]["application/json"]["schema"]
    names = {one["$ref"].rpartition("/")[2] for one in schema["anyOf"]}
    assert names == {one.__name__ for one in CALL_COMMANDS}
    assert names <= set(document["components"]["schemas"])
    assert document["components"]["schemas"]["SendChat"]["properties"]["text"]["maxLength"] == 4000


async def test_a_file_is_sealed_told_of_once_and_given_back_as_it_was(running):
    await live(running)
    data = b"RIFFcanary" * 50_000
    headers = {"Content-Type": "audio/WAV; codecs=1"}
    kept = await running.http.post(FILES, content=data, headers=headers)
    assert kept.status_code == 201, kept.text
    file_id = kept.json()["file_id"]
    assert kept.json() == {"file_id": file_id, "media_type": "audio/wav", "size": len(data)}
    again = await running.http.post(FILES, content=data, headers=headers)
    assert (again.status_code, again.json()) == (201, kept.json())
    assert await count(running.runtime, FileStored) == 1
    got = await running.http.get(f"{FILES}/{file_id}")
    assert (got.status_code, got.content) == (200, data)
    assert got.headers["content-type"] == "audio/wav"
    assert got.headers["content-disposition"] == f'attachment; filename="{file_id}"'
    assert got.headers["x-content-type-options"] == "nosniff"
    blobs = await Blobs.open(running.runtime.js, streams.FILES, running.runtime.keyring)
    assert await blobs.get("s1", file_id) == data
    raw = await (await running.runtime.js.object_store(streams.FILES)).get(f"s1.{file_id}")
    assert b"canary" not in raw.data


async def test_a_picture_the_bot_took_can_be_fetched(running):
    await live(running)
    blobs = await Blobs.open(running.runtime.js, streams.FILES, running.runtime.keyring)
    await blobs.put("s1", "pic", b"\x89PNG")
    stored = {"session_id": "s1", "time": at(), "size": 4}
    await append(running, FileStored(**stored, file_id="pic", media_type="image/png"))
    await append(running, FileStored(**stored, file_id="lost", media_type="image/png"))
    got = await running.http.get(f"{FILES}/pic")
    assert (got.content, got.headers["content-type"]) == (b"\x89PNG", "image/png")
    field_of(await running.http.get(f"{FILES}/lost"), 404)
    await live(running, "s2")
    field_of(await running.http.get("/v1/sessions/s2/files/pic"), 404)


@pytest.mark.parametrize(
    ("kind", "data", "status", "field"),
    [
        ("text/html", b"x", 415, "Content-Type"),
        ("", b"x", 415, "Content-Type"),
        ("audio/", b"x", 415, "Content-Type"),
        ("application/octet-stream", b"x", 415, "Content-Type"),
        ("image/png", b"", 400, "body"),
        ("image/png", b"x" * (FILE_BYTES + 1), 413, "body"),
    ],
)
async def test_a_file_that_cannot_be_kept_is_refused(running, kind, data, status, field):
    await live(running)
    refused = await running.http.post(FILES, content=data, headers={"Content-Type": kind})
    assert field_of(refused, status) == field
    assert await count(running.runtime, FileStored) == 0


async def test_a_session_that_is_over_takes_no_file(running):
    await live(running)
    await append(running, SessionEnded(session_id="s1", time=at(), reason="asked"))
    headers = {"Content-Type": "image/png"}
    refused = await running.http.post(FILES, content=b"x", headers=headers)
    assert field_of(refused, 409) == "session_id"


async def test_the_new_routes_need_their_scopes(server):
    keys = f"sha256:{sha256(b'token').hexdigest()}:read+ask"
    async with gateway(server, api_keys=keys) as running:
        await live(running)
        headers = {"Authorization": "Bearer token"}
        for path in (COMMANDS, FILES, "/v1/sessions"):
            field_of(await running.http.post(path, json=SAY, headers=headers), 403)
            field_of(await running.http.post(path, json=SAY), 401)
        field_of(await running.http.get(f"{COMMANDS}/cmd_1", headers=headers), 404)
