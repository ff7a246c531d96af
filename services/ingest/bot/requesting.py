"""Commands to requests, one row each: the client's method and its arguments by position. Pure.

Names and order are those of daily-python's client at run time, where its type stub differs. Every
argument but the completion is there, so that a completion can follow by position.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, assert_never

from contracts import app_messages, calls
from services.ingest.bot.seam import SLOW_SECONDS, Request

Requested: TypeAlias = (
    calls.SendChat
    | calls.SendAppMessage
    | calls.StartRecording
    | calls.StopRecording
    | calls.UpdateRecording
    | calls.StartLiveStream
    | calls.UpdateLiveStream
    | calls.AddLiveStreamEndpoints
    | calls.RemoveLiveStreamEndpoints
    | calls.StopLiveStream
    | calls.StartDialout
    | calls.StopDialout
    | calls.SendDtmf
    | calls.TransferCall
    | calls.ReferCall
    | calls.StartTranscription
    | calls.UpdateTranscription
    | calls.StopTranscription
    | calls.UpdateSubscriptions
    | calls.UpdateProfiles
    | calls.UpdatePublishing
    | calls.UpdateInputs
    | calls.UpdatePermissions
    | calls.UpdateParticipants
    | calls.Mute
    | calls.Eject
    | calls.SetUserName
    | calls.SetProxy
    | calls.SetIceServers
)

_UUID = re.compile(r"[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}", re.IGNORECASE)
_MUTED = {"inputsEnabled": {"microphone": False}}


class UnfitError(ValueError):
    """Daily would refuse this at once; the message names the field and the cause."""


def request(command: Requested, base: Mapping[str, Any]) -> Request:  # noqa: C901, PLR0911, PLR0912 - one row a command
    """What to ask of the client. Raises UnfitError."""
    match command:
        case calls.SendChat(text=text, name=name):
            _within_limit("text", _as_prebuilt_sends(text, name))
            return Request("send_prebuilt_chat_message", (text, name))
        case calls.SendAppMessage(message=None):
            raise UnfitError("message: null is not a message")
        case calls.SendAppMessage(message=message, to=to):
            _within_limit("message", message)
            return Request("send_app_message", (message, _uuid("to", to)))
        case calls.StartRecording(settings=settings, stream_id=stream, force_new=new):
            return _slow("start_recording", settings, _uuid("stream_id", stream), new)
        case calls.StopRecording(stream_id=stream):
            return _slow("stop_recording", _uuid("stream_id", stream))
        case calls.UpdateRecording(settings=settings, stream_id=stream):
            return _slow("update_recording", settings, _uuid("stream_id", stream))
        case calls.StartLiveStream():
            return _start_live_stream(command)
        case calls.UpdateLiveStream(settings=settings, stream_id=stream):
            return _slow("update_live_stream", settings, _uuid("stream_id", stream))
        case calls.AddLiveStreamEndpoints(endpoints=ends, stream_id=stream):
            return _slow("add_live_streaming_endpoints", [*ends], _uuid("stream_id", stream))
        case calls.RemoveLiveStreamEndpoints(endpoints=ends, stream_id=stream):
            return _slow("remove_live_streaming_endpoints", [*ends], _uuid("stream_id", stream))
        case calls.StopLiveStream(stream_id=stream):
            return _slow("stop_live_stream", _uuid("stream_id", stream))
        case calls.StartDialout(settings=settings):
            return _slow("start_dialout", _callable(settings))
        case calls.StopDialout(connection_id=connection):
            return _slow("stop_dialout", _uuid("connection_id", connection))
        case calls.SendDtmf(connection_id=connection, tones=tones, method=method):
            duration = command.digit_duration_ms
            keys = {"tones": tones, "method": method, "digitDurationMs": duration}
            return _slow("send_dtmf", _given(sessionId=connection, **keys))
        case calls.TransferCall(connection_id=connection, to=to, caller_id=caller):
            end = _given(sessionId=connection, toEndPoint=to, callerId=caller)
            return _slow("sip_call_transfer", end)
        case calls.ReferCall(connection_id=connection, to=to):
            return _slow("sip_refer", _given(sessionId=connection, toEndPoint=to))
        case calls.StartTranscription(settings=settings):
            return _slow("start_transcription", transcription(base, settings or {}))
        case calls.UpdateTranscription(participants=people, instance_id=instance):
            chosen = None if people is None else _participants(people)
            return _slow("update_transcription", chosen, instance)
        case calls.StopTranscription():
            return _slow("stop_transcription")
        case calls.UpdateSubscriptions(participants=people, profiles=profiles):
            _participants(people or ())
            return Request("update_subscriptions", (people, profiles))
        case calls.UpdateProfiles(profiles=profiles):
            return Request("update_subscription_profiles", (profiles,))
        case calls.UpdatePublishing(settings=settings):
            return Request("update_publishing", (settings,))
        case calls.UpdateInputs(settings=settings):
            return Request("update_inputs", (settings,))
        case calls.UpdatePermissions(permissions=permissions):
            return Request("update_permissions", (permissions,))
        case calls.UpdateParticipants(participants=updates):
            _participants(updates)
            return Request("update_remote_participants", (updates,))
        case calls.Mute(participants=people):
            muted = dict.fromkeys(_participants(people), _MUTED)
            return Request("update_remote_participants", (muted,))
        case calls.Eject(participants=people):
            return Request("eject_remote_participants", (_participants(people),))
        case calls.SetUserName(name=name):
            return Request("set_user_name", (name,), completes=False)
        case calls.SetProxy(url=url):
            return Request("set_proxy_url", (url,))
        case calls.SetIceServers(settings=settings):
            return Request("set_ice_config", (settings,))
        case _ as unreachable:
            assert_never(unreachable)


def transcription(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings over our own, and within `extra` as well.

    `includeRawResponse` stays as it is in `base`: without it finals and interim results look alike.
    So does `redact` where it is on: the session asked for that.
    """
    extra = {**_object(base.get("extra")), **_object(settings.get("extra"))}
    merged = {**base, **settings, "extra": extra}
    kept = ("includeRawResponse", *(("redact",) if base.get("redact") else ()))
    return merged | {key: base[key] for key in kept if key in base}


def participant(field: str, value: str) -> str:
    """The participant's id. Raises UnfitError, naming `field`, when it cannot be one."""
    if not _UUID.fullmatch(value):
        raise UnfitError(f"{field}: not a UUID")
    return value


def _uuid(field: str, value: str | None) -> str | None:
    return None if value is None else participant(field, value)


def _participants(ids: Iterable[str]) -> list[str]:
    return [participant("participants", one) for one in ids]


def _slow(method: str, *args: object) -> Request:
    return Request(method, args, SLOW_SECONDS)


def _start_live_stream(command: calls.StartLiveStream) -> Request:
    rest = (command.settings, _uuid("stream_id", command.stream_id), command.force_new)
    match command.endpoints, command.rtmp_urls:
        case tuple(ends), None:
            return _slow("start_live_stream_with_endpoints", [*ends], *rest)
        case None, tuple(urls):
            return _slow("start_live_stream_with_rtmp_urls", [*urls], *rest)
        case _:
            raise UnfitError("endpoints, rtmp_urls: exactly one of the two")


def _callable(settings: dict[str, Any]) -> dict[str, Any]:
    """Dial-out settings with one target: of two, nobody knows which one would be called."""
    targets = [settings.get(key) for key in ("sipUri", "phoneNumber")]
    known = [one for one in targets if one is not None]
    if len(known) != 1 or not isinstance(known[0], str) or not known[0]:
        raise UnfitError("settings: exactly one of sipUri and phoneNumber, as text")
    return settings


def _given(**fields: object) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_prebuilt_sends(text: str, name: str | None) -> dict[str, str | None]:
    """A chat line goes out as an app message, about like this."""
    date = "2000-01-01T00:00:00.000Z"
    return {
        "event": "chat-msg",
        "date": date,
        "room": "main-room",
        "name": name or "n" * 64,
        "message": text,
    }


def _within_limit(field: str, message: object) -> None:
    if (size := app_messages.size(message)) > app_messages.LIMIT:
        raise UnfitError(f"{field}: {size} bytes of JSON, {app_messages.LIMIT} at most")
