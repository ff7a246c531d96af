"""The adapter against Daily's own client, as far as that goes without a network."""

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.ingest.bot import daily_call, daily_library
from services.ingest.bot.seam import CallRefusedError, CallUnansweredError, Frame, Request
from tests.support import fakedaily
from tests.support.fake_call import with_wheel

URL = "https://team.daily.co/standup"
ANN = "11111111-1111-4111-8111-111111111111"


@pytest.mark.slow
def test_the_rules_of_the_fake_are_those_of_the_wheel():
    script = Path(fakedaily.__file__).parent / "fake_daily.py"
    done = subprocess.run(
        [sys.executable, script, "selftest", "--real"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


async def event(call, name):
    """The next event of this name."""
    async with asyncio.timeout(5):
        while (got := await call.next()).name != name:
            pass
    return got


@with_wheel()
async def test_a_client_starts_takes_requests_and_ends(call):
    import daily  # noqa: PLC0415 - the process of this test has the wheel

    assert not hasattr(daily, "fake")
    assert await call.request(Request("update_publishing", ({"camera": False},))) is None
    (settings,) = (await event(call, "on_publishing_updated")).args
    assert settings["camera"]["isPublishing"] is False
    assert call.read("publishing") == settings
    began = time.monotonic()
    await call.leave()
    await call.close()
    assert time.monotonic() - began < 3


@with_wheel()
async def test_every_callback_of_the_wheel_is_handed_over():
    import daily  # noqa: PLC0415 - the process of this test has the wheel

    ours = vars(daily_library._Handler)
    assert sum(name.startswith("on_") for name in ours) == 39
    assert {name for name in dir(daily.EventHandler) if name.startswith("on_")} <= set(ours)


@with_wheel()
async def test_every_value_can_be_read_before_a_join(call):
    assert call.read("participant_counts") == {"present": 0, "hidden": 0}
    assert call.read("active_speaker") is None
    assert call.read("network_stats")["threshold"] == "good"
    for what in ("inputs", "publishing", "subscriptions", "subscription_profiles"):
        assert isinstance(call.read(what), dict)


BEFORE_A_JOIN = [
    (Request("send_app_message", ({"a": 1},)), "ChannelNotOpen"),
    (Request("send_prebuilt_chat_message", ("hi",)), "ChannelNotOpen"),
    (Request("start_transcription", ({"includeRawResponse": True},)), "NotInACall"),
    (Request("update_transcription", ((ANN,),)), "NotInACall"),
    (Request("start_recording"), "NotInACall"),
    (Request("start_live_stream_with_rtmp_urls", (("rtmps://a/b",),)), "NotInACall"),
    (Request("start_dialout", ({"phoneNumber": "+15550100"},)), "NotInACall"),
    (Request("eject_remote_participants", ((ANN,),)), "NotInACall"),
    (Request("start_recording", ({}, "no-uuid")), "UUID"),
    (Request("send_app_message", (None,)), "invalid app message"),
    (Request("send_app_message", ({}, "*")), "participant"),
    (Request("send_app_message", (2**70,)), "out of range"),
    (Request("update_subscription_profiles", ({"base": {"camera": "bogus"}},)), "bogus"),
]


@with_wheel()
async def test_what_the_wheel_refuses_is_refused_with_its_words(call):
    for request, words in BEFORE_A_JOIN:
        with pytest.raises(CallRefusedError, match=words):
            await call.request(request)


@with_wheel()
async def test_strings_at_which_the_wheel_panics_are_cleaned(call):
    await call.request(Request("set_user_name", ("Sc\0ri\ud800be",), completes=False))
    (me,) = (await event(call, "on_participant_updated")).args
    assert me["info"]["userName"] == "Scribe"
    with pytest.raises(CallRefusedError, match="parse url"):
        await call.join("no\0where", "\ud800", {})


@with_wheel()
async def test_settings_of_a_join_are_understood(call):
    with pytest.raises(CallRefusedError, match="unknown keys"):
        await call.join(URL, None, {"bogus": 1})
    profile = call.read("subscription_profiles")["base"]
    states = {profile[medium]["subscriptionState"] for medium in ("camera", "microphone")}
    assert states == {"unsubscribed"}
    assert profile["customAudio"]["*"]["subscriptionState"] == "unsubscribed"


@with_wheel()
async def test_renderers_and_subscriptions_are_accepted(call):
    daily_call.PICTURE_SECONDS = 0.3
    call.capture(ANN, "microphone", 16_000, print)
    call.release_capture(ANN, "microphone")
    call.capture(ANN, "music", 48_000, print)
    with pytest.raises(CallUnansweredError):
        await call.picture(ANN, "camera")
    with pytest.raises(CallUnansweredError):
        await call.picture(ANN, "slides")
    await call.request(Request("update_inputs", ({"camera": False},)))
    media = call.read("subscriptions")[ANN]["media"]
    assert media["microphone"]["subscriptionState"] == "unsubscribed"
    assert media["customAudio"]["music"]["subscriptionState"] == "subscribed"
    assert media["camera"]["subscriptionState"] == "unsubscribed"
    assert media["customVideo"]["slides"]["subscriptionState"] == "unsubscribed"


@with_wheel()
async def test_tracks_are_added_written_and_dropped(call):
    began = time.monotonic()
    assert await call.play("jingle", bytes(8000), 8000, 1, 64_000) == 0.5
    assert 0.4 < time.monotonic() - began < 3
    playing = asyncio.create_task(call.play("jingle", bytes(1_920_000), 48_000, 2, None))
    showing = asyncio.create_task(call.show("slide", Frame(16, 16, bytes(1024)), 5, 300_000))
    await asyncio.sleep(0.4)
    assert set(call.read("inputs")["customVideo"]) == {"slide"}
    playing.cancel()
    showing.cancel()
    for stopped in (playing, showing):
        with pytest.raises(asyncio.CancelledError):
            await stopped
    assert call.read("inputs")["customAudio"] == call.read("inputs")["customVideo"] == {}
    assert call.read("publishing")["customAudio"]["jingle"]["isPublishing"]


@with_wheel()
async def test_a_failed_track_does_not_take_the_process_with_it(call):
    kept = []
    for doing in (
        call.play("jingle", bytes(3), 8000, 1, None),
        call.show("slide", Frame(16, 16, b""), 5, None),
    ):
        with pytest.raises(CallRefusedError) as refused:
            await doing
        kept.append(refused.value)
    await call.close()
    assert len(kept) == 2


@with_wheel()
async def test_closing_ends_what_is_on_air():
    call = daily_call.DailyCall()
    playing = asyncio.create_task(call.play("jingle", bytes(160_000), 8000, 1, None))
    await asyncio.sleep(0.3)
    await call.close()
    with pytest.raises(CallRefusedError, match="closed"):
        await playing


@with_wheel()
async def test_the_library_ends_with_the_last_client_and_begins_again():
    for _ in range(2):
        one, other = daily_call.DailyCall(), daily_call.DailyCall()
        await one.close()
        await other.request(Request("update_inputs", ({"camera": False},)))
        await other.close()


@with_wheel()
async def test_a_process_may_end_with_a_client_still_open():
    call = daily_call.DailyCall()
    await call.request(Request("update_inputs", ({"camera": False},)))


@pytest.mark.slow
@with_wheel()
async def test_a_room_that_cannot_be_reached_is_refused_while_the_loop_goes_on(call):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = f"https://127.0.0.1:{closed.getsockname()[1]}"
        await call.request(Request("set_proxy_url", (proxy,)))
        began, slowest = time.monotonic(), 0.0
        joining = asyncio.create_task(call.join(URL, "token", {}))
        while not joining.done():
            before = time.monotonic()
            await asyncio.sleep(0.05)
            slowest = max(slowest, time.monotonic() - before)
        with pytest.raises(CallRefusedError, match="RoomInfoFetchFailed"):
            await joining
    assert 15 < time.monotonic() - began < 25
    assert slowest < 2
    began = time.monotonic()
    await call.close()
    assert time.monotonic() - began < 3


@with_wheel()
async def test_the_wheels_detector_of_speech_works():
    import daily  # noqa: PLC0415 - the process of this test has the wheel

    detector = daily.Daily.create_native_vad(1000, 16_000, 1)
    assert detector.analyze_frames(bytes(320)) == 0.0
