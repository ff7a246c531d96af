"""What the adapter of Daily's client hears, sees, plays and shows, against the fake."""

import asyncio
import base64
import time

import numpy as np
import pytest
import structlog

from services.ingest.bot import daily_call
from services.ingest.bot.seam import CallRefusedError, CallUnansweredError, Frame, Request
from tests.support.fake_call import with_fake

URL = "https://team.daily.co/standup"
ANN = "11111111-1111-4111-8111-111111111111"
SECOND = bytes(2 * 8000)


async def joined(fake, call):
    """The bot is in a room with Ann, and the events of that are read."""
    fake.command({"cmd": "room", "url": URL, "people": [{"id": ANN, "user_name": "Ann"}]})
    await call.join(URL, "token", {})


async def settled(fake):
    """Everything queued so far was delivered."""
    assert await asyncio.to_thread(fake.command, {"cmd": "barrier"})


async def hear(fake, samples, **more):
    """Ann makes these sounds; how many pieces were handed on."""
    await settled(fake)
    encoded = base64.b64encode(samples).decode()
    pieces = fake.command({"cmd": "audio", "participant": ANN, "samples": encoded, **more})
    await settled(fake)
    return pieces


def reports(fake, kind):
    """What the fake saw of one kind, in order."""
    return [one for one in fake.reports if one["report"] == kind]


def received(fake, medium):
    """Whether the bot receives this medium of Ann's."""
    media = reports(fake, "update_subscriptions")[-1]["participants"][ANN]["media"]
    return media[medium] == "subscribed"


@with_fake()
async def test_audio_is_handed_on_until_it_is_released(fake, call):
    await joined(fake, call)
    got = []
    sound = np.arange(16_000, dtype="<i2").tobytes()
    call.capture(ANN, "microphone", 16_000, got.append)
    assert await hear(fake, sound) == 50
    assert b"".join(got) == sound
    assert reports(fake, "set_audio_renderer")[0]["sample_rate"] == 16_000
    call.release_capture(ANN, "microphone")
    assert await hear(fake, sound) == 0
    fake.cores[0].profiles["base"]["microphone"] = "subscribed"
    fake.cores[0].subscriptions.clear()
    assert await hear(fake, sound) == 50
    assert b"".join(got) == sound
    call.capture(ANN, "microphone", 8000, got.append)
    await hear(fake, bytes(320))
    assert b"".join(got) == sound + bytes(320)


@with_fake()
async def test_only_the_latest_listener_to_a_medium_hears_it(fake, call):
    await joined(fake, call)
    first, second = [], []
    call.capture(ANN, "screenAudio", 16_000, first.append)
    renderer = fake.cores[0].renderers["Audio", ANN, "screenAudio"]
    call.capture(ANN, "screenAudio", 16_000, second.append)
    await hear(fake, bytes(640), source="screenAudio")
    fake.cores[0].renderers["Audio", ANN, "screenAudio"] = renderer
    await hear(fake, bytes(640), source="screenAudio")
    assert (first, second) == ([], [bytes(640)])


@with_fake()
async def test_several_channels_are_mixed_to_one(fake, call):
    await joined(fake, call)
    got = []
    call.capture(ANN, "music", 16_000, got.append)
    await settled(fake)
    assert reports(fake, "update_subscriptions")[0]["participants"] == {
        ANN: {"media": {"customAudio": {"music": "subscribed"}}}
    }
    stereo = np.array([[100, 300], [-32768, -32768]], dtype="<i2").tobytes()
    await hear(fake, stereo, source="music", channels=2)
    assert np.frombuffer(b"".join(got), dtype="<i2").tolist() == [200, -32768]


@with_fake()
async def test_a_listener_that_fails_is_heard_of_once_and_not_called_again(fake, call):
    await joined(fake, call)
    calls = []

    def bad(samples):
        calls.append(samples)
        raise ValueError("secret")

    with structlog.testing.capture_logs() as logged:
        call.capture(ANN, "microphone", 16_000, bad)
        await hear(fake, bytes(3200))
    assert len(calls) == 1
    assert [one["error"] for one in logged] == ["ValueError"]
    assert "secret" not in str(logged)


@with_fake()
async def test_media_are_those_of_one_participant(fake, call):
    await joined(fake, call)
    for whom in ("*", "local", "Ann", ""):
        with pytest.raises(CallRefusedError):
            call.capture(whom, "microphone", 16_000, print)
        with pytest.raises(CallRefusedError):
            call.release_capture(whom, "microphone")
        with pytest.raises(CallRefusedError):
            await call.picture(whom, "camera")
    call.release_capture(ANN, "microphone")
    assert not reports(fake, "update_subscriptions")


async def keep_filming(fake, colour, source="camera"):
    """Ann's camera, until cancelled."""
    video = {"cmd": "video", "participant": ANN, "width": 4, "height": 2, "source": source}
    while True:
        fake.command(video | {"rgba": colour})
        await asyncio.sleep(0.02)


@with_fake()
async def test_a_picture_is_the_first_frame_that_comes(fake, call):
    await joined(fake, call)
    filming = asyncio.create_task(keep_filming(fake, [1, 2, 3, 255]))
    assert await call.picture(ANN, "camera") == Frame(4, 2, bytes([1, 2, 3, 255]) * 8)
    await settled(fake)
    assert not received(fake, "camera")
    both = await asyncio.gather(call.picture(ANN, "camera"), call.picture(ANN, "camera"))
    assert both[0] == both[1]
    await settled(fake)
    assert not received(fake, "camera")
    filming.cancel()


@with_fake()
async def test_a_picture_that_does_not_come_is_given_up(fake, call):
    daily_call.PICTURE_SECONDS = 0.3
    await joined(fake, call)
    began = time.monotonic()
    with pytest.raises(CallUnansweredError):
        await call.picture(ANN, "screenVideo")
    assert 0.3 <= time.monotonic() - began < 2
    await settled(fake)
    assert not received(fake, "screenVideo")
    fake.behave("update_subscriptions", error="no such person", times=1)
    with pytest.raises(CallRefusedError, match="no such person"):
        await call.picture(ANN, "camera")


@with_fake()
async def test_a_sound_is_played_to_its_end_in_pieces(fake, call):
    await joined(fake, call)
    began = time.monotonic()
    assert await call.play("jing\0le", SECOND[:-3200] + bytes(80), 8000, 1, 64_000) == 0.805
    assert 0.8 <= time.monotonic() - began < 5
    written = reports(fake, "audio_written")
    assert [one["frames"] for one in written] == [800] * 8 + [40]
    assert {one["track"] for one in written} == {"jingle"}
    order = [one["report"] for one in fake.reports]
    assert order.index("add_custom_audio_track") < order.index("update_publishing")
    assert order.index("update_publishing") < order.index("audio_written")
    assert order.index("audio_written") < order.index("remove_custom_audio_track")
    assert reports(fake, "update_publishing")[0]["settings"] == {
        "customAudio": {
            "jingle": {
                "isPublishing": True,
                "sendSettings": {"channelConfig": "mono", "bitrate": 64_000},
            }
        }
    }
    assert call.read("inputs")["customAudio"] == {}


@with_fake()
async def test_a_stopped_sound_ends_within_a_piece(fake, call):
    await joined(fake, call)
    playing = asyncio.create_task(call.play("jingle", SECOND * 20, 8000, 2, None))
    await asyncio.sleep(0.5)
    playing.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert time.monotonic() - began < 2
    written = reports(fake, "audio_written")
    await asyncio.sleep(0.3)
    assert reports(fake, "audio_written") == written
    assert 0.1 < sum(one["frames"] for one in written) / 8000 < 5
    sending = reports(fake, "update_publishing")[0]["settings"]["customAudio"]["jingle"]
    assert sending["sendSettings"] == {"channelConfig": "stereo"}
    assert reports(fake, "remove_custom_audio_track")


@with_fake()
async def test_a_track_is_used_once_at_a_time(fake, call):
    await joined(fake, call)
    playing = asyncio.create_task(call.play("one", SECOND, 8000, 1, None))
    await asyncio.sleep(0.1)
    with pytest.raises(CallRefusedError, match="in use"):
        await call.play("one", SECOND, 8000, 1, None)
    assert await call.play("two", SECOND[:1600], 8000, 1, None) == 0.1
    assert await playing == 1
    assert await call.play("one", SECOND[:1600], 8000, 1, None) == 0.1


@with_fake()
async def test_a_refused_track_does_not_outlive_the_client(fake, call):
    await joined(fake, call)
    kept = []
    for method in ("add_custom_audio_track", "update_publishing"):
        fake.behave(method, error="no", times=1)
        with pytest.raises(CallRefusedError, match="no") as refused:
            await call.play("jingle", SECOND, 8000, 1, None)
        kept.append(refused.value)
    with pytest.raises(CallRefusedError, match="16-bit") as refused:
        await call.play("jingle", bytes(3), 8000, 1, None)
    kept.append(refused.value)
    with pytest.raises(CallRefusedError, match="frame size") as refused:
        await call.show("slide", Frame(4, 4, b""), 5, None)
    kept.append(refused.value)
    await call.leave()
    await call.close()  # the fake aborts like Daily where a track still lives
    assert reports(fake, "deinit")
    assert len(kept) == 4


@with_fake()
async def test_a_picture_is_shown_until_cancelled(fake, call):
    await joined(fake, call)
    frame = Frame(16, 8, bytes([9, 8, 7, 255]) * 128)
    showing = asyncio.create_task(call.show("slide", frame, 20, 300_000))
    await asyncio.sleep(0.6)
    showing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await showing
    written = reports(fake, "video_written")
    assert 2 <= len(written) <= 30
    assert {(one["track"], one["width"], tuple(one["rgba"])) for one in written} == {
        ("slide", 16, (9, 8, 7, 255))
    }
    assert reports(fake, "update_publishing")[0]["settings"] == {
        "customVideo": {
            "slide": {
                "isPublishing": True,
                "sendSettings": {
                    "maxQuality": "low",
                    "encodings": {"low": {"maxFramerate": 20, "maxBitrate": 300_000}},
                },
            }
        }
    }
    assert reports(fake, "remove_custom_video_track")


@with_fake()
async def test_closing_ends_what_is_on_air_first(fake, call):
    await joined(fake, call)
    playing = asyncio.create_task(call.play("jingle", SECOND * 20, 8000, 1, None))
    frame = Frame(4, 4, bytes(64))
    showing = asyncio.create_task(call.show("slide", frame, 5, None))
    await asyncio.sleep(0.4)
    await call.leave()
    await call.close()
    for ended in (playing, showing):
        with pytest.raises(CallRefusedError, match="closed"):
            await ended
    order = [one["report"] for one in fake.reports]
    for kind in ("audio", "video"):
        assert order.index(f"remove_custom_{kind}_track") < order.index("client_released")
    assert order[-1] == "deinit"
    with pytest.raises(CallRefusedError, match="closed"):
        await call.play("jingle", SECOND, 8000, 1, None)


@with_fake()
async def test_a_removal_that_daily_refuses_does_not_fail_the_sound(fake, call):
    await joined(fake, call)
    fake.behave("remove_custom_audio_track", error="gone", times=1)
    assert await call.play("jingle", SECOND[:1600], 8000, 1, None) == 0.1
    assert await call.request(Request("update_inputs", ({},))) is None
