"""Every callback of Daily's client: what happens in the room, and the event it must become.

`$Ann`, `$Bob` and the like stand for ids that the test knows. Payloads are those of the fact sheet.
"""

from typing import Any, NamedTuple

ONE = "0d0f9f8e-0b7e-4bb6-9f43-0d7a35f4a001"
TWO = "0d0f9f8e-0b7e-4bb6-9f43-0d7a35f4a002"
KINDS = ("camera", "microphone", "screenVideo", "screenAudio")


class Callback(NamedTuple):
    """What happens in the room, and the event that must follow, with its decisive fields."""

    name: str
    controls: tuple[dict[str, Any], ...]
    event: str
    fields: dict[str, Any]


def _told(name: str, event: str, fields: dict[str, Any], *args: Any) -> Callback:
    """The callback with these arguments, as they are."""
    return Callback(name, ({"cmd": "event", "name": name, "args": [*args]},), event, fields)


def _does(name: str, event: str, fields: dict[str, Any], cmd: str, /, **control: Any) -> Callback:
    """Something happens that has Daily's client call back."""
    return Callback(name, ({"cmd": cmd, **control},), event, fields)


def _whole(**of_each: Any) -> dict[str, Any]:
    """Settings of each kind of media."""
    return {**{kind: dict(of_each) for kind in KINDS}, "customAudio": {}, "customVideo": {}}


def _phone(kind: str, what: str, event: str, **more: Any) -> Callback:
    payload = {"sessionId": ONE, "actionTraceId": TWO} | more
    fields = {"connection_id": ONE} | ({"detail": more["message"]} if "message" in more else {})
    return _told(f"on_{kind}_{what}", event, fields, payload)


def _trouble(name: str, event: str) -> Callback:
    """With a stream's id and a text."""
    return _told(name, event, {"stream_id": ONE, "detail": "no room left"}, ONE, "no room left")


def _visitor(participant_id: str) -> dict[str, Any]:
    return {
        "cmd": "participant_joined",
        "id": participant_id,
        "user_name": "Dora",
        "user_id": "u-7",
        "joined_at": 1_767_603_600,
    }


PEOPLE = [
    Callback(
        "on_participant_joined",
        (_visitor(ONE),),
        "ParticipantJoined",
        {
            "participant_id": ONE,
            "name": "Dora",
            "user_id": "u-7",
            "joined_at": "2026-01-05T09:00:00Z",
        },
    ),
    _does(
        "on_participant_updated",
        "ParticipantUpdated",
        {"participant_id": "$Bob", "name": "Robert"},
        "participant_updated",
        participant="$Bob",
        user_name="Robert",
    ),
    Callback(
        "on_participant_left",
        (_visitor(TWO), {"cmd": "participant_left", "participant": TWO, "reason": "hidden"}),
        "ParticipantLeft",
        {"participant_id": TWO, "reason": "hidden"},
    ),
    _told(
        "on_participant_counts_updated",
        "ParticipantCountsChanged",
        {"present": 9, "hidden": 3},
        {"present": 9, "hidden": 3},
    ),
    _does(
        "on_active_speaker_changed",
        "ActiveSpeakerChanged",
        {"participant_id": "$Ann"},
        "active_speaker",
        participant="$Ann",
    ),
]
SPEECH = {"cmd": "speak", "participant": "$Bob", "force": True, "raw": {"from_finalize": False}}
STATUS = {"language": "fr", "model": "nova-2"}
TRANSCRIPTION = [
    _does(
        "on_transcription_started",
        "TranscriptionStarted",
        {"own": ..., "started_by": "$Ann", **STATUS},
        "transcription_started",
        by="$Ann",
        settings=STATUS,
    ),
    _told(
        "on_transcription_updated",
        "TranscriptionUpdated",
        {"participants": ["$Ann", "$Bob"], "updated_by": "$Ann"},
        {"participants": ["$Ann", "$Bob"], "instanceId": ONE, "updatedBy": "$Ann"},
    ),
    Callback(
        "on_transcription_message",
        ({**SPEECH, "text": "we ship on Friday", "interim": ["we ship"], "confidence": 0.75},),
        "SegmentHeard",
        {"text": "we ship on Friday", "speaker_id": "$Bob", "confidence": 0.75},
    ),
    _does(
        "on_transcription_error",
        "TranscriptionFailed",
        {"detail": "the engine stalled"},
        "transcription_error",
        message="the engine stalled",
    ),
    _does(
        "on_transcription_stopped",
        "TranscriptionStopped",
        {"by_error": True},
        "transcription_stopped",
        by_error=True,
    ),
]
CALL = [
    _does(
        "on_app_message",
        "AppMessageReceived",
        {"sender_id": "$Ann", "message": {"colour": ["red", None]}},
        "app_message",
        **{"from": "$Ann", "data": {"colour": ["red", None]}},
    ),
    _does(
        "on_app_message",
        "ChatReceived",
        {"sender_id": "$Bob", "text": "good morning", "name": "Bobby"},
        "app_message",
        **{
            "from": "$Bob",
            "data": {"event": "chat-msg", "name": "Bobby", "message": "good morning"},
        },
    ),
    _told("on_call_state_updated", "CallStateChanged", {"state": "joining"}, "joining"),
    _does(
        "on_error",
        "CallErrorReported",
        {"detail": "the camera fell over"},
        "error",
        message="the camera fell over",
    ),
    _told(
        "on_dtmf_event",
        "DtmfReceived",
        {"connection_id": ONE, "tone": "#", "method": "sip-info", "volume": 10.0},
        {"sessionId": ONE, "tone": "#", "volume": 10, "method": "sip-info"},
    ),
]
LAYOUT = {"preset": "portrait"}
STARTED = {"streamId": ONE, "startedBy": TWO, "layout": LAYOUT}
STREAMS = [
    _told(
        "on_recording_started",
        "RecordingStarted",
        {"stream_id": ONE, "recording_id": TWO, "started_by": TWO, "layout": LAYOUT},
        STARTED | {"recordingId": TWO},
    ),
    _told("on_recording_stopped", "RecordingStopped", {"stream_id": ONE}, ONE),
    _trouble("on_recording_error", "RecordingFailed"),
    _told(
        "on_live_stream_started",
        "LiveStreamStarted",
        {"stream_id": ONE, "started_by": TWO, "layout": LAYOUT},
        STARTED,
    ),
    _told(
        "on_live_stream_updated",
        "LiveStreamUpdated",
        {"stream_id": ONE, "state": "interrupted"},
        {"streamId": ONE, "state": "interrupted"},
    ),
    _told("on_live_stream_stopped", "LiveStreamStopped", {"stream_id": ONE}, ONE),
    _trouble("on_live_stream_error", "LiveStreamFailed"),
    _trouble("on_live_stream_warning", "LiveStreamWarned"),
]
SIP = {"displayName": "Ada", "sipFrom": "sip:ada@b", "sipHeaders": {"x-desk": "4"}}
TELEPHONY = [
    _told("on_dialin_ready", "DialinReady", {"sip_endpoint": "1@sip.example"}, "1@sip.example"),
    _told(
        "on_dialin_connected",
        "DialinConnected",
        {
            "connection_id": ONE,
            "display_name": "Ada",
            "sip_from": "sip:ada@b",
            "sip_headers": {"x-desk": "4"},
        },
        {"sessionId": ONE, "actionTraceId": TWO} | SIP,
    ),
    _phone("dialin", "stopped", "DialinStopped", sipFrom="sip:ada@b", sipHeaders={}),
    _phone("dialin", "error", "DialinFailed", message="busy"),
    _phone("dialin", "warning", "DialinWarned", message="jitter"),
    _phone("dialout", "connected", "DialoutConnected"),
    _phone("dialout", "answered", "DialoutAnswered"),
    _phone("dialout", "stopped", "DialoutStopped"),
    _phone("dialout", "error", "DialoutFailed", message="no such number"),
    _phone("dialout", "warning", "DialoutWarned", message="jitter"),
]
DEVICE = {"deviceId": "d1", "groupId": "g1", "kind": "audioinput", "label": "Desk"}
DEVICES = {"audio": [], "camera": [], "microphone": [DEVICE], "speaker": []}
INPUTS = _whole(isEnabled=False, settings={})
PUBLISHING = _whole(isPublishing=False, sendSettings={})
PROFILES = {"base": _whole(subscriptionState="staged", receiveSettings={})}
RECEIVED = {ONE: {"profile": "base", "media": _whole(subscriptionState="staged")}}
LATEST = {"receiveBitsPerSecond": 1200, "sendBitsPerSecond": 80.5}
STATS = {"quality": 7, "threshold": "veryLow", "stats": {"latest": LATEST}}
SETTINGS = [
    _told(
        "on_network_stats_updated",
        "NetworkChanged",
        {
            "quality": 7,
            "threshold": "veryLow",
            "received_bits_per_second": 1200,
            "sent_bits_per_second": 80.5,
        },
        STATS,
    ),
    _does(
        "on_network_connection_status_updated",
        "ConnectionChanged",
        {"connection": "sfu-recv", "state": "interrupted"},
        "connection",
        connection="sfu-recv",
        event="interrupted",
    ),
    _told("on_available_devices_updated", "DevicesChanged", {"devices": DEVICES}, DEVICES),
    _told("on_inputs_updated", "InputsChanged", {"settings": INPUTS}, INPUTS),
    _told("on_publishing_updated", "PublishingChanged", {"settings": PUBLISHING}, PUBLISHING),
    _told("on_subscriptions_updated", "SubscriptionsChanged", {"settings": RECEIVED}, RECEIVED),
    _told("on_subscription_profiles_updated", "ProfilesChanged", {"settings": PROFILES}, PROFILES),
]
CALLBACKS = [*PEOPLE, *TRANSCRIPTION, *CALL, *STREAMS, *TELEPHONY, *SETTINGS]
