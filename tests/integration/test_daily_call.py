"""The adapter of Daily's client against the fake: requests, events, and the life of a client."""

import asyncio
import itertools
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from services.ingest.bot import daily_asking, daily_call, daily_inbox
from services.ingest.bot.seam import CallRefusedError, CallUnansweredError, Request
from tests.support import fakedaily
from tests.support.fake_call import with_fake

URL = "https://team.daily.co/standup"
ANN = "11111111-1111-4111-8111-111111111111"


def people(fake, *, transcription=None):
    """Ann is in the room."""
    person = {"id": ANN, "user_name": "Ann", "owner": True}
    fake.command({"cmd": "room", "url": URL, "people": [person], "transcription": transcription})


async def events(call, last, seconds=10):
    """All events up to the first of which `last` is true."""
    got = []
    async with asyncio.timeout(seconds):
        while True:
            got.append(await call.next())
            if last(got[-1]):
                return got


def named(name, *args):
    """Whether an event has this name, and these arguments where any are given."""
    return lambda one: one.name == name and (not args or one.args == args)


def reports(fake, kind):
    """What the fake saw of one kind, in order."""
    return [one for one in fake.reports if one["report"] == kind]


@pytest.mark.slow
def test_the_fake_passes_its_own_tests():
    script = Path(fakedaily.__file__).parent / "fake_daily.py"
    done = subprocess.run(
        [sys.executable, script, "selftest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@with_fake(existing="before")
async def test_events_that_come_before_the_joins_answer_are_kept(fake, call):
    people(fake)
    data = await call.join(URL, "token", {})
    assert set(data["participants"]) == {"local", ANN}
    got = await events(call, named("on_call_state_updated", "joined"))
    names = [one.name for one in got]
    assert names.index("on_participant_joined") < names.index("on_participant_counts_updated")
    assert all(one.heard <= other.heard for one, other in itertools.pairwise(got))
    assert all(one.at.tzinfo is not None for one in got)


@with_fake()
async def test_a_bot_joins_deaf_blind_and_mute(fake, call):
    await call.join(URL, None, {"publishing": {"camera": True}, "connection": {}})
    order = [one["report"] for one in fake.reports]
    assert order.index("update_subscription_profiles") < order.index("join")
    profile = reports(fake, "update_subscription_profiles")[0]["profiles"]["base"]
    custom = {key: profile.pop(key) for key in ("customAudio", "customVideo")}
    assert set(profile.values()) == {"unsubscribed"}
    assert len(profile) == 4
    assert custom == {key: {"*": "unsubscribed"} for key in custom}
    (joined,) = reports(fake, "join")
    assert joined["token"] is None
    assert joined["settings"] == {
        "inputs": {"camera": False, "microphone": False},
        "publishing": {"camera": True, "microphone": False, "screenVideo": False},
        "connection": {},
    }


@with_fake()
async def test_a_join_that_daily_refuses_says_why(fake, call):
    fake.behave("join", code="exp-room", times=1)
    with pytest.raises(CallRefusedError, match="NoLongerAvailable"):
        await call.join(URL, "token", {})
    with pytest.raises(CallRefusedError, match="Failed to parse url"):
        await call.join("nowhere", "token", {})
    assert await call.join(URL, "token", {})


@with_fake()
async def test_a_join_without_an_answer_ends_in_time(fake, call):
    daily_call.JOIN_SECONDS = 0.3
    fake.behave("join", hang=True, times=1)
    began = time.monotonic()
    with pytest.raises(CallUnansweredError):
        await call.join(URL, "token", {})
    assert 0.3 <= time.monotonic() - began < 2


@with_fake(seed=7)
async def test_answers_and_events_may_come_in_either_order(fake, call):
    await call.join(URL, "token", {})
    await events(call, named("on_call_state_updated", "joined"))
    for turn in range(30):
        wanted = {"camera": turn % 2 == 0}
        assert await call.request(Request("update_inputs", (wanted,))) is None
        (*_, last) = await events(call, named("on_inputs_updated"))
        assert last.args[0]["camera"]["isEnabled"] is wanted["camera"]


@with_fake()
async def test_a_refused_request_raises_and_is_echoed_as_an_event(fake, call):
    with pytest.raises(CallRefusedError, match=r"^Transcription\(CallState\(NotInACall\)\)$"):
        await call.request(Request("start_transcription", ({"language": "en"},)))
    (*_, echo) = await events(call, named("on_error"))
    assert echo.args == ("Error handling startTranscription: Transcription(CallState(NotInACall))",)


@with_fake()
async def test_an_answer_with_a_result_brings_it(fake, call):
    await call.join(URL, "token", {})
    stream = await call.request(Request("start_recording"))
    (*_, started) = await events(call, named("on_recording_started"))
    assert started.args[0]["streamId"] == stream
    dialled = await call.request(Request("start_dialout", ({"phoneNumber": "+15550100"},)))
    assert reports(fake, "start_dialout")[0]["session_id"] == dialled
    assert await call.request(Request("stop_recording", (stream,))) is None
    assert await call.request(Request("stop_dialout", (dialled,))) is None
    fake.behave("start_recording", error="no", times=1)
    with pytest.raises(CallRefusedError, match=r"^no$"):
        await call.request(Request("start_recording"))


@with_fake()
async def test_what_the_client_raises_at_once_is_a_refusal(fake, call):
    for method, args in (
        ("send_app_message", (None,)),
        ("send_app_message", ({}, "*")),
        ("send_app_message", ({1: 2},)),
        ("send_app_message", (2**70,)),
        ("start_transcription", (object(),)),
        ("no_such_method", ()),
    ):
        with pytest.raises(CallRefusedError):
            await call.request(Request(method, args))


@with_fake()
async def test_a_long_refusal_is_cut(fake, call):
    fake.behave("update_inputs", error="x" * 2000, times=1)
    with pytest.raises(CallRefusedError) as refused:
        await call.request(Request("update_inputs", ({},)))
    assert str(refused.value) == "x" * 500


@with_fake()
async def test_a_request_without_an_answer_is_given_up_and_its_late_answer_dropped(fake, call):
    fake.behave("update_inputs", delay=2, times=1)
    began = time.monotonic()
    with pytest.raises(CallUnansweredError):
        await call.request(Request("update_inputs", ({"camera": True},), seconds=0.2))
    assert 0.2 <= time.monotonic() - began < 1.5
    (*_, last) = await events(call, named("on_inputs_updated"))
    assert last.args[0]["camera"]["isEnabled"]
    fake.behave("update_inputs", no_completion=True, times=1)
    with pytest.raises(CallUnansweredError):
        await call.request(Request("update_inputs", ({},), seconds=0.2))
    assert await call.request(Request("update_inputs", ({},))) is None


@with_fake()
async def test_a_cancelled_request_leaves_nothing_behind(fake, call):
    fake.behave("update_inputs", delay=0.2, times=1)
    asking = asyncio.create_task(call.request(Request("update_inputs", ({},))))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await call.request(Request("update_inputs", ({},))) is None


@with_fake()
async def test_nul_and_lone_surrogates_do_not_reach_the_client(fake, call):
    named_ = Request("set_user_name", ("Sc\0ri\ud800be",), completes=False)
    assert await call.request(named_) is None
    await call.join(URL + "\0", "to\0ken", {})
    message = {"\0key": ["\ud800a", ("b\0", {"c": "\udfff"})], "n": 1}
    await call.request(Request("send_app_message", (message,)))
    await call.request(Request("send_prebuilt_chat_message", ("hi\0", "Bot\0")))
    assert reports(fake, "joined")[0]["user_name"] == "Scribe"
    assert reports(fake, "join")[0]["token"] == "token"
    assert reports(fake, "app_message_sent")[0]["data"] == {"key": ["a", ["b", {"c": ""}]], "n": 1}
    assert reports(fake, "chat_sent")[0]["message"] == "hi"


def test_a_panic_is_a_refusal_and_an_exit_is_not():
    panic = type("PanicException", (BaseException,), {})

    def call(error):
        raise error

    with pytest.raises(CallRefusedError, match="invalid name"):
        daily_asking.tell(lambda: call(panic("invalid name")))
    for error in (SystemExit, KeyboardInterrupt):
        with pytest.raises(error):
            daily_asking.tell(lambda error=error: call(error()))


@with_fake()
async def test_what_is_read_is_a_copy(fake, call):
    people(fake)
    await call.join(URL, "token", {})
    counts = call.read("participant_counts")
    assert counts == {"present": 2, "hidden": 0}
    counts["present"] = 99
    assert call.read("participant_counts")["present"] == 2
    (*_, event) = await events(call, named("on_participant_counts_updated"))
    fake.cores[0].counts["present"] = 77
    assert event.args[0]["present"] == 2
    assert call.read("active_speaker") is None
    assert call.read("network_stats")["threshold"] == "good"
    for what in ("inputs", "publishing", "subscriptions", "subscription_profiles"):
        assert isinstance(call.read(what), dict)
    with pytest.raises(CallRefusedError):
        call.read("participants")


@with_fake()
async def test_every_callback_of_the_client_comes_through(fake, call):
    from daily import EventHandler  # noqa: PLC0415 - here it is the fake

    await call.join(URL, "token", {})
    await events(call, named("on_call_state_updated", "joined"))
    names = [name for name in dir(EventHandler) if name.startswith("on_")]
    two = {"on_app_message", "on_participant_left", "on_transcription_stopped"}
    two |= {"on_live_stream_error", "on_live_stream_warning", "on_recording_error"}
    for name in names:
        args = [{"present": 1, "hidden": 0}, "more"][: 2 if name in two else 1]
        fake.command({"cmd": "event", "name": name, "args": args})
    got = await events(call, named(names[-1]))
    assert [one.name for one in got] == names
    assert len(names) == 39


@with_fake()
async def test_being_put_out_is_heard_and_survived(fake, call):
    await call.join(URL, "token", {})
    fake.command({"cmd": "kick", "why": "room-deleted"})
    got = await events(call, named("on_call_state_updated", "left"))
    assert [one.args for one in got[-3:]] == [("Room was deleted",), ("leaving",), ("left",)]
    with pytest.raises(CallRefusedError):
        await call.request(Request("send_app_message", ({},)))
    await call.leave()


@with_fake()
async def test_leaving_may_be_refused_or_not_answered(fake, call):
    daily_call.LEAVE_SECONDS = 0.2
    await call.join(URL, "token", {})
    fake.behave("leave", error="not now", times=1)
    with pytest.raises(CallRefusedError, match="not now"):
        await call.leave()
    fake.behave("leave", no_completion=True, times=1)
    with pytest.raises(CallUnansweredError):
        await call.leave()
    assert reports(fake, "left")


@with_fake(slow_ms=60_000)
async def test_twenty_thousand_events_wait_for_a_slow_reader_in_order(fake, call):
    await call.join(URL, "token", {})
    await events(call, named("on_call_state_updated", "joined"))
    for number in range(20_000):
        fake.command({"cmd": "event", "name": "on_app_message", "args": [number, ANN]})
    await asyncio.sleep(1)
    got = []
    async with asyncio.timeout(50):
        while len(got) < 20_000:
            got.append(await call.next())
            if len(got) % 1000 == 0:
                await asyncio.sleep(0.01)
    assert [one.args[0] for one in got] == list(range(20_000))


def said(number, *, final):
    """A transcription message."""
    message = {"participantId": ANN, "text": str(number), "rawResponse": {"is_final": final}}
    return {"cmd": "event", "name": "on_transcription_message", "args": [message]}


@with_fake(slow_ms=60_000)
async def test_what_will_be_said_again_makes_room_and_nothing_else(fake, call):
    await call.join(URL, "token", {})
    await events(call, named("on_call_state_updated", "joined"))
    for number in range(9_000):
        fake.command(said(number, final=True))
        fake.command(said(number, final=False))
        if number % 100 == 0:
            fake.command({"cmd": "network", "quality": number % 101})
    fake.command({"cmd": "error", "message": "the end"})
    await asyncio.sleep(1)
    got = await events(call, named("on_error", "the end"), seconds=50)
    finals = [
        one.args[0]["text"]
        for one in got
        if one.name == "on_transcription_message" and one.args[0]["rawResponse"]["is_final"]
    ]
    assert finals == [str(number) for number in range(9_000)]
    assert call._inbox.lost == 18_091 - len(got)
    assert call._inbox.lost > 5_000


@with_fake(slow_ms=60_000)
async def test_closing_frees_the_thread_that_waits_to_hand_over(fake, call):
    await call.join(URL, "token", {})
    await call.leave()
    for number in range(12_000):
        fake.cores[0].emit("on_app_message", number, ANN)
    await asyncio.sleep(0.5)
    async with asyncio.timeout(5):
        await call.close()
    assert reports(fake, "deinit")


async def test_an_event_that_cannot_be_copied_is_counted_and_named_by_type():
    inbox = daily_inbox.Inbox()
    with structlog.testing.capture_logs() as logged:
        inbox.take("on_app_message", (threading.Lock(), "secret"))
    inbox.take("on_error", ("next",))
    assert (await inbox.next()).args == ("next",)
    assert inbox.faults == 1
    assert "secret" not in str(logged)
    assert logged[0]["error"] == "TypeError"


def test_an_event_for_a_loop_that_ended_is_dropped():
    async def made():
        return daily_inbox.Inbox()

    inbox = asyncio.run(made())
    inbox.take("on_error", ("late",))
    assert inbox.faults == 0


@with_fake(problems=("handler_exception",))
async def test_what_is_raised_on_the_clients_thread_is_logged_by_type_alone(fake, call):
    def bad(_error):
        raise ValueError("secret")

    with structlog.testing.capture_logs() as logged:
        call._client.update_inputs({}, completion=bad)
        await call.request(Request("update_inputs", ({},)))
    assert {"event": "daily.unraisable", "error": "ValueError", "log_level": "error"} in logged
    assert "secret" not in str(logged)


@with_fake()
async def test_a_closed_call_refuses_and_may_be_closed_again(fake, call):
    await call.join(URL, "token", {})
    await call.leave()
    await call.close()
    await call.close()
    for doing in (call.request(Request("update_inputs", ({},))), call.leave()):
        with pytest.raises(CallRefusedError, match="closed"):
            await doing
    with pytest.raises(CallRefusedError, match="closed"):
        call.read("inputs")
    assert len(reports(fake, "client_released")) == 1


@with_fake()
async def test_a_client_that_the_library_released_refuses(fake, call):
    call._client.release()
    with pytest.raises(CallRefusedError, match="already been released"):
        await call.request(Request("update_inputs", ({},)))
    call._client = None


@with_fake(problems=("released_in_call",))
async def test_closing_during_a_join_waits_off_the_loop(fake, call):
    fake.behave("join", delay=1.0)
    joining = asyncio.create_task(call.join(URL, "token", {}))
    await asyncio.sleep(0.2)
    began, ticks = time.monotonic(), 0
    closing = asyncio.create_task(call.close())
    while not closing.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert time.monotonic() - began > 0.5
    assert ticks > 10
    joining.cancel()
    with suppress(asyncio.CancelledError, CallRefusedError):
        await joining


@with_fake()
async def test_a_close_that_hangs_ends_in_time(fake):
    daily_call.CLOSE_SECONDS = 0.3
    call = daily_call.DailyCall()
    fake.behave("update_inputs", delay=30)
    with pytest.raises(CallUnansweredError):
        await call.request(Request("update_inputs", ({},), seconds=0.1))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await call.close()
    assert time.monotonic() - began < 2
    assert not reports(fake, "deinit")


@with_fake()
async def test_the_library_ends_with_the_last_client_and_begins_again(fake):
    one, other = daily_call.DailyCall(), daily_call.DailyCall()
    await one.close()
    assert not reports(fake, "deinit")
    await other.request(Request("update_inputs", ({},)))
    await other.close()
    assert len(reports(fake, "deinit")) == 1
    again = daily_call.DailyCall()
    await again.request(Request("update_inputs", ({},)))
    await again.close()
    assert len(reports(fake, "init")) == len(reports(fake, "deinit")) == 2
