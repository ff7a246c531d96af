"""Every row of Daily's methods and callbacks: HTTP to the client, and the client to HTTP."""

import asyncio
import base64
import io
import json
import struct
import wave
from concurrent.futures import ThreadPoolExecutor

import msgspec
import nats
import pytest
from websockets.sync.client import connect

from contracts import subjects
from contracts.calls import CALL_COMMANDS
from contracts.queries import AudioChunk
from services.ingest.bot.pictures import encode_png
from services.ingest.bot.seam import Frame
from tests.support.daily_callbacks import CALLBACKS
from tests.support.daily_media import INSPECTION, MEDIA
from tests.support.daily_methods import REQUESTS
from tests.support.daily_visit import house, includes, public

pytestmark = pytest.mark.slow

METHODS = [*REQUESTS, *INSPECTION, *MEDIA]
LIFE = {"join", "leave", "release", "set_user_name"}
UNUSED = {
    "participants": "it stops the whole interpreter while a join is under way",
    "update_custom_audio_track": "a track is taken away and another one added",
    "update_custom_video_track": "a track is taken away and another one added",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with house(tmp_path_factory.mktemp("rows")) as running:
        yield running


@pytest.fixture(scope="module")
def visit(home):
    """One session with one bot, and files to play and to show."""
    begun = home.visit("rows")
    begun.name(
        sound=begun.upload("audio/wav", sound(0.2)),
        long=begun.upload("audio/wav", sound(20)),
        picture=begun.upload("image/png", encode_png(Frame(2, 1, bytes(range(8))))),
    )
    return begun


def sound(seconds: float) -> bytes:
    """A WAV file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 16000, 0, "NONE", ""))
        written.writeframes(bytes(2 * int(16000 * seconds)))
    return file.getvalue()


def answered(visit, row):
    """HTTP's answer to the row's command, with what has to happen before and during it."""
    for earlier in row.first:
        if "cmd" in earlier:
            visit.control(earlier)
        else:
            assert visit.order(earlier).status_code == 200
    since = visit.controller.mark()
    with ThreadPoolExecutor(1) as beside:
        answering = beside.submit(visit.order, row.command)
        if row.meanwhile is not None:
            name, expected = row.reports[-1]
            visit.reported(name, since, expected)
            visit.control(row.meanwhile)
        return since, answering.result()


def test_the_tables_have_every_command_method_and_callback():
    commands = {row.command["command"] for row in METHODS}
    assert commands == {str(one.__struct_config__.tag) for one in CALL_COMMANDS}
    reached = {method for row in METHODS for method in row.methods} | LIFE
    assert reached.isdisjoint(UNUSED)
    assert reached | UNUSED.keys() == public("CallClient")
    assert {row.name for row in CALLBACKS} == public("EventHandler")
    assert (len(public("CallClient")), len(public("EventHandler"))) == (48, 39)


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row.command["command"])
def test_a_command_over_http_reaches_the_client(visit, row):
    since, answer = answered(visit, row)
    assert answer.status_code == 200, answer.text
    outcome = answer.json()
    assert outcome["status"] == "done"
    assert includes(outcome["result"], visit.fill(row.result)), outcome["result"]
    visit.name(result=outcome["result"])
    for name, expected in row.reports:
        visit.reported(name, since, expected)
    again = visit.http.get(f"{visit.path}/commands/{outcome['command_id']}")
    assert (again.status_code, again.json()) == (200, outcome)


@pytest.mark.parametrize("row", CALLBACKS, ids=lambda row: row.event)
def test_a_callback_becomes_an_event_over_http(visit, row):
    after = visit.last_seq()
    for control in row.controls:
        visit.control(control)
    visit.event(row.event, after, **row.fields)


def test_what_is_being_said_is_a_caption_on_the_live_socket(visit):
    address = f"ws{visit.house.product.url.removeprefix('http')}{visit.path}/live"
    with connect(address, proxy=None) as socket:
        told = json.loads(socket.recv(30))  # from here on it listens for captions
        visit.control(
            {
                "cmd": "speak",
                "participant": "$Ann",
                "text": "half a",
                "final": False,
                "force": True,
                "raw": {"from_finalize": False},
            }
        )
        while told["type"] != "caption" or told["final"]:
            told = json.loads(socket.recv(30))
    assert (told["text"], told["speaker"]) == ("half a", "Ann")


def test_a_picture_taken_is_a_png_to_fetch(visit):
    (row,) = (row for row in METHODS if row.command["command"] == "take_picture")
    _, answer = answered(visit, row)
    file = visit.http.get(f"{visit.path}/files/{answer.json()['result']}")
    assert (file.status_code, file.headers["content-type"]) == (200, "image/png")
    assert file.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", file.content[16:24]) == (6, 4)
    taken = visit.event("PictureTaken", file_id=answer.json()["result"])
    assert (taken["width"], taken["height"], taken["source"]) == (6, 4, "screenVideo")


async def test_captured_audio_is_handed_on_over_nats(visit):
    who = {"participant_id": "$Ann", "source": "microphone"}
    spoken = bytes(range(256)) * 5  # 40 ms of 16,000 samples a second: two pieces
    nc = await nats.connect(visit.house.nats_url)
    try:
        heard = await nc.subscribe(subjects.audio(visit.session_id))
        await nc.flush()
        begun = await asyncio.to_thread(visit.order, {"command": "capture_audio", **who})
        assert begun.status_code == 200, begun.text
        await asyncio.to_thread(subscribed, visit)
        samples = base64.b64encode(spoken).decode()
        told = {"cmd": "audio", "participant": "$Ann", "samples": samples}
        assert await asyncio.to_thread(visit.control, told) == 2
        chunks = [
            msgspec.json.decode((await heard.next_msg(30)).data, type=AudioChunk) for _ in range(2)
        ]
    finally:
        await nc.close()
    assert b"".join(one.samples for one in chunks) == spoken
    assert [one.number for one in chunks] == [1, 2]
    assert {one.participant_id for one in chunks} == {visit.fill("$Ann")}
    assert all(one.sample_rate == 16000 and one.at > 0 for one in chunks)


def subscribed(visit) -> None:
    media = {"$Ann": {"media": {"microphone": "subscribed"}}}
    visit.reported("update_subscriptions", 0, {"participants": media})


def test_what_was_played_and_shown_is_told(visit):
    visit.order({"command": "play_audio", "file_id": "$sound", "track": "told"})
    played = visit.event("AudioPlayed", track="told")
    assert (played["complete"], played["file_id"]) == (True, visit.fill("$sound"))
    visit.order({"command": "play_audio", "file_id": "$long", "track": "cut"})
    visit.order({"command": "stop_audio", "track": "cut"})
    visit.event("AudioPlayed", track="cut", complete=False)
    visit.order({"command": "show_picture", "file_id": "$picture", "track": "wall"})
    visit.event("PictureShown", track="wall", width=1280, height=720)
    visit.order({"command": "hide_picture", "track": "wall"})
    visit.event("PictureHidden", track="wall")


def test_a_life_joins_under_our_name_and_ends_released(home):
    since = home.controller.mark()
    visit = home.visit("life")
    nobody = {"camera": "unsubscribed", "microphone": "unsubscribed"}
    for name, expected in (
        ("set_user_name", {"user_name": "Earshot"}),
        ("update_subscription_profiles", {"profiles": {"base": nobody}}),
        ("join", {"url": visit.url, "token": "owner"}),
        ("joined", {"room": visit.url, "user_name": "Earshot", "owner": True}),
        ("chat_sent", {"user_name": "Earshot"}),
        ("start_transcription", {"settings": {"includeRawResponse": True}}),
    ):
        visit.reported(name, since, expected)
    quiet = {"camera": False, "microphone": False}
    visit.reported("join", since, {"settings": {"inputs": quiet, "publishing": quiet}})
    since = home.controller.mark()
    assert visit.end()["reason"] == "asked"
    for name in ("stop_transcription", "leave", "left", "client_released", "deinit"):
        visit.reported(name, since, {})
