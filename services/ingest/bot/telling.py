"""Callbacks to facts, for all that is not about participants or transcription. Pure; never raises.

One row a callback. Payloads are foreign: an id or a detail that is missing is the empty string; a
callback without the one thing it is about tells nothing. Texts are cut at 500 characters. An app
message over Daily's 4,096 bytes of JSON, or nested more than 20 deep, is told with `message` null;
a line of Prebuilt's chat is cut at 4,000 characters. Settings over 65,536 bytes are told as
`{"omitted": ...}`. Nothing is redacted here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import (
    AppMessageReceived,
    CallErrorReported,
    CallStateChanged,
    ChatReceived,
    ConnectionChanged,
    DevicesChanged,
    DialinConnected,
    DialinFailed,
    DialinReady,
    DialinStopped,
    DialinWarned,
    DialoutAnswered,
    DialoutConnected,
    DialoutFailed,
    DialoutStopped,
    DialoutWarned,
    DtmfReceived,
    Event,
    InputsChanged,
    LiveStreamFailed,
    LiveStreamStarted,
    LiveStreamStopped,
    LiveStreamUpdated,
    LiveStreamWarned,
    NetworkChanged,
    ProfilesChanged,
    PublishingChanged,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
    SubscriptionsChanged,
)
from services.ingest.bot.harmless import bounded, chat, field, message, number, words
from services.ingest.bot.seam import Callback
from services.ingest.bot.steps import Charge

QUALITY_STEP = 20.0
"""A network as good as the last told, give or take this much, is not told again."""
ECHO = "Error handling "
"""How Daily begins the second report of a request that failed; its completion said it already."""

_Head: TypeAlias = dict[str, Any]
_Row: TypeAlias = Callable[[_Head, Any, Any], Event | None]


class Telling(msgspec.Struct, frozen=True):
    """What was last told of that which is told only when it changes."""

    threshold: str = ""
    quality: float | None = None
    profiles: dict[str, Any] | None = None


initial = Telling()


def step(
    telling: Telling, callback: Callback, charge: Charge, at: datetime
) -> tuple[Telling, tuple[Event, ...]]:
    """The facts of one callback; () for the callbacks of others and for what is told already."""
    first, second, *_ = *callback.args, None, None
    head: _Head = charge.head(at)
    match callback.name:
        case "on_network_stats_updated":
            return _network(telling, head, first)
        case "on_subscription_profiles_updated":
            return _profiles(telling, head, first)
        case name if name in ROWS:
            event = ROWS[name](head, first, second)
            return telling, () if event is None else (event,)
        case _:
            return telling, ()


def _network(telling: Telling, head: _Head, stats: object) -> tuple[Telling, tuple[Event, ...]]:
    quality, threshold = number(field(stats, "quality")), words(field(stats, "threshold"))
    if quality is None or not threshold:
        return telling, ()
    moved = telling.quality is None or abs(quality - telling.quality) >= QUALITY_STEP
    if not moved and threshold == telling.threshold:
        return telling, ()
    latest = field(field(stats, "stats"), "latest")
    event = NetworkChanged(
        **head,
        quality=quality,
        threshold=threshold,
        received_bits_per_second=number(field(latest, "receiveBitsPerSecond")),
        sent_bits_per_second=number(field(latest, "sendBitsPerSecond")),
    )
    return replace(telling, quality=quality, threshold=threshold), (event,)


def _profiles(telling: Telling, head: _Head, given: object) -> tuple[Telling, tuple[Event, ...]]:
    if not isinstance(given, dict) or (profiles := bounded(given)) == telling.profiles:
        return telling, ()
    return replace(telling, profiles=profiles), (ProfilesChanged(**head, settings=profiles),)


def _app_message(head: _Head, said: object, sender: object) -> Event:
    sender_id = words(sender) or None
    if (line := chat(said)) is not None:
        name = words(field(said, "name")) or None
        return ChatReceived(**head, sender_id=sender_id, text=line, name=name)
    return AppMessageReceived(**head, sender_id=sender_id, message=message(said))


def _state(head: _Head, state: object, _: object) -> Event | None:
    return CallStateChanged(**head, state=told) if (told := words(state)) else None


def _error(head: _Head, text: object, _: object) -> Event | None:
    detail = words(text)
    if not detail or detail.startswith(ECHO):
        return None
    return CallErrorReported(**head, detail=detail)


def _recording(head: _Head, status: object, _: object) -> Event:
    return RecordingStarted(
        **head,
        stream_id=words(field(status, "streamId")),
        recording_id=words(field(status, "recordingId")) or None,
        started_by=words(field(status, "startedBy")) or None,
        layout=_object(field(status, "layout")),
    )


def _live_stream(head: _Head, status: object, _: object) -> Event:
    return LiveStreamStarted(
        **head,
        stream_id=words(field(status, "streamId")),
        started_by=words(field(status, "startedBy")) or None,
        layout=_object(field(status, "layout")),
    )


def _live_stream_update(head: _Head, update: object, _: object) -> Event | None:
    if not (state := words(field(update, "state"))):
        return None
    return LiveStreamUpdated(**head, stream_id=words(field(update, "streamId")), state=state)


def _stopped(kind: Callable[..., Event], head: _Head, stream_id: object, _: object) -> Event:
    return kind(**head, stream_id=words(stream_id))


def _trouble(kind: Callable[..., Event], head: _Head, stream_id: object, text: object) -> Event:
    return kind(**head, stream_id=words(stream_id), detail=words(text))


def _dialin_ready(head: _Head, endpoint: object, _: object) -> Event | None:
    return DialinReady(**head, sip_endpoint=told) if (told := words(endpoint)) else None


def _dialin(head: _Head, data: object, _: object) -> Event:
    return DialinConnected(
        **head,
        connection_id=words(field(data, "sessionId")),
        display_name=words(field(data, "displayName")) or None,
        sip_from=words(field(data, "sipFrom")) or None,
        sip_headers=_object(field(data, "sipHeaders")),
    )


def _phone(kind: Callable[..., Event], head: _Head, data: object, _: object) -> Event:
    return kind(**head, connection_id=words(field(data, "sessionId")))


def _phone_trouble(kind: Callable[..., Event], head: _Head, data: object, _: object) -> Event:
    detail = words(field(data, "message"))
    return kind(**head, connection_id=words(field(data, "sessionId")), detail=detail)


def _dtmf(head: _Head, data: object, _: object) -> Event | None:
    if not (tone := words(field(data, "tone"))):
        return None
    return DtmfReceived(
        **head,
        connection_id=words(field(data, "sessionId")),
        tone=tone,
        method=words(field(data, "method")) or None,
        volume=number(field(data, "volume")),
    )


def _connection(head: _Head, status: object, _: object) -> Event | None:
    connection, state = words(field(status, "connection")), words(field(status, "event"))
    if not connection and not state:
        return None
    return ConnectionChanged(**head, connection=connection, state=state)


def _devices(head: _Head, devices: object, _: object) -> Event | None:
    return DevicesChanged(**head, devices=bounded(devices)) if isinstance(devices, dict) else None


def _settings(kind: Callable[..., Event], head: _Head, settings: object, _: object) -> Event | None:
    return kind(**head, settings=bounded(settings)) if isinstance(settings, dict) else None


def _object(value: object) -> dict[str, Any]:
    kept: dict[str, Any] = bounded(value) if isinstance(value, dict) else {}
    return kept


ROWS: Mapping[str, _Row] = {
    "on_app_message": _app_message,
    "on_available_devices_updated": _devices,
    "on_call_state_updated": _state,
    "on_dialin_connected": _dialin,
    "on_dialin_error": partial(_phone_trouble, DialinFailed),
    "on_dialin_ready": _dialin_ready,
    "on_dialin_stopped": partial(_phone, DialinStopped),
    "on_dialin_warning": partial(_phone_trouble, DialinWarned),
    "on_dialout_answered": partial(_phone, DialoutAnswered),
    "on_dialout_connected": partial(_phone, DialoutConnected),
    "on_dialout_error": partial(_phone_trouble, DialoutFailed),
    "on_dialout_stopped": partial(_phone, DialoutStopped),
    "on_dialout_warning": partial(_phone_trouble, DialoutWarned),
    "on_dtmf_event": _dtmf,
    "on_error": _error,
    "on_inputs_updated": partial(_settings, InputsChanged),
    "on_live_stream_error": partial(_trouble, LiveStreamFailed),
    "on_live_stream_started": _live_stream,
    "on_live_stream_stopped": partial(_stopped, LiveStreamStopped),
    "on_live_stream_updated": _live_stream_update,
    "on_live_stream_warning": partial(_trouble, LiveStreamWarned),
    "on_network_connection_status_updated": _connection,
    "on_publishing_updated": partial(_settings, PublishingChanged),
    "on_recording_error": partial(_trouble, RecordingFailed),
    "on_recording_started": _recording,
    "on_recording_stopped": partial(_stopped, RecordingStopped),
    "on_subscriptions_updated": partial(_settings, SubscriptionsChanged),
}
TOLD = frozenset(ROWS) | {"on_network_stats_updated", "on_subscription_profiles_updated"}
"""The callbacks this file answers for."""
