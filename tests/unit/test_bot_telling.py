"""Callbacks of Daily's client as facts, whatever their payloads are."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec
from services.ingest.bot.harmless import CHAT, DETAIL, SETTINGS_BYTES
from services.ingest.bot.seam import Callback
from services.ingest.bot.steps import Charge
from services.ingest.bot.telling import TOLD, initial, step
from tests.support.facts import at

CHARGE = Charge(session_id="s1", bot_id="b1", name="Earshot")
HEAD = {"session_id": "s1", "time": at(3), "bot_id": "b1", "number": 0}
PARTICIPANTS = {
    "on_active_speaker_changed",
    "on_participant_counts_updated",
    "on_participant_joined",
    "on_participant_left",
    "on_participant_updated",
}
TRANSCRIPTION = {
    "on_transcription_error",
    "on_transcription_message",
    "on_transcription_started",
    "on_transcription_stopped",
    "on_transcription_updated",
}
ALL = [
    "on_active_speaker_changed",
    "on_app_message",
    "on_available_devices_updated",
    "on_call_state_updated",
    "on_dialin_connected",
    "on_dialin_ready",
    "on_dialin_stopped",
    "on_dialin_error",
    "on_dialin_warning",
    "on_dialout_connected",
    "on_dialout_answered",
    "on_dialout_stopped",
    "on_dialout_error",
    "on_dialout_warning",
    "on_dtmf_event",
    "on_error",
    "on_inputs_updated",
    "on_live_stream_started",
    "on_live_stream_stopped",
    "on_live_stream_updated",
    "on_live_stream_error",
    "on_live_stream_warning",
    "on_network_connection_status_updated",
    "on_network_stats_updated",
    "on_participant_counts_updated",
    "on_participant_joined",
    "on_participant_left",
    "on_participant_updated",
    "on_publishing_updated",
    "on_recording_started",
    "on_recording_stopped",
    "on_recording_error",
    "on_subscription_profiles_updated",
    "on_subscriptions_updated",
    "on_transcription_started",
    "on_transcription_updated",
    "on_transcription_message",
    "on_transcription_stopped",
    "on_transcription_error",
]
KEYS = [
    "sessionId",
    "actionTraceId",
    "displayName",
    "sipFrom",
    "sipHeaders",
    "message",
    "tone",
    "volume",
    "method",
    "layout",
    "startedBy",
    "streamId",
    "recordingId",
    "state",
    "connection",
    "event",
    "quality",
    "threshold",
    "stats",
    "latest",
    "receiveBitsPerSecond",
    "name",
    "base",
    "audio",
]

TEXTS = st.text(st.characters()) | st.sampled_from(["\0", "\ud800", "good", "chat-msg", "x" * 9000])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(2**63), 2**64, 1e308])
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=3)
JSON_LIKE = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)


def callback(name, *args):
    return Callback(name, args, at(3), 3.0)


def told(name, *args, telling=initial):
    return step(telling, callback(name, *args), CHARGE, at(3))[1]


def only(name, *args):
    (event,) = told(name, *args)
    fields = msgspec.structs.asdict(event)
    assert {key: fields.pop(key) for key in HEAD} == HEAD
    assert fields.pop("copied_from") is None
    return {"type": type(event).__name__} | fields


def nested(depth, inner=1):
    for _ in range(depth):
        inner = [inner]
    return inner


def test_every_callback_is_somebodys():
    assert len(ALL) == len(set(ALL)) == 39
    assert TOLD.isdisjoint(PARTICIPANTS | TRANSCRIPTION)
    assert set(ALL) == TOLD | PARTICIPANTS | TRANSCRIPTION


@pytest.mark.parametrize("name", sorted(PARTICIPANTS | TRANSCRIPTION | {"on_something_new"}))
def test_callbacks_of_others_tell_nothing(name):
    assert step(initial, callback(name, {"id": "p1"}), CHARGE, at(3)) == (initial, ())


@given(st.sampled_from(ALL), st.lists(JSON_LIKE, max_size=3))
def test_whatever_comes_is_told_storably_or_not_at_all(name, args):
    telling, events = step(initial, callback(name, *args), CHARGE, at(3))
    assert step(telling, callback(name, *args), CHARGE, at(3))[0] == telling
    for event in events:
        stored = codec.encode(event)
        assert codec.events.decode(stored) == event
        assert len(stored) < 3 * SETTINGS_BYTES
        assert "\\u0000" not in stored.decode()


RECORDING = {
    "streamId": "st1",
    "recordingId": "r1",
    "startedBy": "p1",
    "layout": {"preset": "default"},
    "somethingElse": 1,
}
CALL = {"sessionId": "c1", "actionTraceId": "t1", "message": "no route", "action": "x"}


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("on_call_state_updated", ("joined",), {"type": "CallStateChanged", "state": "joined"}),
        ("on_error", ("lost",), {"type": "CallErrorReported", "detail": "lost"}),
        (
            "on_app_message",
            ({"kind": "assist"}, "p1"),
            {"type": "AppMessageReceived", "sender_id": "p1", "message": {"kind": "assist"}},
        ),
        (
            "on_app_message",
            ({"event": "chat-msg", "message": "hi\nall", "name": "Ada", "date": "d"}, "p1"),
            {"type": "ChatReceived", "sender_id": "p1", "text": "hi\nall", "name": "Ada"},
        ),
        (
            "on_recording_started",
            (RECORDING,),
            {
                "type": "RecordingStarted",
                "stream_id": "st1",
                "recording_id": "r1",
                "started_by": "p1",
                "layout": {"preset": "default"},
            },
        ),
        ("on_recording_stopped", ("st1",), {"type": "RecordingStopped", "stream_id": "st1"}),
        (
            "on_recording_error",
            ("st1", "full"),
            {"type": "RecordingFailed", "stream_id": "st1", "detail": "full"},
        ),
        (
            "on_live_stream_started",
            (RECORDING,),
            {
                "type": "LiveStreamStarted",
                "stream_id": "st1",
                "started_by": "p1",
                "layout": {"preset": "default"},
            },
        ),
        (
            "on_live_stream_updated",
            ({"state": "interrupted", "streamId": "st1"},),
            {"type": "LiveStreamUpdated", "stream_id": "st1", "state": "interrupted"},
        ),
        ("on_live_stream_stopped", ("st1",), {"type": "LiveStreamStopped", "stream_id": "st1"}),
        (
            "on_live_stream_error",
            ("st1", "full"),
            {"type": "LiveStreamFailed", "stream_id": "st1", "detail": "full"},
        ),
        (
            "on_live_stream_warning",
            ("st1", "slow"),
            {"type": "LiveStreamWarned", "stream_id": "st1", "detail": "slow"},
        ),
        (
            "on_dialin_connected",
            (
                {
                    "sessionId": "c1",
                    "displayName": "Ada",
                    "sipFrom": "sip:ada",
                    "sipHeaders": {"X-A": "1"},
                },
            ),
            {
                "type": "DialinConnected",
                "connection_id": "c1",
                "display_name": "Ada",
                "sip_from": "sip:ada",
                "sip_headers": {"X-A": "1"},
            },
        ),
        ("on_dialin_ready", ("sip:room",), {"type": "DialinReady", "sip_endpoint": "sip:room"}),
        ("on_dialin_stopped", (CALL,), {"type": "DialinStopped", "connection_id": "c1"}),
        (
            "on_dialin_error",
            (CALL,),
            {"type": "DialinFailed", "connection_id": "c1", "detail": "no route"},
        ),
        (
            "on_dialin_warning",
            (CALL,),
            {"type": "DialinWarned", "connection_id": "c1", "detail": "no route"},
        ),
        ("on_dialout_connected", (CALL,), {"type": "DialoutConnected", "connection_id": "c1"}),
        ("on_dialout_answered", (CALL,), {"type": "DialoutAnswered", "connection_id": "c1"}),
        ("on_dialout_stopped", (CALL,), {"type": "DialoutStopped", "connection_id": "c1"}),
        (
            "on_dialout_error",
            (CALL,),
            {"type": "DialoutFailed", "connection_id": "c1", "detail": "no route"},
        ),
        (
            "on_dialout_warning",
            (CALL,),
            {"type": "DialoutWarned", "connection_id": "c1", "detail": "no route"},
        ),
        (
            "on_dtmf_event",
            ({"sessionId": "c1", "tone": "5", "volume": 10, "method": "auto"},),
            {
                "type": "DtmfReceived",
                "connection_id": "c1",
                "tone": "5",
                "method": "auto",
                "volume": 10.0,
            },
        ),
        (
            "on_network_stats_updated",
            (
                {
                    "quality": 80,
                    "threshold": "good",
                    "stats": {"latest": {"receiveBitsPerSecond": 5, "sendBitsPerSecond": 6.5}},
                },
            ),
            {
                "type": "NetworkChanged",
                "quality": 80.0,
                "threshold": "good",
                "received_bits_per_second": 5.0,
                "sent_bits_per_second": 6.5,
            },
        ),
        (
            "on_network_connection_status_updated",
            ({"connection": "sfu-send", "event": "interrupted"},),
            {"type": "ConnectionChanged", "connection": "sfu-send", "state": "interrupted"},
        ),
        (
            "on_available_devices_updated",
            ({"audio": [{"label": "mic"}]},),
            {"type": "DevicesChanged", "devices": {"audio": [{"label": "mic"}]}},
        ),
        (
            "on_inputs_updated",
            ({"camera": {}},),
            {"type": "InputsChanged", "settings": {"camera": {}}},
        ),
        (
            "on_publishing_updated",
            ({"camera": {}},),
            {"type": "PublishingChanged", "settings": {"camera": {}}},
        ),
        (
            "on_subscriptions_updated",
            ({"p1": {"profile": "base"}},),
            {"type": "SubscriptionsChanged", "settings": {"p1": {"profile": "base"}}},
        ),
        (
            "on_subscription_profiles_updated",
            ({"base": {"camera": "staged"}},),
            {"type": "ProfilesChanged", "settings": {"base": {"camera": "staged"}}},
        ),
    ],
)
def test_a_row_of_the_table(name, args, expected):
    assert only(name, *args) == expected


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("on_call_state_updated", (None,)),
        ("on_error", ("",)),
        ("on_error", ("Error handling join: refused",)),
        ("on_dialin_ready", (None,)),
        ("on_dtmf_event", ({"sessionId": "c1"},)),
        ("on_live_stream_updated", ({"streamId": "st1"},)),
        ("on_network_stats_updated", ({"quality": "good"},)),
        ("on_network_stats_updated", ({"quality": float("nan"), "threshold": "good"},)),
        ("on_network_connection_status_updated", ({},)),
        ("on_available_devices_updated", ([],)),
        ("on_inputs_updated", (None,)),
        ("on_subscription_profiles_updated", (3,)),
    ],
)
def test_without_what_it_is_about_a_callback_tells_nothing(name, args):
    assert told(name, *args) == ()


def test_ids_and_details_that_are_missing_are_empty():
    assert only("on_recording_error")["stream_id"] == ""
    assert only("on_dialout_error", {"sessionId": 5})["connection_id"] == ""
    assert only("on_recording_started", None)["layout"] == {}


def test_nobody_sent_what_comes_from_the_rest_interface():
    assert only("on_app_message", 5, "")["sender_id"] is None
    assert only("on_app_message", 5)["sender_id"] is None


@pytest.mark.parametrize("fields", [{"event": "chat-msg"}, {"event": "chat-msg", "message": 5}])
def test_what_only_looks_like_chat_is_an_app_message(fields):
    assert only("on_app_message", fields, "p1")["message"] == fields


def test_an_app_message_is_whole_or_null():
    fits = {"text": "é" * ((4096 - len('{"text":""}')) // 2)}
    assert only("on_app_message", fits, "p1")["message"] == fits
    assert only("on_app_message", {"text": fits["text"] + "éé"}, "p1")["message"] is None
    assert only("on_app_message", {"text": "\1" * 9000 + "x" * 4097}, "p1")["message"] is None
    assert only("on_app_message", nested(20), "p1")["message"] == nested(20)
    assert only("on_app_message", nested(21), "p1")["message"] is None
    assert only("on_app_message", nested(20_000), "p1")["message"] is None


def test_texts_are_cut_and_cleaned():
    assert only("on_error", "x" * 501)["detail"] == "x" * DETAIL
    line = {"event": "chat-msg", "message": "y" * 5000}
    assert only("on_app_message", line, "p1")["text"] == "y" * CHAT
    assert only("on_error", "a\0b\x07c\x9fd\ud800e\tf")["detail"] == "abcde\tf"


def test_settings_are_bounded_all_the_way_down():
    inner = {"a\0": "\ud800b", "n": float("inf"), "big": 2**70, 5: "gone", "set": {1}}
    kept = only("on_inputs_updated", {"camera": [inner], "deep": nested(20)})["settings"]
    assert kept["camera"] == [{"a": "b", "n": None, "big": None, "set": None}]
    assert kept["deep"] == nested(19, None)
    crowd = {f"p{number}": {"profile": "x" * 400} for number in range(200)}
    assert "omitted" in only("on_subscriptions_updated", crowd)["settings"]


def test_the_network_is_told_when_it_changes():
    def stats(quality, threshold="good"):
        return callback("on_network_stats_updated", {"quality": quality, "threshold": threshold})

    telling, heard = initial, []
    for given_stats in [
        stats(100),
        stats(81),
        stats(80),
        stats(99),
        stats(61),
        stats(60.0),
        stats(60, "low"),
        stats(60, "low"),
        stats(60),
    ]:
        telling, events = step(telling, given_stats, CHARGE, at(3))
        heard += [(event.quality, event.threshold) for event in events]
    assert heard == [(100, "good"), (80, "good"), (60, "good"), (60, "low"), (60, "good")]


@given(st.lists(st.integers(0, 100), max_size=40))
def test_nobody_is_further_off_than_the_step(qualities):
    telling, last = initial, None
    for quality in qualities:
        stats = callback("on_network_stats_updated", {"quality": quality, "threshold": "good"})
        telling, events = step(telling, stats, CHARGE, at(3))
        last = events[0].quality if events else last
        assert abs(last - quality) < 20


def test_profiles_are_told_when_they_differ():
    one, other = {"base": {"camera": "staged"}}, {"base": {"camera": "subscribed"}}
    telling, heard = initial, []
    for profiles in [one, json.loads(json.dumps(one)), other, one]:
        given_profiles = callback("on_subscription_profiles_updated", profiles)
        telling, events = step(telling, given_profiles, CHARGE, at(3))
        heard += [event.settings for event in events]
    assert heard == [one, other, one]
