"""The gateway's sessions, reads and refusals against a real nats-server."""

import asyncio
import gzip
import json
from hashlib import sha256

import pytest

from contracts import ids, streams, subjects
from contracts.events import (
    ParticipantJoined,
    RecordingAttached,
    SessionEnded,
    SessionRequested,
)
from services._runtime.blobs import Blobs
from services._runtime.kv import Bucket
from services._runtime.settings import SettingsError
from services.gateway import problems
from services.gateway.service import serve
from tests.support.facts import at, heard, requested
from tests.support.gateway import gateway

PROBLEM = "application/problem+json"
TURNS = (
    b'{"meeting_id": "m1", "domain": "test"}\n'
    b'{"turn": 0, "speaker": "Ada", "text": "hello", "start": 0, "end": 1}\n'
    b'{"turn": 1, "speaker": "Ben", "text": "hi", "start": 1, "end": 2}\n'
)
VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ada>hello\n\n00:01.000 --> 00:02.000\n<v Ben>hi\n"
SRT = b"1\n00:00:00,000 --> 00:00:01,000\nhello\n\n2\n00:00:01,000 --> 00:00:02,000\nhi\n"
RECORDING = (
    b'{"earshot":1,"session":{"session_id":"old"}}\n'
    b'{"seq":7,"type":"SegmentHeard","session_id":"old","time":"2026-01-05T09:00:02Z",'
    b'"segment_id":"a","start":0.0,"end":1.0,"text":"hello"}\n'
)


def field_of(response, status):
    """The first field a problem names, having checked that it is one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert problem["status"] == status
    assert all(problem[member] for member in ("type", "title", "detail"))
    return problem["errors"][0]["field"] if "errors" in problem else None


async def count(runtime, event_type):
    filters = [subjects.type_in_every_session(event_type)]
    return sum([len(batch.events) async for batch in runtime.reader.read(filters)])


async def test_a_new_session_is_listed_at_once(running):
    made = await running.http.post("/v1/sessions", json={"source": "recording"})
    assert made.status_code == 201
    session_id = made.json()["session_id"]
    assert made.json() == {"session_id": session_id, "room_url": None, "status": "requested"}
    listed = (await running.http.get("/v1/sessions")).json()
    assert [one["session_id"] for one in listed["items"]] == [session_id]
    assert listed["next_cursor"] is None
    one = (await running.http.get(f"/v1/sessions/{session_id}")).json()
    assert one == listed["items"][0]


async def test_pages_hold_every_session_once_newest_first(running):
    for number in range(5):
        wanted = {"source": "stream", "session_id": f"s{number}"}
        assert (await running.http.post("/v1/sessions", json=wanted)).status_code == 201
    found, cursor = [], None
    while True:
        page = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        listed = (await running.http.get("/v1/sessions", params=page)).json()
        found += [one["session_id"] for one in listed["items"]]
        if (cursor := listed["next_cursor"]) is None:
            break
    assert found == ["s4", "s3", "s2", "s1", "s0"]
    ended = SessionEnded(session_id="s3", time=at(), reason="asked")
    await running.runtime.publisher.append(ended)
    async with asyncio.timeout(5):
        while True:
            listed = await running.http.get("/v1/sessions", params={"status": "ended"})
            if [one["session_id"] for one in listed.json()["items"]] == ["s3"]:
                break
            await asyncio.sleep(0.02)


async def test_a_chosen_id_is_taken_once(running):
    wanted = {"source": "recording", "session_id": "mine"}
    racing = await asyncio.gather(
        *(running.http.post("/v1/sessions", json=wanted) for _ in range(6))
    )
    assert sorted(one.status_code for one in racing) == [201, 409, 409, 409, 409, 409]
    again = await running.http.post("/v1/sessions", json=wanted | {"language": "en"})
    assert field_of(again, 409) == "session_id"
    assert await count(running.runtime, SessionRequested) == 1


async def test_twenty_askers_for_a_room_get_one_session(running):
    wanted = {"source": "stream", "room_url": "https://example.daily.co/standup"}
    racing = await asyncio.gather(
        *(running.http.post("/v1/sessions", json=wanted) for _ in range(20))
    )
    assert sorted(one.status_code for one in racing) == [200] * 19 + [201]
    assert len({one.json()["session_id"] for one in racing}) == 1
    assert await count(running.runtime, SessionRequested) == 1
    session_id = racing[0].json()["session_id"]
    ended = SessionEnded(session_id=session_id, time=at(), reason="asked")
    await running.runtime.publisher.append(ended)
    anew = await running.http.post("/v1/sessions", json=wanted)
    assert anew.status_code == 201
    assert anew.json()["session_id"] != session_id


async def test_a_room_whose_session_is_long_answers_at_once(running):
    wanted = {"source": "stream", "session_id": "s1", "room_url": "https://example.daily.co/a"}
    await running.http.post("/v1/sessions", json=wanted)
    await running.runtime.publisher.append(heard(1))
    began = asyncio.get_running_loop().time()
    held = await running.http.post("/v1/sessions", json=wanted | {"session_id": "s2"})
    assert (held.status_code, held.json()["session_id"]) == (200, "s1")
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_room_whose_winner_died_before_appending_is_not_lost(running, monkeypatch):
    monkeypatch.setattr("services.gateway.requesting.APPEAR_SECONDS", 0.1)
    room_url = "https://example.daily.co/standup"
    rooms = Bucket(running.runtime.nc, running.runtime.js, streams.ROOMS)
    await rooms.put(subjects.room(ids.digest(room_url)), b"ses_abandoned", 0)
    wanted = {"source": "stream", "room_url": room_url}
    got = await running.http.post("/v1/sessions", json=wanted)
    assert (got.status_code, got.json()["session_id"]) == (200, "ses_abandoned")
    assert (await running.http.get("/v1/sessions/ses_abandoned")).json()["room_url"] == room_url


async def test_an_idempotency_key_makes_one_session(running):
    headers, wanted = {"Idempotency-Key": "k1"}, {"source": "recording", "metadata": {"a": "b"}}
    first = await running.http.post("/v1/sessions", json=wanted, headers=headers)
    again = await running.http.post("/v1/sessions", json=wanted, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await running.http.post("/v1/sessions", json={"source": "stream"}, headers=headers)
    assert field_of(other, 422) == "Idempotency-Key"
    assert await count(running.runtime, SessionRequested) == 1


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"source": "telepathy"}, "source"),
        ({"source": "recording", "room_duration_mins": "15"}, "room_duration_mins"),
        ({"source": "recording", "session_id": "a.b"}, "session_id"),
        ({"source": "recording", "session_id": "-a"}, "session_id"),
        ({"source": "recording", "room_url": "javascript:alert(1)"}, "room_url"),
        ({"source": "recording", "metadata": {"a": 1}}, "metadata.a"),
        ({"source": "recording", "metadata": {"a": "\ud800"}}, "metadata.a"),
        ({"source": "recording", "colour": "red"}, "colour"),
        ([], "body"),
    ],
)
async def test_a_session_that_cannot_be_is_refused_by_field(running, wanted, field):
    content, headers = json.dumps(wanted), {"Content-Type": "application/json"}
    refused = await running.http.post("/v1/sessions", content=content, headers=headers)
    assert field_of(refused, 422) == field
    assert await count(running.runtime, SessionRequested) == 0


async def test_requests_that_cannot_be_read_are_problems(running):
    http, json_type = running.http, {"Content-Type": "application/json"}
    assert field_of(await http.post("/v1/sessions", content="{", headers=json_type), 400) == "body"
    for content in (b'"\xff"', b"[" * 100_000):
        refused = await http.post("/v1/sessions", content=content, headers=json_type)
        assert field_of(refused, 400) == "body"
    assert field_of(await http.post("/v1/sessions", content="{}"), 415) == "Content-Type"
    large = json.dumps({"metadata": {"a": "x" * (300 << 10)}})
    for content in (large, _chunks(large.encode())):
        refused = await http.post("/v1/sessions", content=content, headers=json_type)
        assert field_of(refused, 413) == "body"
    field_of(await http.get("/v1/nowhere"), 404)
    field_of(await http.get("/v1/sessions/"), 404)
    wrong = await http.delete("/v1/sessions")
    field_of(wrong, 405)
    assert wrong.headers["allow"]
    assert field_of(await http.get("/v1/sessions?limit=many"), 422) == "limit"
    assert field_of(await http.get("/v1/sessions?cursor=nonsense"), 400) == "cursor"


async def _chunks(content):
    for start in range(0, len(content), 4096):
        yield content[start : start + 4096]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/transcript"),
        ("GET", "/transcript.txt"),
        ("GET", "/transcript?at_seq=1"),
        ("GET", "/summary"),
        ("GET", "/context"),
        ("GET", "/events"),
        ("GET", "/events?format=jsonl"),
        ("GET", "/queries/qry_1"),
        ("POST", "/query"),
        ("POST", "/end"),
        ("PUT", "/recording"),
    ],
)
@pytest.mark.parametrize("session_id", ["nobody", "a.b*", "%3E"])
async def test_an_unknown_session_is_a_problem_everywhere(running, method, path, session_id):
    body = {"json": {"query": "what?"}} if path == "/query" else {}
    response = await running.http.request(method, f"/v1/sessions/{session_id}{path}", **body)
    assert field_of(response, 404) == "session_id"


async def test_the_transcript_is_never_older_than_the_log(running):
    await running.session("s1")
    for number in range(30):
        seq = await running.runtime.publisher.append(heard(number))
        read = (await running.http.get("/v1/sessions/s1/transcript")).json()
        assert read["as_of_seq"] == seq
        assert len(read["segments"]) == number + 1


async def test_the_transcript_has_formats_history_and_a_tag(running):
    last = await running.session("s1", segments=3)
    base = "/v1/sessions/s1/transcript"
    plain = await running.http.get(base)
    assert plain.headers["etag"] == f'"{last}"'
    assert (await running.http.get(f"{base}.json")).json() == plain.json()
    text = await running.http.get(f"{base}.txt")
    assert text.headers["content-type"].startswith("text/plain")
    assert "Ada: number 2" in text.text
    earlier = (await running.http.get(base, params={"at_seq": last - 1})).json()
    assert (earlier["as_of_seq"], len(earlier["segments"])) == (last - 1, 2)
    words = (await running.http.get(f"{base}.json?words=true")).json()
    assert words["segments"][0]["words"] == []
    unchanged = await running.http.get(base, headers={"If-None-Match": f'"{last}"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert field_of(await running.http.get(base, params={"at_seq": last + 1}), 409) == "at_seq"
    assert field_of(await running.http.get(f"{base}?clean=true"), 422) == "clean"
    assert field_of(await running.http.get(f"{base}?at_seq=0"), 422) == "at_seq"
    field_of(await running.http.get(f"{base}.docx"), 404)


@pytest.mark.parametrize(
    ("data", "items"),
    [(TURNS, 4), (gzip.compress(TURNS, mtime=0), 4), (VTT, 4), (SRT, 2), (RECORDING, 1)],
    ids=["turns", "gzip", "vtt", "srt", "recording"],
)
async def test_every_kind_of_file_is_attached_and_queued(running, data, items):
    wanted = {"source": "recording", "session_id": "s1"}
    await running.http.post("/v1/sessions", json=wanted)
    path = "/v1/sessions/s1/recording?mode=import"
    accepted = await running.http.put(path, content=data)
    assert accepted.status_code == 202, accepted.text
    body = accepted.json()
    assert (body["items"], body["mode"], body["speed"]) == (items, "import", None)
    again = await running.http.put(path, content=data)
    assert (again.status_code, again.json()) == (202, body)
    events = [event for _, event in await running.runtime.log.read("s1")]
    assert [type(event) for event in events] == [SessionRequested, RecordingAttached]
    stored = await Blobs.open(running.runtime.js, streams.RECORDINGS, running.runtime.keyring)
    lines = (await stored.get("s1", body["recording_id"])).splitlines()
    assert len(lines) == items + 1
    jobs = await running.runtime.js.stream_info(streams.JOBS.name)
    assert jobs.state.messages == 1


async def test_a_recording_that_cannot_be_played_is_refused(running):
    await running.http.post("/v1/sessions", json={"source": "stream", "session_id": "live"})
    await running.http.post("/v1/sessions", json={"source": "recording", "session_id": "s1"})
    put, path = running.http.put, "/v1/sessions/s1/recording"
    assert field_of(await put("/v1/sessions/live/recording", content=TURNS), 409) == "source"
    for content in (b"", b"\x00\x01", TURNS.replace(b'"end": 2', b'"end": "x"')):
        assert field_of(await put(path, content=content), 400) == "body"
    assert "line 3" in (await put(path, content=TURNS.replace(b'"end": 2', b"1"))).text
    for speed in ("0", "-1", "nan", "fast", "1001"):
        assert field_of(await put(f"{path}?speed={speed}", content=TURNS), 422) == "speed"
    assert field_of(await put(f"{path}?mode=live", content=TURNS), 422) == "mode"
    assert len(await running.runtime.log.read("s1")) == 1
    fast = await put(f"{path}?speed=max", content=TURNS)
    assert (fast.status_code, fast.json()["speed"]) == (202, None)
    assert field_of(await put(path, content=VTT), 409) == "body"
    assert field_of(await put(f"{path}?speed=2", content=TURNS), 409) == "body"


async def test_of_two_files_uploaded_at_once_one_is_played(running):
    for number in range(5):
        path = f"/v1/sessions/s{number}"
        wanted = {"source": "recording", "session_id": f"s{number}"}
        await running.http.post("/v1/sessions", json=wanted)
        racing = await asyncio.gather(
            *(running.http.put(f"{path}/recording", content=data) for data in (TURNS, VTT, SRT))
        )
        assert sorted(one.status_code for one in racing) == [202, 409, 409]
    assert await count(running.runtime, RecordingAttached) == 5


async def test_answers_on_a_kept_connection_do_not_wait(running):
    await running.session("s1")
    began = asyncio.get_running_loop().time()
    for _ in range(50):
        await running.http.get("/v1/sessions/s1")
    assert asyncio.get_running_loop().time() - began < 50 * 0.03


async def test_an_upload_over_the_limit_is_refused_unread(server):
    async with gateway(server, upload_bytes=1 << 10) as running:
        await running.http.post("/v1/sessions", json={"source": "recording", "session_id": "s1"})
        for content in (b"x" * 2000, _chunks(b"x" * 20_000)):
            refused = await running.http.put("/v1/sessions/s1/recording", content=content)
            assert field_of(refused, 413) == "body"


async def test_ending_asks_ingest_and_is_done_when_it_is_done(running):
    await running.session("s1")
    asked = await running.http.post("/v1/sessions/s1/end")
    assert (asked.status_code, asked.json()["status"]) == (202, "live")
    jobs = await running.runtime.js.stream_info(streams.JOBS.name)
    assert jobs.state.messages == 1
    ended = SessionEnded(session_id="s1", time=at(), reason="asked")
    await running.runtime.publisher.append(ended)
    done = await running.http.post("/v1/sessions/s1/end")
    assert (done.status_code, done.json()["status"]) == (200, "ended")


async def test_while_nats_is_away_requests_are_turned_away_and_then_served(server, running):
    last = await running.session("s1", segments=1)
    assert (await running.http.get("/health/ready")).status_code == 200
    server.kill()
    async with asyncio.timeout(15):
        while (await running.http.get("/health/ready")).status_code != 503:
            await asyncio.sleep(0.05)
    assert (await running.http.get("/health/live")).status_code == 204
    for path in ("/v1/sessions/s1", "/v1/sessions/s1/transcript"):
        away = await running.http.get(path)
        field_of(away, 503)
        assert int(away.headers["retry-after"]) > 0
    await server.start()
    async with asyncio.timeout(15):
        while (await running.http.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)
    assert (await running.http.get("/v1/sessions/s1")).json()["last_seq"] == last


async def test_a_gateway_that_starts_later_knows_the_sessions(server):
    async with gateway(server) as first:
        await first.session("s1")
        await first.session("s2")
    async with gateway(server) as second:
        async with asyncio.timeout(5):
            while (await second.http.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.02)
        listed = (await second.http.get("/v1/sessions")).json()["items"]
        assert [one["session_id"] for one in listed] == ["s2", "s1"]
        assert listed[0]["status"] == "live"


async def test_without_keys_only_this_machine_is_answered(running):
    assert (await running.http.get("/v1/sessions")).status_code == 200
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"X-Forwarded-For": "203.0.113.9"},
    ):
        field_of(await running.http.get("/v1/sessions", headers=headers), 403)
    own = {"Origin": f"http://127.0.0.1:{running.port}"}
    assert (await running.http.get("/v1/sessions", headers=own)).status_code == 200


async def test_another_address_needs_keys(server):
    async with server.runtime("gateway", host="0.0.0.0", port=0) as runtime:
        with pytest.raises(SettingsError, match="EARSHOT_API_KEYS"):
            await serve(runtime)


async def test_keys_open_what_their_scopes_say(server, tmp_path):
    reader, owner = (sha256(word).hexdigest() for word in (b"reader", b"owner"))
    keys = tmp_path / "keys"
    keys.write_text(f"sha256:{reader}:read  # a screen\nsha256:{owner}\n")
    async with gateway(server, api_keys=str(keys)) as running:
        sent, wanted = running.http, {"source": "stream"}
        refused = await sent.get("/v1/sessions")
        field_of(refused, 401)
        assert refused.headers["www-authenticate"].startswith("Bearer")
        wrong = {"Authorization": "Bearer wrong"}
        field_of(await sent.get("/v1/sessions", headers=wrong), 401)
        screen, boss = ({"Authorization": f"Bearer {word}"} for word in ("reader", "owner"))
        assert (await sent.get("/v1/sessions", headers=screen)).status_code == 200
        field_of(await sent.post("/v1/sessions", json=wanted, headers=screen), 403)
        assert (await sent.post("/v1/sessions", json=wanted, headers=boss)).status_code == 201
        assert (await sent.get("/")).status_code == 200
        assert (await sent.get("/health/live")).status_code == 204


async def test_answers_carry_an_id_and_safe_headers(running):
    for path in ("/", "/docs", "/v1/sessions", "/v1/nowhere", "/page.js", "/page.css"):
        headers = (await running.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]
    named = await running.http.get("/", headers={"X-Request-ID": "mine-1"})
    assert named.headers["x-request-id"] == "mine-1"
    assert "unsafe" not in named.headers["content-security-policy"]
    other = await running.http.get("/", headers={"X-Request-ID": "not\tmine"})
    assert other.headers["x-request-id"] != "not\tmine"


async def test_the_documentation_describes_every_body(running):
    document = (await running.http.get("/openapi.json")).json()
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
    assert {"Answer", "Transcript", "SessionView", "Problem"} <= names


async def test_a_bug_says_nothing_of_the_inside(running, monkeypatch):
    async def broken(*_):
        raise ZeroDivisionError("secret")

    await running.session("s1")
    monkeypatch.setattr("services.gateway.reading.Sessions.view", broken)
    response = await running.http.get("/v1/sessions/s1")
    field_of(response, 500)
    assert "secret" not in response.text
    assert response.headers["x-request-id"]


async def test_participants_and_rooms_are_shown(running):
    room_url = "https://example.daily.co/a"
    await running.http.post(
        "/v1/sessions", json={"source": "stream", "session_id": "s1", "room_url": room_url}
    )
    joined = ParticipantJoined(session_id="s1", time=at(), participant_id="p1", name="Ada")
    await running.runtime.publisher.append(joined)
    view = (await running.http.get("/v1/sessions/s1")).json()
    assert (view["room_url"], view["participants"][0]["name"]) == (room_url, "Ada")
    listed = (await running.http.get("/v1/sessions", params={"room": room_url})).json()["items"]
    assert [one["session_id"] for one in listed] == ["s1"]
    assert (await running.http.get("/v1/sessions?room=https://other")).json()["items"] == []


async def test_an_event_nobody_can_read_stops_no_reader(running):
    await running.session("s1", segments=1)
    await running.runtime.js.publish(subjects.of(requested()), b"garbage")
    await running.runtime.publisher.append(heard(1))
    for _ in range(2):
        read = (await running.http.get("/v1/sessions/s1/transcript")).json()
        assert len(read["segments"]) == 2


async def test_a_head_is_a_get_without_its_body(running):
    await running.session("s1", segments=1)
    for path in ("/", "/v1/sessions/s1/transcript", "/v1/sessions/s1/events"):
        async with asyncio.timeout(5):
            head = await running.http.head(path)
        assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_one_room_has_one_spelling(running):
    wanted = {"source": "stream", "room_url": "HTTPS://Example.daily.co/A/?t=1#x"}
    made = (await running.http.post("/v1/sessions", json=wanted)).json()
    assert made["room_url"] == "https://example.daily.co/A"
    again = await running.http.post("/v1/sessions", json=wanted | {"room_url": made["room_url"]})
    assert again.status_code == 200
    listed = (await running.http.get("/v1/sessions", params={"room": wanted["room_url"]})).json()
    assert len(listed["items"]) == 1
    for bad in ("ftp://example.org", "https://a.b/\n", "https://", "https://a:x/"):
        refused = await running.http.post("/v1/sessions", json=wanted | {"room_url": bad})
        assert field_of(refused, 422) == "room_url"


async def test_a_context_too_small_is_refused_by_field(running):
    await running.session("s1")
    asked = {"query": "what?", "budget_tokens": 199}
    refused = await running.http.post("/v1/sessions/s1/query", json=asked)
    assert field_of(refused, 422) == "budget_tokens"
    refused = await running.http.get("/v1/sessions/s1/context?budget_tokens=199")
    assert field_of(refused, 422) == "budget_tokens"


async def test_a_file_that_unpacks_to_too_much_is_too_large(running):
    await running.http.post("/v1/sessions", json={"source": "recording", "session_id": "s1"})
    bomb = gzip.compress(b"WEBVTT" + b" " * (65 << 20))
    refused = await running.http.put("/v1/sessions/s1/recording", content=bomb)
    assert field_of(refused, 413) == "body"


async def test_what_a_path_answers_to_is_told(running):
    allowed = "GET, POST, HEAD, OPTIONS"
    wrong = await running.http.delete("/v1/sessions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed)
    asked = await running.http.options("/v1/sessions")
    assert (asked.status_code, asked.headers["allow"]) == (204, allowed)


async def test_the_documentation_loads_nothing_from_elsewhere(running):
    for path in ("/docs", "/docs.js", "/page.js"):
        got = await running.http.get(path)
        assert got.status_code == 200
        assert "script-src 'self'" in got.headers["content-security-policy"]
        assert "http" not in got.text
        assert "innerHTML" not in got.text


async def test_before_the_first_event_a_context_is_empty(running, monkeypatch):
    async def refuse(*_):
        raise problems.unknown_session()

    monkeypatch.setattr("services.gateway.contexts.context", refuse)
    await running.session("other", segments=3)
    last = await running.session("s1")
    early = await running.http.get("/v1/sessions/s1/context?at_seq=1")
    assert (early.status_code, early.json()["as_of_seq"], early.json()["parts"]) == (200, 0, [])
    later = await running.http.get(f"/v1/sessions/s1/context?at_seq={last}")
    assert field_of(later, 404) == "session_id"
