"""The product with a room: as a user starts it, with the real client and with the fake."""

import asyncio
import signal
import sys
import time

import pytest

from tests.support.product import Api, descendants, up
from tests.support.rooms import URL, fake, told


def bots(product):
    return [
        pid
        for pid, line in descendants(product.process.pid).items()
        if "services.ingest.bot" in line
    ]


async def join(product, address):
    """`earshot join`: exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "earshot", "join", address, "--url", product.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def until(check, seconds=40):
    async with asyncio.timeout(seconds):
        while not (found := await check()):
            await asyncio.sleep(0.1)
        return found


@pytest.mark.slow
async def test_the_real_client_says_plainly_that_the_room_cannot_be_reached(tmp_path):
    """No network leads to Daily from where the tests run, and nothing hangs over it."""
    with up(tmp_path, "--no-demo") as product:
        began = time.monotonic()
        status, said = await join(product, "https://earshot-test.daily.co/nowhere")
        assert time.monotonic() - began < 30
        assert status == 1
        assert "The room cannot be reached" in said
        assert bots(product) == []
        assert "exit status -6" not in product.logs()


@pytest.mark.slow
async def test_a_killed_ingest_service_gets_its_bots_back_and_an_end_leaves_none(
    tmp_path, monkeypatch
):
    with fake(monkeypatch) as controller:
        controller.join("Ann", room=URL)
        with up(tmp_path, "--no-demo") as product:
            async with Api(product.url) as api:
                body = {"source": "daily", "room_url": URL, "token": "owner"}
                made = (await api.patient("POST", "/v1/sessions", json=body)).json()
                path = f"/v1/sessions/{made['session_id']}"
                await told(controller, "start_transcription", timeout=40)
                await transcript(controller, api, path, "before")
                mark = controller.mark()
                product.kill("ingest")
                await told(controller, "start_transcription", timeout=30, since=mark)
                assert len(bots(product)) == 1
                await transcript(controller, api, path, "before after")
                view = (await api.patient("GET", path)).json()
                assert (view["status"], view["bot"]["number"]) == ("live", 2)
                assert [gap["cause"] for gap in view["gaps"]] == ["bot_died"]
                product.remember_family()
            product.stop(signal.SIGINT)
            assert product.alive() == []
        assert controller.problems() == []


async def transcript(controller, api, path, words):
    """Say the last of the words, and wait until the transcript has all of them."""
    await asyncio.to_thread(controller.speak, "Ann", words.split()[-1], room=URL)

    async def heard():
        reply = await api.patient("GET", f"{path}/transcript.json")
        return [one["text"] for one in reply.json()["segments"]] == words.split()

    await until(heard)
