"""The sample meeting's loop against a stand-in for the gateway."""

import asyncio

import httpx
import pytest

from earshot import demo, sample
from tests.support import fake_gateway
from tests.support.fake_gateway import problem

DEMO = {"title": "Sample", "demo": "true"}


@pytest.fixture
def gateway(monkeypatch):
    monkeypatch.setattr(demo, "POLL_SECONDS", 0.01)
    with fake_gateway.served() as fake:
        yield fake


@pytest.fixture
async def http(gateway):
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as client:
        yield client


def uploads(gateway):
    return [(path, query) for method, path, query, _ in gateway.requests if method == "PUT"]


async def test_a_meeting_is_created_played_at_four_times_its_pace_and_seen_through(gateway, http):
    session_id = await demo.once(http, sample.meeting())
    assert uploads(gateway) == [
        (f"/v1/sessions/{session_id}/recording", {"mode": "replay", "speed": "4"})
    ]
    view = gateway.sessions[session_id]
    assert (view["status"], view["metadata"]["demo"]) == ("ended", "true")
    assert view["metadata"]["title"]


async def test_a_meeting_that_still_plays_is_waited_for(gateway, http):
    gateway.add("other", "live")
    gateway.add("s1", "live", metadata=DEMO, polls=0)
    assert await demo.once(http, sample.meeting()) == "s1"
    assert uploads(gateway) == []


async def test_a_meeting_without_its_recording_gets_it(gateway, http):
    gateway.add("s1", "requested", metadata=DEMO)
    assert await demo.once(http, sample.meeting()) == "s1"
    assert len(uploads(gateway)) == 1


async def test_it_plays_again_and_outlives_refusals(gateway, monkeypatch):
    monkeypatch.setattr(demo, "RETRIES", demo.Policy(first=0.01, longest=0.01))
    gateway.replies["GET", "/v1/sessions"] = problem(503, "Not available now", "nats", "away")
    playing = asyncio.create_task(demo.play(gateway.url, sample.meeting(), pause=0.01))
    await asyncio.sleep(0.3)
    assert uploads(gateway) == []
    gateway.replies.clear()
    async with asyncio.timeout(20):
        while len(uploads(gateway)) < 3:
            await asyncio.sleep(0.02)
    playing.cancel()
    await asyncio.wait({playing})
    assert playing.cancelled()
