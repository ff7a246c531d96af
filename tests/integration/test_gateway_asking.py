"""Questions, summaries and contexts over HTTP, with a scripted stand-in for who answers."""

import asyncio
import json
from datetime import timedelta

import msgspec
import pytest

from contracts import codec, subjects
from contracts.commands import Context, Part
from contracts.events import Coverage, QueryAsked, SegmentRef
from contracts.queries import AnswerDelta, ContextServed, ContextWanted, Refused
from services._runtime.clock import now
from tests.integration.test_gateway import field_of
from tests.support.facts import heard
from tests.support.gateway import answered, answering, failed, gateway

QUERY = "/v1/sessions/s1/query"
STREAMED = {"Accept": "text/event-stream"}


async def answer(asked):
    return answered(asked)


async def nothing(_):
    return None


def sse_events(text):
    """Name and data of each event in a finished stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


async def test_an_answer_has_exactly_the_promised_members(running):
    await running.session("s1", segments=2)
    async with answering(running.runtime, answer) as asked:
        got = await running.http.post(QUERY, json={"query": "which?", "budget_tokens": 900})
    assert got.status_code == 200
    (question,) = asked
    assert (question.query, question.budget_tokens) == ("which?", 900)
    assert question.deadline - question.time == timedelta(minutes=10)
    assert got.json() == {
        "query_id": question.query_id,
        "task": "query",
        "answer": "It was number one.",
        "citations": [{"segment_id": "seg1", "seq": 4, "start": 3.0, "end": 5.0, "speaker": "Ada"}],
        "as_of_seq": 5,
        "coverage": {
            "segments": 2,
            "verbatim": 2,
            "summarised": 0,
            "not_covered": 0,
            "ranges": [],
        },
        "cached": False,
        "model": "scripted",
        "usage": {"input_tokens": 10, "output_tokens": 5, "cost_usd": None},
    }
    later = await running.http.get(f"/v1/sessions/s1/queries/{question.query_id}")
    assert (later.status_code, later.json()) == (200, got.json())


@pytest.mark.parametrize(
    ("wanted", "status", "field"),
    [
        ({"query": "x" * 4001}, 413, "query"),
        ({"query": "x" * (300 << 10)}, 413, "query"),
        ({"query": 5}, 422, "query"),
        ({"query": " \n"}, 422, "query"),
        ({}, 422, "query"),
        ({"query": "?", "min_seq": "1"}, 422, "min_seq"),
        ({"query": "?", "min_seq": -1}, 422, "min_seq"),
        ({"query": "?", "min_seq": 10_000}, 409, "min_seq"),
        ({"query": "?", "budget_tokens": 0}, 422, "budget_tokens"),
        ({"query": "?", "task": "transcript"}, 422, "task"),
        ({"query": "?", "task": "poem"}, 422, "task"),
        ({"query": "?", "colour": "red"}, 422, "colour"),
        ({"query": "\ud800"}, 422, "query"),
    ],
)
async def test_a_question_that_cannot_be_is_refused_by_field(running, wanted, status, field):
    await running.session("s1")
    headers = {"Content-Type": "application/json"}
    refused = await running.http.post(QUERY, content=json.dumps(wanted), headers=headers)
    assert field_of(refused, status) == field
    assert await running.http.get("/v1/sessions/s1") is not None
    assert (await running.http.get("/v1/sessions/s1")).json()["counts"]["queries"] == 0


async def test_malformed_json_is_a_problem(running):
    await running.session("s1")
    headers = {"Content-Type": "application/json"}
    refused = await running.http.post(QUERY, content='{"query": "a', headers=headers)
    assert field_of(refused, 400) == "body"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("timeout", 504),
        ("expired", 504),
        ("rate_limited", 429),
        ("unavailable", 502),
        ("gave_up", 502),
        ("refused", 502),
        ("malformed", 502),
    ],
)
async def test_a_failed_question_says_why(running, reason, status):
    await running.session("s1")

    async def fail(asked):
        return failed(asked, reason)

    async with answering(running.runtime, fail) as asked:
        got = await running.http.post(QUERY, json={"query": "which?"})
        field_of(got, status)
        streamed = await running.http.post(QUERY, json={"query": "which?"}, headers=STREAMED)
    assert (got.json()["query_id"], got.json()["reason"]) == (asked[0].query_id, reason)
    assert ("retry-after" in got.headers) == (reason in {"rate_limited", "unavailable"})
    ((name, problem),) = sse_events(streamed.text)
    assert (name, problem["status"], problem["reason"]) == ("error", status, reason)


async def test_an_answer_that_does_not_come_can_be_fetched_later(server):
    async with gateway(server, answer_seconds=1) as running:
        await running.session("s1")
        got = await running.http.post(QUERY, json={"query": "which?"})
        field_of(got, 504)
        path = f"/v1/sessions/s1/queries/{got.json()['query_id']}"
        pending = await running.http.get(path)
        assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        async with answering(running.runtime, answer):
            async with asyncio.timeout(5):
                while (found := await running.http.get(path)).status_code == 202:
                    await asyncio.sleep(0.02)
        assert found.json()["answer"] == "It was number one."
        field_of(await running.http.get("/v1/sessions/s1/queries/qry_other"), 404)


async def test_an_answer_is_streamed_as_it_is_written(running):
    await running.session("s1")

    async def write(asked):
        for offset, text in ((0, "It was "), (7, "number one.")):
            delta = AnswerDelta(query_id=asked.query_id, offset=offset, text=text)
            subject = subjects.answer_tokens("s1", asked.query_id)
            await running.runtime.nc.publish(subject, codec.encode_reply(delta))
        await running.runtime.nc.flush()
        await asyncio.sleep(0.1)
        return answered(asked)

    async with answering(running.runtime, write):
        got = await running.http.post(QUERY, json={"query": "which?"}, headers=STREAMED)
    assert got.headers["content-type"].startswith("text/event-stream")
    *deltas, (name, last) = sse_events(got.text)
    assert deltas == [
        ("delta", {"offset": 0, "text": "It was "}),
        ("delta", {"offset": 7, "text": "number one."}),
    ]
    assert (name, last["answer"]) == ("answer", "It was number one.")
    refused = await running.http.post(QUERY, json={"query": ""}, headers=STREAMED)
    assert field_of(refused, 422) == "query"


async def test_a_stream_beats_while_nobody_answers(running, monkeypatch):
    monkeypatch.setattr("services.gateway.http.sse.BEAT_SECONDS", 0.05)
    await running.session("s1")

    async def slowly(asked):
        await asyncio.sleep(0.3)
        return answered(asked)

    async with answering(running.runtime, slowly):
        got = await running.http.post(QUERY, json={"query": "which?"}, headers=STREAMED)
    assert got.text.startswith(": ping")
    assert sse_events(got.text)[-1][0] == "answer"


async def test_the_same_idempotency_key_asks_once(running):
    await running.session("s1")
    wanted, key = {"query": "which?"}, {"Idempotency-Key": "k1"}
    async with answering(running.runtime, answer) as asked:
        racing = await asyncio.gather(
            *(running.http.post(QUERY, json=wanted, headers=key) for _ in range(5))
        )
        later = await running.http.post(QUERY, json=wanted, headers=key)
        other = await running.http.post(QUERY, json={"query": "other?"}, headers=key)
    assert len(asked) == 1
    assert all(one.json() == later.json() for one in racing)
    assert field_of(other, 422) == "Idempotency-Key"


async def test_twenty_askers_for_a_summary_cause_one(running):
    await running.session("s1", segments=1)
    async with answering(running.runtime, answer) as asked:
        racing = await asyncio.gather(
            *(running.http.get("/v1/sessions/s1/summary") for _ in range(10)),
            *(running.http.post(QUERY, json={"task": "summary"}) for _ in range(10)),
        )
        again = await running.http.get("/v1/sessions/s1/summary")
    assert [one.task for one in asked] == ["summary"]
    assert {one.json()["query_id"] for one in racing} == {asked[0].query_id}
    assert again.json() == racing[0].json() | {"cached": True}
    assert again.headers["cache-control"] == "private, max-age=30"
    assert 0 <= int(again.headers["age"]) <= 30


async def test_a_summary_grows_old_and_is_made_anew(server):
    async with gateway(server, summary_seconds=0.5) as running:
        await running.session("s1", segments=1)
        async with answering(running.runtime, answer) as asked:
            first = await running.http.get("/v1/sessions/s1/summary")
            await asyncio.sleep(0.6)
            second = await running.http.get("/v1/sessions/s1/summary")
    assert len(asked) == 2
    assert first.json()["query_id"] != second.json()["query_id"]


async def test_whoever_has_seen_more_gets_a_newer_summary(running):
    await running.session("s1", segments=1)

    async def up_to_now(asked):
        return answered(asked, as_of_seq=await running.runtime.log.last_seq("s1"))

    async with answering(running.runtime, up_to_now) as asked:
        await running.http.get("/v1/sessions/s1/summary")
        seq = await running.runtime.publisher.append(heard(1))
        newer = await running.http.post(QUERY, json={"task": "summary", "min_seq": seq})
        again = await running.http.get("/v1/sessions/s1/summary")
    assert len(asked) == 2
    assert newer.json()["as_of_seq"] >= seq
    assert again.json()["query_id"] == newer.json()["query_id"]


async def test_an_answer_outlives_a_restart_of_the_log(server, running):
    await running.session("s1")
    asking = asyncio.create_task(running.http.post(QUERY, json={"query": "which?"}))
    async with asyncio.timeout(10):
        while not (found := await _questions(running)):
            await asyncio.sleep(0.02)
    server.kill()
    await server.start()
    await running.runtime.publisher.append(answered(found[0]))
    assert (await asking).json()["answer"] == "It was number one."


async def _questions(running):
    events = await running.runtime.log.read("s1")
    return [event for _, event in events if isinstance(event, QueryAsked)]


async def test_a_question_while_nats_is_away_is_turned_away_unasked(server, running):
    await running.session("s1")
    server.kill()
    async with asyncio.timeout(15):
        while (await running.http.get("/health/ready")).status_code != 503:
            await asyncio.sleep(0.05)
    field_of(await running.http.post(QUERY, json={"query": "which?"}), 503)
    await server.start()
    async with asyncio.timeout(15):
        while (await running.http.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)
    assert await _questions(running) == []


SERVED = ContextServed(
    context=Context(
        as_of_seq=4,
        tokens=7,
        parts=(
            Part(
                kind="tail",
                text="Ada: number 0",
                from_seq=3,
                to_seq=3,
                segments=(SegmentRef(segment_id="seg0", seq=3, start=0, end=2, speaker="Ada"),),
            ),
        ),
        coverage=Coverage(segments=1, verbatim=1, summarised=0, not_covered=0),
    ),
    state_hash="abc",
)


async def context_service(running, replies):
    """Answer contexts of s1 with these replies, one after another; returns what was wanted."""
    wanted = []

    async def on_wanted(message):
        wanted.append(msgspec.json.decode(message.data, type=ContextWanted))
        await message.respond(codec.encode_reply(replies.pop(0)))

    subject = subjects.context_of(subjects.partition("s1"))
    await running.runtime.nc.subscribe(subject, cb=on_wanted)
    await running.runtime.nc.flush()
    return wanted


async def test_a_context_is_as_new_as_the_log(running):
    last = await running.session("s1", segments=1)
    wanted = await context_service(running, [Refused(reason="behind"), SERVED, SERVED])
    path = "/v1/sessions/s1/context"
    got = await running.http.get(path, params={"query": "which?", "budget_tokens": 500})
    assert got.headers["etag"] == '"abc"'
    assert got.json() == {
        "as_of_seq": 4,
        "tokens": 7,
        "parts": [
            {
                "kind": "tail",
                "text": "Ada: number 0",
                "from_seq": 3,
                "to_seq": 3,
                "segment_ids": ["seg0"],
            }
        ],
        "coverage": {"segments": 1, "verbatim": 1, "summarised": 0, "not_covered": 0, "ranges": []},
    }
    expected = ContextWanted(session_id="s1", query="which?", budget_tokens=500, min_seq=last)
    assert wanted == [expected, expected]
    await running.http.get(path, params={"at_seq": last})
    assert wanted[-1].at_seq == last
    assert field_of(await running.http.get(path, params={"at_seq": last + 1}), 409) == "at_seq"
    assert field_of(await running.http.get(path, params={"query": "x" * 4001}), 413) == "query"


async def test_a_context_that_cannot_be_is_a_problem(running, monkeypatch):
    await running.session("s1")
    await context_service(running, [Refused(reason="unfit", detail="needs 120 tokens")])
    path = "/v1/sessions/s1/context"
    refused = await running.http.get(path, params={"budget_tokens": 200})
    assert field_of(refused, 422) == "budget_tokens"
    assert "120" in refused.json()["detail"]


async def test_without_a_context_service_a_context_is_not_available(running, monkeypatch):
    monkeypatch.setattr("services.gateway.contexts.LIMIT_SECONDS", 0.3)
    await running.session("s1")
    refused = await running.http.get("/v1/sessions/s1/context")
    field_of(refused, 503)
    assert refused.headers["retry-after"]


async def test_a_copied_summary_is_not_this_sessions(running):
    await running.session("s1")
    copied = QueryAsked(
        session_id="s1",
        time=now(),
        query_id="sum_old",
        task="summary",
        deadline=now(),
        copied_from="s0",
    )
    await running.runtime.publisher.append(copied)
    await running.runtime.publisher.append(answered(copied, copied_from="s0"))
    async with answering(running.runtime, answer) as asked:
        got = await running.http.get("/v1/sessions/s1/summary")
    assert got.json()["query_id"] == asked[-1].query_id != "sum_old"
