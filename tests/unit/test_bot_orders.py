"""Commands as requests to Daily's client, and what became of them as facts."""

import inspect
import json
from uuid import UUID

import daily
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import app_messages, calls, codec
from contracts.events import CommandDone, CommandFailed
from services.ingest.bot.harmless import SETTINGS_BYTES
from services.ingest.bot.orders import Invalid, outcome, plan
from services.ingest.bot.seam import QUICK_SECONDS, SLOW_SECONDS
from services.ingest.bot.steps import Answered, Ask, Perform
from tests.support.facts import at

ONE, TWO = str(UUID(int=1)), str(UUID(int=2))
BASE = {"model": "nova-2", "includeRawResponse": True, "extra": {"interim_results": True}}
LAYOUT = {"layout": {"preset": "default"}}
MUTED = {"inputsEnabled": {"microphone": False}}

REQUESTS = [
    (
        calls.SendChat(text="hi", name="Ada"),
        ("send_prebuilt_chat_message", ("hi", "Ada"), QUICK_SECONDS),
    ),
    (calls.SendChat(text="hi"), ("send_prebuilt_chat_message", ("hi", None), QUICK_SECONDS)),
    (
        calls.SendAppMessage(message={"a": [1]}, to=ONE),
        ("send_app_message", ({"a": [1]}, ONE), QUICK_SECONDS),
    ),
    (calls.SendAppMessage(message=False), ("send_app_message", (False, None), QUICK_SECONDS)),
    (
        calls.StartRecording(settings=LAYOUT, stream_id=ONE, force_new=True),
        ("start_recording", (LAYOUT, ONE, True), SLOW_SECONDS),
    ),
    (calls.StartRecording(), ("start_recording", (None, None, None), SLOW_SECONDS)),
    (calls.StopRecording(stream_id=ONE), ("stop_recording", (ONE,), SLOW_SECONDS)),
    (
        calls.UpdateRecording(settings=LAYOUT, stream_id=ONE),
        ("update_recording", (LAYOUT, ONE), SLOW_SECONDS),
    ),
    (
        calls.StartLiveStream(endpoints=("a", "b"), settings=LAYOUT, stream_id=ONE, force_new=True),
        ("start_live_stream_with_endpoints", (["a", "b"], LAYOUT, ONE, True), SLOW_SECONDS),
    ),
    (
        calls.StartLiveStream(rtmp_urls=("rtmp://a",)),
        ("start_live_stream_with_rtmp_urls", (["rtmp://a"], None, None, None), SLOW_SECONDS),
    ),
    (
        calls.UpdateLiveStream(settings=LAYOUT, stream_id=ONE),
        ("update_live_stream", (LAYOUT, ONE), SLOW_SECONDS),
    ),
    (
        calls.AddLiveStreamEndpoints(endpoints=("a",), stream_id=ONE),
        ("add_live_streaming_endpoints", (["a"], ONE), SLOW_SECONDS),
    ),
    (
        calls.RemoveLiveStreamEndpoints(endpoints=("a",)),
        ("remove_live_streaming_endpoints", (["a"], None), SLOW_SECONDS),
    ),
    (calls.StopLiveStream(stream_id=ONE), ("stop_live_stream", (ONE,), SLOW_SECONDS)),
    (
        calls.StartDialout(settings={"phoneNumber": "+15550100", "displayName": "Ada"}),
        ("start_dialout", ({"phoneNumber": "+15550100", "displayName": "Ada"},), SLOW_SECONDS),
    ),
    (
        calls.StartDialout(settings={"sipUri": "sip:a@b", "phoneNumber": None}),
        ("start_dialout", ({"sipUri": "sip:a@b", "phoneNumber": None},), SLOW_SECONDS),
    ),
    (calls.StopDialout(connection_id=ONE), ("stop_dialout", (ONE,), SLOW_SECONDS)),
    (
        calls.SendDtmf(connection_id="c1", tones="12#", method="auto", digit_duration_ms=90),
        (
            "send_dtmf",
            ({"sessionId": "c1", "tones": "12#", "method": "auto", "digitDurationMs": 90},),
            SLOW_SECONDS,
        ),
    ),
    (
        calls.SendDtmf(connection_id="c1", tones="1"),
        ("send_dtmf", ({"sessionId": "c1", "tones": "1"},), SLOW_SECONDS),
    ),
    (
        calls.TransferCall(connection_id="c1", to="sip:a@b", caller_id="+15550100"),
        (
            "sip_call_transfer",
            ({"sessionId": "c1", "toEndPoint": "sip:a@b", "callerId": "+15550100"},),
            SLOW_SECONDS,
        ),
    ),
    (
        calls.TransferCall(connection_id="c1", to="sip:a@b"),
        ("sip_call_transfer", ({"sessionId": "c1", "toEndPoint": "sip:a@b"},), SLOW_SECONDS),
    ),
    (
        calls.ReferCall(connection_id="c1", to="sip:a@b"),
        ("sip_refer", ({"sessionId": "c1", "toEndPoint": "sip:a@b"},), SLOW_SECONDS),
    ),
    (calls.StartTranscription(), ("start_transcription", (BASE,), SLOW_SECONDS)),
    (
        calls.UpdateTranscription(participants=(ONE, TWO), instance_id="i1"),
        ("update_transcription", ([ONE, TWO], "i1"), SLOW_SECONDS),
    ),
    (
        calls.UpdateTranscription(participants=()),
        ("update_transcription", ([], None), SLOW_SECONDS),
    ),
    (calls.UpdateTranscription(), ("update_transcription", (None, None), SLOW_SECONDS)),
    (calls.StopTranscription(), ("stop_transcription", (), SLOW_SECONDS)),
    (
        calls.UpdateSubscriptions(
            participants={ONE: {"profile": "base"}}, profiles={"base": {"media": "staged"}}
        ),
        (
            "update_subscriptions",
            ({ONE: {"profile": "base"}}, {"base": {"media": "staged"}}),
            QUICK_SECONDS,
        ),
    ),
    (
        calls.UpdateProfiles(profiles={"base": "staged"}),
        ("update_subscription_profiles", ({"base": "staged"},), QUICK_SECONDS),
    ),
    (
        calls.UpdatePublishing(settings={"camera": False}),
        ("update_publishing", ({"camera": False},), QUICK_SECONDS),
    ),
    (
        calls.UpdateInputs(settings={"camera": False}),
        ("update_inputs", ({"camera": False},), QUICK_SECONDS),
    ),
    (
        calls.UpdatePermissions(permissions={"hasPresence": True}),
        ("update_permissions", ({"hasPresence": True},), QUICK_SECONDS),
    ),
    (
        calls.UpdateParticipants(participants={ONE: MUTED}),
        ("update_remote_participants", ({ONE: MUTED},), QUICK_SECONDS),
    ),
    (
        calls.Mute(participants=(ONE, TWO)),
        ("update_remote_participants", ({ONE: MUTED, TWO: MUTED},), QUICK_SECONDS),
    ),
    (
        calls.Eject(participants=(ONE,)),
        ("eject_remote_participants", ([ONE],), QUICK_SECONDS),
    ),
    (calls.SetUserName(name="Ada"), ("set_user_name", ("Ada",), QUICK_SECONDS)),
    (calls.SetProxy(url="https://p"), ("set_proxy_url", ("https://p",), QUICK_SECONDS)),
    (calls.SetProxy(), ("set_proxy_url", (None,), QUICK_SECONDS)),
    (
        calls.SetIceServers(settings={"iceServers": []}),
        ("set_ice_config", ({"iceServers": []},), QUICK_SECONDS),
    ),
]
PERFORMED = [
    calls.Inspect(what="inputs"),
    calls.CaptureAudio(participant_id=ONE),
    calls.StopAudioCapture(participant_id=ONE),
    calls.TakePicture(participant_id=ONE),
    calls.PlayAudio(file_id="f1"),
    calls.StopAudio(),
    calls.ShowPicture(file_id="f1"),
    calls.HidePicture(),
]


@pytest.mark.parametrize(("command", "expected"), REQUESTS)
def test_a_command_is_a_request(command, expected):
    asked = plan(command, "cmd1", BASE)
    assert isinstance(asked, Ask)
    assert asked.ref == "cmd1"
    request = asked.request
    assert (request.method, request.args, request.seconds) == expected
    assert request.completes == (request.method != "set_user_name")


@pytest.mark.parametrize(("command", "expected"), REQUESTS)
def test_the_client_takes_these_arguments_and_a_completion(command, expected):
    method = getattr(daily.CallClient, expected[0])
    taken = [*inspect.signature(method).parameters][1:]
    assert taken[len(expected[1]) :] == ["completion"] * (expected[0] != "set_user_name")


@pytest.mark.parametrize("command", PERFORMED)
def test_media_and_inspections_are_performed(command):
    assert plan(command, "cmd1", BASE) == Perform("cmd1", command)


def test_every_command_has_its_row():
    rows = {type(command) for command, _ in REQUESTS} | set(map(type, PERFORMED))
    assert rows == set(calls.CALL_COMMANDS)


def small(size):
    return {"text": "x" * (size - len('{"text":""}'))}


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        (calls.SendAppMessage(message=None), "message: null is not a message"),
        (calls.SendAppMessage(message=small(4097)), "message: 4097 bytes of JSON, 4096 at most"),
        (calls.SendAppMessage(message={"a": "é" * 2048}), "message: 4104 bytes of JSON"),
        (calls.SendAppMessage(message={"n": 2**64}), "64 bits"),
        (calls.SendAppMessage(message={"n": float("nan")}), "not finite"),
        (calls.SendAppMessage(message=1, to="*"), "to: not a UUID"),
        (calls.SendChat(text="é" * 2100), "text: "),
        (calls.SendChat(text="\0\0"), "$.text"),
        (calls.SetUserName(name="\0"), "$.name"),
        (calls.StartRecording(stream_id="one"), "stream_id: not a UUID"),
        (calls.StopRecording(stream_id=ONE + "\n"), "stream_id: not a UUID"),
        (calls.UpdateRecording(settings={}, stream_id="one"), "stream_id: not a UUID"),
        (calls.StartLiveStream(), "exactly one"),
        (calls.StartLiveStream(endpoints=("a",), rtmp_urls=("b",)), "exactly one"),
        (calls.StartLiveStream(endpoints=("a",), stream_id="one"), "stream_id: not a UUID"),
        (calls.UpdateLiveStream(settings={}, stream_id="one"), "stream_id: not a UUID"),
        (calls.StopLiveStream(stream_id="one"), "stream_id: not a UUID"),
        (calls.StartDialout(settings={}), "exactly one of sipUri and phoneNumber"),
        (calls.StartDialout(settings={"sipUri": "a", "phoneNumber": "b"}), "exactly one"),
        (calls.StartDialout(settings={"phoneNumber": 5}), "exactly one"),
        (calls.StartDialout(settings={"phoneNumber": ""}), "exactly one"),
        (calls.StopDialout(connection_id="one"), "connection_id: not a UUID"),
        (calls.UpdateTranscription(participants=("one",)), "participants: not a UUID"),
        (calls.UpdateSubscriptions(participants={"local": {}}), "participants: not a UUID"),
        (calls.UpdateParticipants(participants={"*": {}}), "participants: not a UUID"),
        (calls.Mute(participants=(ONE, "two")), "participants: not a UUID"),
        (calls.Eject(participants=("one",)), "participants: not a UUID"),
        (calls.CaptureAudio(participant_id="one"), "participant_id: not a UUID"),
        (calls.TakePicture(participant_id="local"), "participant_id: not a UUID"),
    ],
)
def test_what_daily_would_refuse_is_not_asked(command, detail):
    refused = plan(command, "cmd1", BASE)
    assert isinstance(refused, Invalid)
    assert detail in refused.detail


def test_an_app_message_may_be_as_large_as_daily_takes():
    assert isinstance(plan(calls.SendAppMessage(message=small(4096)), "r", BASE), Ask)


@pytest.mark.parametrize("depth", [101, 50_000])
def test_a_message_nested_without_end_is_invalid(depth):
    message = 1
    for _ in range(depth):
        message = [message]
    refused = plan(calls.SendAppMessage(message=message), "r", BASE)
    assert isinstance(refused, Invalid)
    assert "nested" in refused.detail


def test_nul_and_surrogates_are_taken_out_of_every_text():
    message = {"a\0": ["b\ud800", {"c": "\x01d\n"}]}
    asked = plan(calls.SendAppMessage(message=message, to=f"\0{ONE}"), "r", BASE)
    assert asked.request.args == ({"a": ["b", {"c": "d\n"}]}, ONE)
    assert plan(calls.PlayAudio(file_id="f\0"), "r", BASE).command.file_id == "f"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


@given(JSON)
def test_a_message_that_is_asked_is_one_that_daily_takes(message):
    planned = plan(calls.SendAppMessage(message=message), "r", BASE)
    if isinstance(planned, Ask):
        sent = json.dumps(planned.request.args[0], allow_nan=False, ensure_ascii=False)
        assert "\0" not in sent
        assert "\\u0000" not in sent
        assert app_messages.size(json.loads(sent)) <= 4096
        sent.encode()
    else:
        assert planned.detail


def test_settings_go_over_our_own_but_for_raw_responses():
    settings = {"model": "nova-3", "includeRawResponse": False, "extra": {"keywords": ["NATS"]}}
    asked = plan(calls.StartTranscription(settings=settings), "r", BASE)
    assert asked.request.args[0] == {
        "model": "nova-3",
        "includeRawResponse": True,
        "extra": {"interim_results": True, "keywords": ["NATS"]},
    }
    assert BASE["extra"] == {"interim_results": True}


def became(**fields):
    return outcome(Answered("r", **fields), session_id="s1", command_id="c1", at=at(1))


def test_outcomes_are_facts():
    head = {"session_id": "s1", "command_id": "c1", "time": at(1)}
    assert became(result="st1") == CommandDone(**head, result="st1")
    assert became() == CommandDone(**head)
    assert became(unanswered=True) == CommandFailed(**head, reason="timeout")
    refused = became(error="no\0 " + "x" * 900)
    assert refused == CommandFailed(**head, reason="refused", detail=("no " + "x" * 900)[:500])
    assert became(error="").reason == "refused"


@given(st.one_of(JSON, st.binary(), st.sets(st.integers())))
def test_any_result_can_be_stored(result):
    fact = became(result=result)
    assert codec.events.decode(codec.encode(fact)) == fact


def test_a_result_without_end_is_left_out():
    fact = became(result={str(number): "x" * 400 for number in range(300)})
    assert "omitted" in fact.result
    assert len(msgspec.json.encode(fact)) < SETTINGS_BYTES
