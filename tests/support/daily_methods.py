"""Every command over HTTP, and what must come out of it at Daily's client.

`$Ann`, `$Bob` and the like stand for ids that the test knows, `...` for any value.
"""

from typing import Any, NamedTuple

ONE = "6c7d9a52-6c52-4c67-8f2a-0f6f3f1b7a01"
LAYOUT = {"layout": {"preset": "portrait"}}


class Method(NamedTuple):
    """A command, and what the fake must tell: its reports with their decisive fields.

    `methods` are those of daily-python that it reaches. `result` is what HTTP answers. `first` are
    commands, and happenings in the room, that go before it; `meanwhile` is what happens once the
    last report is there.
    """

    command: dict[str, Any]
    methods: tuple[str, ...]
    reports: tuple[tuple[str, dict[str, Any]], ...]
    result: Any = None
    first: tuple[dict[str, Any], ...] = ()
    meanwhile: dict[str, Any] | None = None


def _plain(method: str, report: dict[str, Any], /, **command: Any) -> Method:
    """A command that is one request, reported under the method's name."""
    return Method(command, (method,), ((method, report),))


def given(what: str, value: Any) -> dict[str, Any]:
    """A settings command that goes before."""
    return {"command": f"update_{what}", "settings": value}


MESSAGES = [
    Method(
        {"command": "send_chat", "text": "hello", "name": "Scribe"},
        ("send_prebuilt_chat_message",),
        (("chat_sent", {"message": "hello", "user_name": "Scribe"}),),
    ),
    Method(
        {"command": "send_app_message", "message": {"colour": ["red"]}, "to": "$Ann"},
        ("send_app_message",),
        (("app_message_sent", {"data": {"colour": ["red"]}, "to": "$Ann"}),),
    ),
    Method(
        {"command": "send_app_message", "message": 7},
        ("send_app_message",),
        (("app_message_sent", {"data": 7, "to": None}),),
    ),
]
RECORDING = [
    Method(
        {
            "command": "start_recording",
            "settings": LAYOUT,
            "stream_id": ONE,
            "force_new": True,
        },
        ("start_recording",),
        (("start_recording", {"settings": LAYOUT, "stream_id": ONE, "force_new": True}),),
        ONE,
    ),
    _plain(
        "update_recording",
        {"settings": LAYOUT, "stream_id": ONE},
        command="update_recording",
        settings=LAYOUT,
        stream_id=ONE,
    ),
    _plain("stop_recording", {"stream_id": ONE}, command="stop_recording", stream_id=ONE),
]
STREAMING = [
    Method(
        {
            "command": "start_live_stream",
            "endpoints": ["main"],
            "settings": LAYOUT,
            "stream_id": ONE,
            "force_new": True,
        },
        ("start_live_stream_with_endpoints",),
        (
            (
                "start_live_stream",
                {"endpoints": ["main"], "settings": LAYOUT, "stream_id": ONE, "force_new": True},
            ),
        ),
    ),
    Method(
        {"command": "start_live_stream", "rtmp_urls": ["rtmps://live.example/key"]},
        ("start_live_stream_with_rtmp_urls",),
        (("start_live_stream", {"rtmp_urls": ["rtmps://live.example/key"], "stream_id": None}),),
    ),
    _plain(
        "update_live_stream",
        {"settings": LAYOUT, "stream_id": ONE},
        command="update_live_stream",
        settings=LAYOUT,
        stream_id=ONE,
    ),
    _plain(
        "add_live_streaming_endpoints",
        {"endpoints": ["second"], "stream_id": ONE},
        command="add_live_stream_endpoints",
        endpoints=["second"],
        stream_id=ONE,
    ),
    _plain(
        "remove_live_streaming_endpoints",
        {"endpoints": ["second"], "stream_id": ONE},
        command="remove_live_stream_endpoints",
        endpoints=["second"],
        stream_id=ONE,
    ),
    _plain("stop_live_stream", {"stream_id": ONE}, command="stop_live_stream", stream_id=ONE),
]
PHONE = {"phoneNumber": "+15550100", "displayName": "Ada"}
TELEPHONY = [
    Method(
        {"command": "start_dialout", "settings": PHONE},
        ("start_dialout",),
        (("start_dialout", {"settings": PHONE, "session_id": "$result"}),),
        ...,
    ),
    _plain("stop_dialout", {"session_id": ONE}, command="stop_dialout", connection_id=ONE),
    _plain(
        "send_dtmf",
        {"settings": {"sessionId": ONE, "tones": "12#", "method": "auto", "digitDurationMs": 90}},
        command="send_dtmf",
        connection_id=ONE,
        tones="12#",
        method="auto",
        digit_duration_ms=90,
    ),
    _plain(
        "sip_call_transfer",
        {"settings": {"sessionId": ONE, "toEndPoint": "sip:a@b", "callerId": "+15550100"}},
        command="transfer_call",
        connection_id=ONE,
        to="sip:a@b",
        caller_id="+15550100",
    ),
    _plain(
        "sip_refer",
        {"settings": {"sessionId": ONE, "toEndPoint": "sip:a@b"}},
        command="refer_call",
        connection_id=ONE,
        to="sip:a@b",
    ),
]
STOP = {"command": "stop_transcription"}
HEARD = {"language": "de", "model": "nova-3"}
TRANSCRIPTION = [
    _plain("stop_transcription", {}, **STOP),
    Method(
        {"command": "start_transcription", "settings": HEARD},
        ("start_transcription",),
        (("start_transcription", {"settings": {**HEARD, "includeRawResponse": True}}),),
        first=(STOP,),
    ),
    _plain(
        "update_transcription",
        {"participants": ["$Ann"], "instance_id": ONE},
        command="update_transcription",
        participants=["$Ann"],
        instance_id=ONE,
    ),
    _plain("update_transcription", {"participants": None}, command="update_transcription"),
]
OFF = {"inputsEnabled": {"microphone": False}}
STAGED = {"base": {"camera": "staged"}}
SETTINGS = [
    _plain(
        "update_subscriptions",
        {"participants": {"$Ann": {"profile": "base"}}, "profiles": {"base": {"profile": "base"}}},
        command="update_subscriptions",
        participants={"$Ann": {"profile": "base"}},
        profiles={"base": {"profile": "base"}},
    ),
    _plain(
        "update_subscription_profiles",
        {"profiles": STAGED},
        command="update_profiles",
        profiles=STAGED,
    ),
    _plain(
        "update_publishing",
        {"settings": {"camera": {"isPublishing": False}}},
        **given("publishing", {"camera": {"isPublishing": False}}),
    ),
    _plain("update_inputs", {"settings": {"camera": False}}, **given("inputs", {"camera": False})),
    _plain(
        "update_permissions",
        {"permissions": {"canSend": ["camera"]}},
        command="update_permissions",
        permissions={"canSend": ["camera"]},
    ),
    _plain(
        "update_remote_participants",
        {"updates": {"$Bob": {"permissions": {"canAdmin": []}}}},
        command="update_participants",
        participants={"$Bob": {"permissions": {"canAdmin": []}}},
    ),
    _plain(
        "update_remote_participants",
        {"updates": {"$Ann": OFF, "$Bob": OFF}},
        command="mute",
        participants=["$Ann", "$Bob"],
    ),
    _plain("eject_remote_participants", {"ids": [ONE]}, command="eject", participants=[ONE]),
    _plain("set_user_name", {"user_name": "Scribe"}, command="set_user_name", name="Scribe"),
    _plain(
        "set_proxy_url", {"url": "https://p.example"}, command="set_proxy", url="https://p.example"
    ),
    _plain("set_proxy_url", {"url": None}, command="set_proxy"),
    _plain(
        "set_ice_config",
        {"config": {"iceServers": [{"urls": ["stun:s.example"]}]}},
        command="set_ice_servers",
        settings={"iceServers": [{"urls": ["stun:s.example"]}]},
    ),
]
REQUESTS = [*MESSAGES, *RECORDING, *STREAMING, *TELEPHONY, *TRANSCRIPTION, *SETTINGS]
