"""Names given to speakers over HTTP, and how every view follows what is changed in the log."""

import asyncio
import json
from hashlib import sha256

import pytest
from websockets.asyncio.client import connect

from contracts.events import (
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SpeakerRenamed,
    SpeakersMerged,
)
from services.gateway import importing, transcript
from services.gateway.bridge import speaking
from services.gateway.bridge.reading import transcript_at
from services.gateway.importing import Target
from tests.integration.test_gateway import count, field_of
from tests.integration.test_gateway_streams import following, messages, take
from tests.support.facts import at, heard
from tests.support.gateway import gateway

SPEAKERS = "/v1/sessions/s1/speakers"
OF = {"session_id": "s1", "time": at()}
CHANGED = (
    SegmentCorrected(**OF, segment_id="seg0", revision=1, text="Number nought."),
    SegmentSuppressed(**OF, segment_id="seg1", reason="echo"),
    SegmentRedacted(**OF, segment_id="seg2"),
    SpeakerRenamed(**OF, change_id="c1", speaker="p1", name="Liza"),
    SpeakersMerged(**OF, change_id="c2", speaker="p2", into="p1"),
)


async def meeting(running):
    """Ada and Bo said one thing each, and somebody a third."""
    await running.session("s1", segments=1)
    await running.runtime.publisher.append(heard(1, speaker="Bo", speaker_id="p2"))
    return await running.runtime.publisher.append(heard(2, speaker=None, speaker_id="p3"))


async def named(running, names, **headers):
    return await running.http.patch(SPEAKERS, json=names, headers=headers)


async def called(running):
    read = (await running.http.get("/v1/sessions/s1/transcript")).json()
    return [one["speaker"] for one in read["segments"]]


async def changes(running):
    return await count(running.runtime, SpeakerRenamed), await count(
        running.runtime, SpeakersMerged
    )


async def test_a_name_is_shown_everywhere_from_the_beginning_on(running):
    before = await meeting(running)
    got = await named(running, {"p1": "Liza", "p3": "Cid"})
    read = (await running.http.get("/v1/sessions/s1/transcript.json")).json()
    assert (got.status_code, got.json()) == (200, read["speakers"])
    assert {key: one["name"] for key, one in got.json().items()} == {
        "p1": "Liza",
        "p2": "Bo",
        "p3": "Cid",
    }
    assert [one["speaker"] for one in read["segments"]] == ["Liza", "Bo", "Cid"]
    text = (await running.http.get("/v1/sessions/s1/transcript.txt")).text
    assert text.startswith("[00:00] Liza: number 0\n")
    earlier = {"at_seq": before}
    past = (await running.http.get("/v1/sessions/s1/transcript", params=earlier)).json()
    assert [one["speaker"] for one in past["segments"]] == ["Ada", "Bo", None]
    again = await named(running, {"p3": "Cid", "p1": "Liza"})
    assert again.text == got.text
    assert await changes(running) == (2, 0)


async def test_a_name_that_another_one_has_makes_both_one_person(running):
    await meeting(running)
    await running.runtime.publisher.append(SessionEnded(**OF, reason="asked"))
    for _ in range(2):
        got = await named(running, {"p2": "Ada"})
        assert got.json() == {
            "p1": {"name": "Ada", "talk_seconds": 4.0, "segments": 2},
            "p3": {"name": None, "talk_seconds": 2.0, "segments": 1},
        }
    assert await changes(running) == (0, 1)
    assert await called(running) == ["Ada", "Ada", None]
    await named(running, {"p2": "Liza"})
    assert await called(running) == ["Liza", "Liza", None]


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ({}, "body"),
        ([], "body"),
        ("Liza", "body"),
        ({"p1": "Liza", "p9": "Bo"}, "p9"),
        ({"p2": "Liza", "p1": ""}, "p1"),
        ({"p2": "Liza", "p1": " "}, "p1"),
        ({"p2": "Liza", "p1": "\u200b"}, "p1"),
        ({"p2": "Liza", "p1": "a\nb"}, "p1"),
        ({"p2": "Liza", "p1": "a\u202eb"}, "p1"),
        ({"p2": "Liza", "p1": "\ud800"}, "p1"),
        ({"p2": "Liza", "p1": "x" * 101}, "p1"),
        ({"p2": "Liza", "p1": None}, "p1"),
        ({"p2": "Liza", "p1": 7}, "p1"),
        ({"p2": "Liza", "p1": {"name": "x"}}, "p1"),
        ({"\ud800": "Liza"}, "\ufffd" * 3),
        ({f"p{n}": "x" for n in range(65)}, "body"),
    ],
)
async def test_names_that_cannot_be_given_are_refused_by_field(running, names, field):
    last = await meeting(running)
    content, headers = json.dumps(names), {"Content-Type": "application/json"}
    refused = await running.http.patch(SPEAKERS, content=content, headers=headers)
    assert field_of(refused, 422) == field
    assert (await running.http.get("/v1/sessions/s1")).json()["last_seq"] == last


async def test_names_that_cannot_be_read_are_problems(running):
    await meeting(running)
    plain = await running.http.patch(SPEAKERS, content=b'{"p1": "Liza"}')
    assert field_of(plain, 415) == "Content-Type"
    headers = {"Content-Type": "application/json"}
    broken = await running.http.patch(SPEAKERS, content=b"{", headers=headers)
    assert field_of(broken, 400) == "body"
    for session_id in ("nobody", "a.b*"):
        unknown = await running.http.patch(f"/v1/sessions/{session_id}/speakers", json={"a": "b"})
        assert field_of(unknown, 404) == "session_id"
    for name in ("x" * 100, "Zoë O'Neil-Иванова 李", "امیر\u200cحسین"):
        got = await named(running, {"p1": f" {name[:98]} "})
        assert got.json()["p1"]["name"] == name[:98]
    assert (await named(running, {"p1": "x" * 100})).status_code == 200


async def test_an_idempotency_key_names_once(running):
    await meeting(running)
    key = {"Idempotency-Key": "k"}
    first = await named(running, {"p1": "Liza", "p2": "Ben"}, **key)
    assert (await named(running, {"p2": "Ben", "p1": "Liza"}, **key)).text == first.text
    assert await changes(running) == (2, 0)
    other = await named(running, {"p1": "Mia"}, **key)
    assert field_of(other, 422) == "Idempotency-Key"
    await named(running, {"p1": "Mia"})
    late = await named(running, {"p1": "Liza", "p2": "Ben"}, **key)
    assert (late.status_code, late.json()["p1"]["name"]) == (200, "Mia")
    assert await changes(running) == (3, 0)


async def test_a_request_that_was_cut_off_is_finished_when_it_is_sent_again(running, monkeypatch):
    await meeting(running)
    publisher, left = running.runtime.publisher, [1]
    append, stored = publisher.append, []

    async def dying(event, **options):
        if not left:
            raise TimeoutError
        left.pop()
        return await kept(event, **options)

    async def kept(event, **options):
        stored.append(event)
        return await append(event, **options)

    monkeypatch.setattr(publisher, "append", dying)
    names, key = {"p1": "Liza", "p2": "Liza"}, {"Idempotency-Key": "k"}
    assert (await named(running, names, **key)).status_code >= 500
    monkeypatch.setattr(publisher, "append", kept)
    await named(running, {"p1": "Mia"})
    finished = await named(running, names, **key)
    assert {k: one["name"] for k, one in finished.json().items()} == {"p1": "Mia", "p3": None}
    assert [type(one) for one in stored] == [SpeakerRenamed, SpeakerRenamed, SpeakersMerged]
    assert await changes(running) == (2, 1)


async def test_of_many_at_once_every_one_is_done_and_none_twice(running):
    await meeting(running)
    racing = await asyncio.gather(
        *(named(running, {"p1": "Liza"}) for _ in range(4)),
        *(named(running, {"p2": "Liza"}) for _ in range(4)),
        *(running.runtime.publisher.append(heard(n, speaker_id="p4")) for n in range(10, 20)),
    )
    assert {one.status_code for one in racing[:8]} == {200}
    renames, merges = await changes(running)
    assert (renames, merges) == (1, 1)
    assert (await called(running))[:2] == ["Liza", "Liza"]


async def test_a_session_that_never_rests_is_left_for_later(running, monkeypatch):
    await meeting(running)
    last_seq = running.runtime.log.last_seq

    async def behind(session_id):
        last = await last_seq(session_id)
        await running.runtime.publisher.append(heard(last))
        return last

    monkeypatch.setattr(running.runtime.log, "last_seq", behind)
    refused = await named(running, {"p1": "Liza"})
    field_of(refused, 503)
    assert refused.headers["retry-after"]
    assert await changes(running) == (0, 0)


async def test_naming_needs_the_scope_manage(server, tmp_path):
    asker, owner = (sha256(word).hexdigest() for word in (b"asker", b"owner"))
    keys = tmp_path / "keys"
    keys.write_text(f"sha256:{asker}:read+ask\nsha256:{owner}:manage\n")
    async with gateway(server, api_keys=str(keys)) as running:
        await meeting(running)
        field_of(await named(running, {"p1": "Liza"}, Authorization="Bearer asker"), 403)
        got = await named(running, {"p1": "Liza"}, Authorization="Bearer owner")
        assert got.json()["p1"]["name"] == "Liza"


async def test_every_view_follows_what_was_changed(running):
    await meeting(running)
    for one in CHANGED:
        last = await running.runtime.publisher.append(one)
    read = (await running.http.get("/v1/sessions/s1/transcript?words=true")).json()
    assert [(one["text"], one["speaker"]) for one in read["segments"]] == [
        ("Number nought.", "Liza")
    ]
    assert (await running.http.get("/v1/sessions/s1/transcript.txt")).text == (
        "[00:00] Liza: Number nought.\n"
    )
    counts = (await running.http.get("/v1/sessions/s1")).json()["counts"]
    assert (counts["segments"], counts["words"]) == (1, 2)
    view = await transcript_at(running.runtime.log, "s1", last)
    assert speaking.text(view) == "Liza: Number nought."


async def test_a_recording_takes_what_was_changed_along(running):
    await meeting(running)
    for one in CHANGED:
        await running.runtime.publisher.append(one)
    await named(running, {"p1": "Mia"})
    recorded = await running.http.get("/v1/sessions/s1/events?format=jsonl")
    for mode in ("import", "replay"):
        target = Target(session_id="s2", mode=mode, uploaded_at=at(99))
        played = importing.read(recorded.content, target).events
        view = transcript.fold(transcript.initial("s2"), enumerate(played, 1))
        assert transcript.render_txt(view) == "[00:00] Mia: Number nought.\n"


async def test_changes_come_over_both_streams_in_their_order(running):
    last = await meeting(running)
    async with (
        connect(running.socket_url(f"/v1/sessions/s1/live?after_seq={last}")) as socket,
        following(running, params={"after_seq": last}) as blocks,
    ):
        for one in CHANGED:
            await running.runtime.publisher.append(one)
        told, stored = await messages(socket, 5), await take(blocks, 5)
    assert [one["type"] for one in told] == [
        "correction",
        "removal",
        "removal",
        "speaker",
        "speaker",
    ]
    assert [one["event"] for one in stored] == [type(one).__name__ for one in CHANGED]
    assert [str(one["seq"]) for one in told] == [one["id"] for one in stored]


async def test_the_documentation_shows_what_naming_takes_and_gives(running):
    document = (await running.http.get("/openapi.json")).json()
    route = document["paths"]["/v1/sessions/{session_id}/speakers"]["patch"]
    taken = route["requestBody"]["content"]["application/json"]["schema"]
    names = document["components"]["schemas"][taken["$ref"].rpartition("/")[2]]
    assert (names["minProperties"], names["maxProperties"]) == (1, 64)
    assert names["additionalProperties"]["maxLength"] == 100
    given = route["responses"]["200"]["content"]["application/json"]["schema"]
    assert given["additionalProperties"]["$ref"].endswith("/Speaker")
    assert "Speaker" in document["components"]["schemas"]
