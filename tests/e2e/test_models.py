"""Behind the whole product a model server that is slow, rude or broken.

The asker gets an answer or a clear error within the limit, never a hang, and the log says which.
"""

import json
import time

import pytest

from tests.support import openai_server as scripted
from tests.support.meetings import numbered
from tests.support.product import Api, up

pytestmark = pytest.mark.slow

LIMIT = 6
"""EARSHOT_ANSWER_SECONDS of these tests."""
SLACK = 2

FINE = "As far as the meeting goes, yes [1]."
TWICE = 2

# What the server does in turn, then what the asker sees: an answer, or status and reason.
SCRIPTS = {
    "streams": ([scripted.ok()], FINE),
    "asks for patience once": ([scripted.rate_limited(1)], FINE),
    "fails once": ([scripted.error(500)], FINE),
    "resets once": ([scripted.reset()], FINE),
    "resets midway once": ([scripted.reset("As far")], FINE),
    "is malformed once": ([scripted.malformed()], FINE),
    "asks for too much patience": ([scripted.rate_limited(60)] * 9, (429, "rate_limited")),
    "always fails": ([scripted.error(500)] * 9, (502, "unavailable")),
    "always resets": ([scripted.reset()] * 9, (502, "unavailable")),
    "stalls for a minute": ([scripted.stall(60)] * 9, (504, "timeout")),
    "stalls midway": ([scripted.stall(60, "As far")] * 9, (504, "timeout")),
    "is always malformed": ([scripted.malformed()] * 9, (502, "malformed")),
    "is no model server": ([scripted.garbage()] * 9, (502, "malformed")),
    "knows no such key": ([scripted.error(401)] * 9, (502, "refused")),
}


async def test_a_bad_model_server_ends_in_an_answer_or_a_clear_error(tmp_path):
    async with scripted.serving() as models:
        environment = {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": models.url,
            "EARSHOT_ANSWER_SECONDS": str(LIMIT),
        }
        with up(tmp_path, "--no-demo", **environment) as product:
            async with Api(product.url) as api:
                session_id = await api.play(numbered(20))
                await api.ended(session_id)
                for name, (script, expected) in SCRIPTS.items():
                    models.script.clear()
                    models.script.extend(script)
                    await ask(api, session_id, name, expected)
                recorded = await api.recording(session_id)
            logs = product.logs()
    conclusions = [
        line["type"]
        for line in map(json.loads, recorded.splitlines()[1:])
        if line["type"] in {"QueryAnswered", "QueryFailed"}
    ]
    assert conclusions == [
        "QueryAnswered" if isinstance(expected, str) else "QueryFailed"
        for _, expected in SCRIPTS.values()
    ]
    for secret in ("sk-test", "this is number 3", FINE):
        assert secret not in logs


async def ask(api, session_id, name, expected):
    start = time.monotonic()
    reply = await api.ask(session_id, f"Is it so that it {name}?")
    taken = time.monotonic() - start
    body = reply.json()
    assert taken < LIMIT + SLACK, name
    if isinstance(expected, str):
        assert (reply.status_code, body.get("answer")) == (200, expected), (name, body)
        assert body["model"] == "gpt-4o-mini"
        assert [one["segment_id"] for one in body["citations"]] == ["seg1"]
        assert body["usage"]["input_tokens"] > 0
    else:
        assert (reply.status_code, body["reason"]) == expected, (name, body)
        assert reply.headers["content-type"] == "application/problem+json"
        assert body["query_id"]


async def test_an_answer_is_streamed_as_it_is_written(tmp_path):
    pieces = ("One ", "two ", "three [1].")
    async with scripted.serving(scripted.ok(*pieces)) as models:
        environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": models.url}
        with up(tmp_path, "--no-demo", **environment) as product:
            async with Api(product.url) as api:
                session_id = await api.play(numbered(5))
                await api.ended(session_id)
                path = f"/v1/sessions/{session_id}/query"
                accept = {"accept": "text/event-stream"}
                asked = {"query": "Count."}
                events = []
                async with api.http.stream("POST", path, json=asked, headers=accept) as reply:
                    async for line in reply.aiter_lines():
                        field, _, value = line.partition(": ")
                        if field == "event":
                            events.append([value, None])
                        elif field == "data":
                            events[-1][1] = json.loads(value)
    deltas = [data for kind, data in events if kind == "delta"]
    assert len(deltas) >= TWICE
    assert "".join(one["text"] for one in deltas).strip() == "One two three [1]."
    assert [kind for kind, _ in events][-1] == "answer"
    assert events[-1][1]["answer"] == "One two three [1]."
