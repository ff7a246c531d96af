"""Inspections and media commands over HTTP, and what must come out of them at Daily's client.

Ids are written as in `daily_methods`.
"""

from typing import Any

from tests.support.daily_methods import Method, given


def _read(method: str, what: str, result: Any, *first: dict[str, Any]) -> Method:
    return Method({"command": "inspect", "what": what}, (method,), (), result, first)


INSPECTION = [
    _read("inputs", "inputs", {"camera": {"isEnabled": True}}, given("inputs", {"camera": True})),
    _read(
        "publishing",
        "publishing",
        {"microphone": {"isPublishing": True}},
        given("publishing", {"microphone": True}),
    ),
    _read(
        "subscriptions",
        "subscriptions",
        {"$Bob": {"media": {"camera": {"subscriptionState": "staged"}}}},
        {
            "command": "update_subscriptions",
            "participants": {"$Bob": {"media": {"camera": "staged"}}},
        },
    ),
    _read(
        "subscription_profiles",
        "subscription_profiles",
        {"far": {"microphone": {"subscriptionState": "unsubscribed"}}},
        {"command": "update_profiles", "profiles": {"far": "unsubscribed"}},
    ),
    _read(
        "participant_counts",
        "participant_counts",
        {"present": 5, "hidden": 2},
        {
            "cmd": "event",
            "name": "on_participant_counts_updated",
            "args": [{"present": 5, "hidden": 2}],
        },
    ),
    _read(
        "get_network_stats",
        "network_stats",
        {"quality": 42, "threshold": "low"},
        {"cmd": "network", "quality": 42, "threshold": "low"},
    ),
    _read(
        "active_speaker",
        "active_speaker",
        {"id": "$Bob"},
        {"cmd": "active_speaker", "participant": "$Bob"},
    ),
]


def _subscribed(source: str, state: str) -> tuple[str, dict[str, Any]]:
    media = {"participants": {"$Bob": {"media": {source: state}}}}
    return "update_subscriptions", media


def _on_air(kind: str, track: str, sending: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A track of our own is there and is sent."""
    published = {track: {"isPublishing": True, "sendSettings": sending}}
    return (
        (f"add_custom_{kind}_track", {"track": track}),
        ("update_publishing", {"settings": {f"custom{kind.title()}": published}}),
    )


MEDIA = [
    Method(
        {"command": "capture_audio", "participant_id": "$Bob", "sample_rate": 24000},
        ("update_subscriptions", "set_audio_renderer"),
        (
            ("set_audio_renderer", {"participant": "$Bob", "sample_rate": 24000}),
            _subscribed("microphone", "subscribed"),
        ),
    ),
    Method(
        {"command": "stop_audio_capture", "participant_id": "$Bob", "source": "screenAudio"},
        ("update_subscriptions",),
        (_subscribed("screenAudio", "unsubscribed"),),
        first=({"command": "capture_audio", "participant_id": "$Bob", "source": "screenAudio"},),
    ),
    Method(
        {"command": "take_picture", "participant_id": "$Bob", "source": "screenVideo"},
        ("update_subscriptions", "set_video_renderer"),
        (
            _subscribed("screenVideo", "subscribed"),
            ("set_video_renderer", {"participant": "$Bob", "source": "screenVideo"}),
        ),
        ...,
        meanwhile={
            "cmd": "video",
            "participant": "$Bob",
            "source": "screenVideo",
            "width": 6,
            "height": 4,
            "rgba": [250, 120, 10, 255],
        },
    ),
    Method(
        {
            "command": "play_audio",
            "file_id": "$sound",
            "track": "chime",
            "sample_rate": 16000,
            "channels": 2,
            "bitrate": 32000,
        },
        ("add_custom_audio_track", "update_publishing", "remove_custom_audio_track"),
        (
            *_on_air("audio", "chime", {"channelConfig": "stereo", "bitrate": 32000}),
            ("audio_written", {"track": "chime", "sample_rate": 16000, "channels": 2}),
            ("remove_custom_audio_track", {"track": "chime"}),
        ),
    ),
    Method(
        {"command": "stop_audio", "track": "long"},
        ("remove_custom_audio_track",),
        (("remove_custom_audio_track", {"track": "long"}),),
        first=({"command": "play_audio", "file_id": "$long", "track": "long"},),
    ),
    Method(
        {
            "command": "show_picture",
            "file_id": "$picture",
            "track": "slide",
            "width": 32,
            "height": 16,
        },
        ("add_custom_video_track", "update_publishing"),
        (
            *_on_air("video", "slide", {"encodings": {"low": {"maxFramerate": 5}}}),
            ("video_written", {"track": "slide", "width": 32, "height": 16}),
        ),
    ),
    Method(
        {"command": "hide_picture", "track": "other"},
        ("remove_custom_video_track",),
        (("remove_custom_video_track", {"track": "other"}),),
        first=({"command": "show_picture", "file_id": "$picture", "track": "other"},),
    ),
]
