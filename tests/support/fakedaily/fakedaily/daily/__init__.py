"""Stand-alone fake of the ``daily`` module (names and signatures of daily-python 0.36.0).

Put the directory that contains this package first on PYTHONPATH.  Standard library only.
It refuses, blocks, aborts and reorders as the real wheel was measured to without a network; what
happens inside a call (the success path of a join, media, telephony payloads) is a guess.

Control from outside the process (newline-JSON both ways), environment variables:

  FAKE_DAILY_CONTROL   unix:/path | tcp:host:port   the fake connects to a listening harness
                       listen:unix:/path | listen:tcp:host:port   the fake listens
                       file:/path.jsonl             the fake runs a script file
  FAKE_DAILY_REPORT    file that every report is appended to (works with any CONTROL value)
  FAKE_DAILY_WORLD     JSON file with the starting rooms, see Fake.load_world
  FAKE_DAILY_WAIT_READY=1        Daily.init() waits (max 10 s) for a {"cmd":"ready"}
  FAKE_DAILY_LATENCY_MS=5        time every request takes;  FAKE_DAILY_JOIN_MS=30 for join
  FAKE_DAILY_TIME_SCALE=1.0      multiplies the long built-in delays (the 19 s unreachable join)
  FAKE_DAILY_SEED=<int>          shuffles event-vs-completion order as the real one does
  FAKE_DAILY_ON_DEADLOCK=block|raise|abort   release() inside a callback (real: blocks for ever)
  FAKE_DAILY_ON_MISUSE=abort|raise           init twice / CallClient before init (real: SIGABRT)
  FAKE_DAILY_GIL_FREEZE=1        participants() during a join holds the GIL, as the real one does
  FAKE_DAILY_OVERSIZE=drop|error|deliver     app messages over 4096 bytes of JSON
  FAKE_DAILY_SLOW_MS=250         a callback longer than this is reported as slow_callback
  FAKE_DAILY_EXISTING=before|after|none      on_participant_joined for people already present
"""

from __future__ import annotations

import base64
import collections
import contextvars
import copy
import json
import math
import os
import queue
import random
import socket
import sys
import threading
import time
import traceback
import uuid
import weakref
from typing import Any, Callable, Mapping, Optional
from urllib.parse import urlsplit

__all__ = [
    "AudioData", "CallClient", "CustomAudioSource", "CustomAudioTrack", "CustomVideoSource",
    "CustomVideoTrack", "Daily", "EventHandler", "LogLevel", "NativeVad", "VideoFrame",
    "VirtualCameraDevice", "VirtualMicrophoneDevice", "VirtualSpeakerDevice",
]  # same list as the real module; `fake` stays out of `from daily import *`
__fake__ = True

NOT_IN_A_CALL = "CallState(NotInACall)"
LIMIT = 4096
MEDIA_KINDS = ("camera", "microphone", "screenAudio", "screenVideo")
_POSTED_BEFORE = object()


def _env(name: str, default: str) -> str:
    return os.environ.get("FAKE_DAILY_" + name, default)


def _envf(name: str, default: float) -> float:
    try:
        return float(_env(name, str(default)))
    except ValueError:
        return default


class PanicException(BaseException):
    """pyo3 raises a BaseException of this name when the Rust side panics."""


# --------------------------------------------------------------------------- payloads


def _media(state: str, subscribed: str) -> dict:
    out: dict[str, Any] = {}
    for kind in MEDIA_KINDS:
        st = state if kind == "microphone" else "off"
        out[kind] = {"state": st, "subscribed": subscribed, "offReasons": ["user"] if st == "off" else []}
    out["customAudio"] = {}
    out["customVideo"] = {}
    return out


def _permissions(owner: bool, admin: Any = None) -> dict:
    if owner or admin is True:
        can_admin = ["participants", "streaming", "transcription"]
    else:
        can_admin = list(admin or [])
    return {
        "hasPresence": True,
        "canSend": ["camera", "microphone", "screenVideo", "screenAudio", "customVideo", "customAudio"],
        "canReceive": {"base": True, "byUserId": {}, "byParticipantId": {}},
        "canAdmin": can_admin,
    }


_INPUTS: dict = {
    "camera": {"isEnabled": False, "settings": {
        "width": 1280, "height": 720, "frameRate": 30, "facingMode": "user", "zoom": 1.0, "torch": False,
        "processor": {"processor": "none"}, "customConstraints": {}}},
    "microphone": {"isEnabled": False, "settings": {"customConstraints": {}}},
    "screenAudio": {"isEnabled": False, "settings": {}}, "screenVideo": {"isEnabled": False, "settings": {}},
    "customAudio": {}, "customVideo": {},
}


def _encoding(bitrate: int, rate: float, scale: float) -> dict:
    return {"maxBitrate": bitrate, "maxFramerate": rate, "scaleResolutionDownBy": scale}


_PUBLISHING: dict = {
    "camera": {"isPublishing": True, "sendSettings": {
        "adaptiveLayerMaxBitrate": None, "allowAdaptiveLayers": True, "maxQuality": "high", "preferredCodec": "VP8",
        "startBitrate": 1000000, "encodings": {"high": _encoding(680000, 30.0, 1.0), "low": _encoding(90000, 15.0, 4.0),
                                               "medium": _encoding(200000, 15.0, 2.0)}}},
    "microphone": {"isPublishing": True, "sendSettings": {"channelConfig": "mono"}},
    "screenVideo": {"isPublishing": True, "sendSettings": {
        "maxQuality": "high", "preferredCodec": "VP8", "startBitrate": 1000000,
        "encodings": {"low": _encoding(2000000, 30.0, 1.0)}}},
    "customAudio": {}, "customVideo": {},
}


def _receive(kind: str, state: str) -> dict:
    return {"subscriptionState": state,
            "receiveSettings": {"maxQuality": "high"} if kind in ("camera", "screenVideo", "customVideo") else {}}


def _profile(state: str = "subscribed") -> dict:
    return {**{k: _receive(k, state) for k in MEDIA_KINDS}, "customAudio": {}, "customVideo": {}}


class _Person:
    def __init__(self, pid: str, name: Optional[str] = None, user_id: Optional[str] = None,
                 owner: bool = False, hidden: bool = False, admin: Any = None,
                 permissions: Optional[dict] = None, joined_at: Optional[int] = None):
        self.id = pid
        self.name = name
        self.user_id = user_id
        self.owner = owner
        self.hidden = hidden
        self.permissions = permissions or _permissions(owner, admin)
        if hidden:
            self.permissions["hasPresence"] = False
        self.joined_at = int(joined_at if joined_at is not None else time.time())

    def payload(self, local: bool, in_call: bool, subscribed: str = "unsubscribed") -> dict:
        info: dict[str, Any] = {"isLocal": local, "isOwner": self.owner, "joinedAt": self.joined_at}
        if self.name is not None:
            info["userName"] = self.name
        if self.user_id is not None:
            info["userId"] = self.user_id
        if in_call:
            info["permissions"] = copy.deepcopy(self.permissions)
        return {"id": self.id, "info": info,
                "media": _media("off" if local else "receivable", "unsubscribed" if local else subscribed)}


class _Room:
    def __init__(self, url: str):
        self.url = url
        self.session_id = str(uuid.uuid4())
        self.people: dict[str, _Person] = {}
        self.clients: list["_Core"] = []
        self.transcription: Optional[dict] = None
        self.transcribe_only: Optional[list[str]] = None
        self.transcription_t0 = 0.0
        self.recordings: dict[str, dict] = {}
        self.dialouts: dict[str, dict] = {}
        self.refuse: Optional[dict] = None  # behaviour of join for this room

    def counts(self) -> dict:
        present = hidden = 0
        for p in self.people.values():
            if p.permissions.get("hasPresence", True) and not p.hidden:
                present += 1
            else:
                hidden += 1
        return {"present": present, "hidden": hidden}


def _norm(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _claims(token: Optional[str]) -> Optional[dict]:
    """The claims of a JWT, unverified; None when the text is no JWT."""
    if not token or token.count(".") != 2:
        return None
    try:
        mid = token.split(".")[1]
        got = json.loads(base64.urlsafe_b64decode(mid + "=" * (-len(mid) % 4)))
        return got if isinstance(got, dict) else None
    except Exception:
        return None


def _to_json_value(value: Any, depth: int = 0) -> Any:
    """What pythonize + serde_json make of a Python value; raises what the real one raises."""
    if value is None or isinstance(value, (bool, str)):
        if isinstance(value, str):
            value.encode("utf-8")
        return value
    if isinstance(value, int):
        if not -(2 ** 63) <= value < 2 ** 64:
            raise Exception("JSON number out of range")
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray)):
        raise Exception("invalid type: byte array, expected any valid JSON value")
    if isinstance(value, Mapping):
        out = {}
        for k, v in value.items():
            if not isinstance(k, str):
                raise TypeError(f"unexpected type: '{type(k).__name__}' object is not an instance of 'str'")
            out[k] = _to_json_value(v, depth + 1)
        return out
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_to_json_value(v, depth + 1) for v in value]
    raise TypeError(f"unsupported type {type(value).__name__}")


def _depth(value: Any) -> int:
    best, todo = 0, [(value, 1)]
    while todo:
        v, d = todo.pop()
        best = max(best, d)
        if isinstance(v, dict):
            todo.extend((x, d + 1) for x in v.values())
        elif isinstance(v, list):
            todo.extend((x, d + 1) for x in v)
    return best


def _no_nul(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"'{type(text).__name__}' object is not an instance of 'str'")
    if "\0" in text:
        raise PanicException(f"invalid {what}: NulError")
    return text


def _uuid_or_valueerror(pid: str) -> str:
    if not isinstance(pid, str):
        raise TypeError(f"'{type(pid).__name__}' object is not an instance of 'str'")
    try:
        uuid.UUID(pid)
    except ValueError:
        raise ValueError(f"invalid participant ID '{pid}'") from None
    return pid


class _Unraisable:
    def __init__(self, exc: BaseException):
        self.exc = exc

    def __del__(self) -> None:
        raise self.exc


# --------------------------------------------------------------------------- control


class Fake:
    """The scriptable world behind every CallClient of this process (``daily.fake``)."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.cond = threading.Condition(self.lock)
        self.rooms: dict[str, _Room] = {}
        self.cores: list["_Core"] = []
        self.behaviours: list[dict] = []
        self.reports: list[dict] = []
        self.initialised = False
        self.init_pid = 0
        self.ready = threading.Event()
        self.sinks: list[Callable[[dict], None]] = []
        self.rng = random.Random(int(_env("SEED", "0"))) if _env("SEED", "") else None
        self._control_pid: Optional[int] = None
        self._n = 0
        self._file_lock = threading.Lock()
        world = _env("WORLD", "")
        if world:
            with open(world) as f:
                self.load_world(json.load(f))

    # ---- reports

    def report(self, kind: str, **fields: Any) -> dict:
        with self.cond:
            self._n += 1
            rec = {"report": kind, "n": self._n, "t": round(time.time(), 6), "pid": os.getpid(), **fields}
            self.reports.append(rec)
            self.cond.notify_all()
            sinks = list(self.sinks)
        path = _env("REPORT", "")
        if path:
            with self._file_lock, open(path, "a") as f:
                f.write(json.dumps(rec, default=str) + "\n")
        for sink in sinks:
            try:
                sink(rec)
            except Exception:
                pass
        return rec

    def misuse(self, what: str, **fields: Any) -> None:
        self.report("misuse", what=what, thread=threading.current_thread().name,
                    stack="".join(traceback.format_stack(limit=8)[:-2]), **fields)

    def wait_report(self, kind: str, timeout: float = 5.0, since: int = 0, **match: Any) -> Optional[dict]:
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                for r in self.reports:
                    if r["n"] > since and r["report"] == kind and all(r.get(k) == v for k, v in match.items()):
                        return r
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self.cond.wait(left)

    # ---- world

    def load_world(self, world: dict) -> None:
        """{"rooms":[{"url":..., "people":[{"user_name":..,"id":..,"owner":..}], "transcription":{...},
        "refuse":{"error":..,"code":..,"delay":..}}], "behaviours":[{...}]}"""
        for r in world.get("rooms", []):
            room = self.room(r["url"], create=True)
            for p in r.get("people", []):
                self._add_person(room, p)
            if r.get("transcription") is not None:
                self._start_transcription(room, dict(r["transcription"]), r.get("started_by") or str(uuid.uuid4()))
            room.refuse = r.get("refuse")
        self.behaviours.extend(dict(b) for b in world.get("behaviours", []))

    def room(self, url: Optional[str], create: bool = False) -> _Room:
        with self.lock:
            if url is None:
                live = [r for r in self.rooms.values() if r.clients] or list(self.rooms.values())
                if len(live) != 1:
                    raise ValueError(f"name the room: {sorted(self.rooms)}")
                return live[0]
            key = _norm(url)
            if key not in self.rooms:
                if not create:
                    raise ValueError(f"no such room {key}; have {sorted(self.rooms)}")
                self.rooms[key] = _Room(key)
            return self.rooms[key]

    def _add_person(self, room: _Room, p: dict) -> _Person:
        person = _Person(p.get("id") or p.get("participant") or str(uuid.uuid4()), p.get("user_name"),
                         p.get("user_id"), bool(p.get("owner")), bool(p.get("hidden")), p.get("can_admin"),
                         p.get("permissions"), p.get("joined_at"))
        room.people[person.id] = person
        return person

    def _visible(self, person: _Person) -> bool:
        return person.permissions.get("hasPresence", True) and not person.hidden

    def broadcast(self, room: _Room, name: str, *args: Any, but: Optional[str] = None,
                  only: Optional[str] = None) -> int:
        n = 0
        for core in list(room.clients):
            if core.person is None or core.person.id == but or (only is not None and core.person.id != only):
                continue
            core.emit(name, *copy.deepcopy(args))
            n += 1
        return n

    def _counts_changed(self, room: _Room) -> None:
        for core in list(room.clients):
            core.set_counts(room.counts())

    def _start_transcription(self, room: _Room, settings: dict, by: str) -> dict:
        status = {k: settings[k] for k in ("language", "model", "tier") if k in settings}
        status["startedBy"] = by
        status["transcriptId"] = settings.get("transcriptId") or str(uuid.uuid4())
        status["instanceId"] = settings.get("instanceId") or str(uuid.uuid4())
        room.transcription = {"status": status, "settings": settings}
        room.transcribe_only = None
        room.transcription_t0 = time.monotonic()
        return status

    # ---- behaviours of methods

    def behave(self, method: str, **spec: Any) -> None:
        """How the next calls of a method end (first match wins; method "*" is every method).

        error="text"  code="exp-room" (join only; "unreachable" takes 19 s)  delay=seconds
        hang=True (nothing happens, no completion) or hang=seconds (and the queue stands still)
        no_completion=True (it happens, the completion is lost)  times=N  room=url  client=cid
        """
        with self.lock:
            self.behaviours.append({"method": method, **spec})

    def _take(self, method: str, core: "_Core", room_url: Optional[str]) -> dict:
        with self.lock:
            for b in self.behaviours:
                if b["method"] not in (method, "*"):
                    continue
                if b.get("room") and (not room_url or _norm(b["room"]) != _norm(room_url)):
                    continue
                if b.get("client") and b["client"] != core.cid:
                    continue
                if b.get("times") is not None:
                    b["times"] -= 1
                    if b["times"] <= 0:
                        self.behaviours.remove(b)
                return dict(b)
        return {}

    # ---- commands (same names in-process and over the wire)

    def command(self, cmd: dict) -> Any:
        name = cmd.get("cmd") or ""
        fn = getattr(self, "do_" + name, None)
        if fn is None:
            raise ValueError(f"unknown cmd {name!r}; have {sorted(n[3:] for n in dir(self) if n.startswith('do_'))}")
        return fn(cmd)

    def do_ready(self, c: dict) -> None:
        self.ready.set()

    def do_ping(self, c: dict) -> str:
        return "pong"

    def do_sleep(self, c: dict) -> None:
        time.sleep(float(c["seconds"]))

    def do_wait_for(self, c: dict) -> dict:
        m = dict(c.get("match") or {})
        got = self.wait_report(c["report"], float(c.get("timeout", 10)), int(c.get("since", 0)), **m)
        if got is None:
            raise TimeoutError(f"no report {c['report']} {m}")
        return got

    def do_room(self, c: dict) -> str:
        self.load_world({"rooms": [c]})
        return _norm(c["url"])

    def do_behave(self, c: dict) -> None:
        self.behave(**{k: v for k, v in c.items() if k not in ("cmd", "seq")})

    def do_clear_behaviours(self, c: dict) -> None:
        with self.lock:
            self.behaviours.clear()

    def do_participant_joined(self, c: dict) -> str:
        with self.lock:
            room = self.room(c.get("room"), create=True)
            person = self._add_person(room, c)
            if self._visible(person):
                for core in list(room.clients):
                    core.emit("on_participant_joined", person.payload(False, True, core.subscribed()))
            self._counts_changed(room)
        return person.id

    def do_participant_updated(self, c: dict) -> None:
        with self.lock:
            room = self._room_of(c)
            person = room.people[self._pid(room, c)]
            if "user_name" in c:
                person.name = c["user_name"]
            if "owner" in c:
                person.owner = bool(c["owner"])
                person.permissions = _permissions(person.owner)
            if "permissions" in c:
                person.permissions.update(c["permissions"])
            for core in list(room.clients):
                core.emit("on_participant_updated",
                          person.payload(core.person is person, True, core.subscribed()))

    def do_participant_left(self, c: dict) -> None:
        with self.lock:
            room = self._room_of(c)
            pid = self._pid(room, c)
            self._remove(room, pid, c.get("reason", "leftCall"))

    def _remove(self, room: _Room, pid: str, reason: str = "leftCall") -> None:
        person = room.people.pop(pid)
        for core in list(room.clients):
            if core.person is person:
                continue
            if self._visible(person):
                core.emit("on_participant_left", person.payload(False, True, core.subscribed()), reason)
        self._counts_changed(room)

    def _room_of(self, c: dict) -> _Room:
        if c.get("room"):
            return self.room(c["room"])
        pid = c.get("participant") or c.get("from") or c.get("id")
        if pid:
            for room in self.rooms.values():
                if pid in room.people or any(p.name == pid for p in room.people.values()):
                    return room
        return self.room(None)

    def _pid(self, room: _Room, c: dict, key: str = "participant") -> str:
        want = c.get(key) or c.get("id")
        if want in room.people:
            return want
        named = [p.id for p in room.people.values() if p.name == want]
        if len(named) != 1:
            raise ValueError(f"no single participant {want!r} in {room.url}")
        return named[0]

    def do_speak(self, c: dict) -> dict:
        """participant, text, [interim: [texts]], [final=True], [speech_final], [language], [start],
        [duration], [confidence], [track_type], [timestamp], [message: overrides], [force]"""
        with self.lock:
            room = self._room_of(c)
            pid = self._pid(room, c)
            tr = room.transcription
            dropped = None
            if tr is None:
                dropped = "transcription is not running"
            elif room.transcribe_only is not None and pid not in room.transcribe_only:
                dropped = "participant is not transcribed"
            if dropped and not c.get("force"):
                self.report("speech_dropped", room=room.url, participant=pid, text=c.get("text"), why=dropped)
                return {"delivered": 0, "why": dropped}
            settings = (tr or {}).get("settings", {})
            n = 0
            start = float(c.get("start", max(0.0, time.monotonic() - room.transcription_t0)))
            duration = float(c.get("duration", 0.35 * max(1, len(str(c["text"]).split()))))
            parts = [(t, False) for t in c.get("interim", [])]
            parts.append((c["text"], bool(c.get("final", True))))
            for text, final in parts:
                msg: dict[str, Any] = {
                    "participantId": pid, "text": text,
                    "timestamp": c.get("timestamp") or _iso_now(),
                    "trackType": c.get("track_type", "cam-audio"),
                }
                if settings.get("includeRawResponse") or c.get("raw"):
                    msg["rawResponse"] = _deepgram(text, final, bool(c.get("speech_final", final)), start, duration,
                                                   float(c.get("confidence", 0.99)), c.get("language"),
                                                   settings.get("model"))
                    if isinstance(c.get("raw"), dict):
                        msg["rawResponse"].update(c["raw"])
                if c.get("instance_id"):
                    msg["instanceId"] = c["instance_id"]
                for k, v in (c.get("message") or {}).items():
                    if v is None and k in msg and c.get("drop_null_overrides", True):
                        del msg[k]
                    else:
                        msg[k] = v
                n += self.broadcast(room, "on_transcription_message", msg)
            return {"delivered": n}

    def do_app_message(self, c: dict) -> int:
        with self.lock:
            room = self._room_of(c)
            sender = c.get("from")
            if sender is not None and sender != "rest":
                sender = self._pid(room, {"id": sender})
            elif sender == "rest":
                sender = c.get("sender", "")
            to = c.get("to")
            if to in (None, "*"):
                to = None
            elif to == "bot" and len(room.clients) == 1:
                to = room.clients[0].person.id
            return self.broadcast(room, "on_app_message", c.get("data"), sender, but=sender, only=to)

    def do_transcription_started(self, c: dict) -> dict:
        with self.lock:
            room = self._room_of(c)
            by = c.get("by") or next(iter(room.people), str(uuid.uuid4()))
            status = self._start_transcription(room, dict(c.get("settings") or {}), by)
            status.update(c.get("status") or {})
            self.broadcast(room, "on_transcription_started", status)
            return status

    def do_transcription_stopped(self, c: dict) -> None:
        with self.lock:
            room = self._room_of(c)
            room.transcription = None
            self.broadcast(room, "on_transcription_stopped", c.get("by"), bool(c.get("by_error", False)))

    def do_transcription_error(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_transcription_error", c.get("message", "transcription error"))

    def do_transcription_updated(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_transcription_updated", c.get("update") or {})

    def do_recording(self, c: dict) -> None:
        """event: started|stopped|error, stream_id, message"""
        with self.lock:
            room, ev, sid = self._room_of(c), c["event"], c.get("stream_id") or str(uuid.uuid4())
            if ev == "started":
                st = {"streamId": sid, "recordingId": str(uuid.uuid4()), "startedBy": c.get("by") or str(uuid.uuid4()),
                      "layout": {"preset": "default"}}
                room.recordings[sid] = st
                self.broadcast(room, "on_recording_started", st)
            elif ev == "stopped":
                room.recordings.pop(sid, None)
                self.broadcast(room, "on_recording_stopped", sid)
            else:
                self.broadcast(room, "on_recording_error", sid, c.get("message", "recording error"))

    def do_dialout(self, c: dict) -> None:
        """event: connected|answered|stopped|error|warning, session_id, message"""
        with self.lock:
            data = {"sessionId": c.get("session_id") or str(uuid.uuid4()), "actionTraceId": str(uuid.uuid4())}
            if "message" in c:
                data["message"] = c["message"]
            data.update(c.get("data") or {})
            self.broadcast(self._room_of(c), "on_dialout_" + c["event"], data)

    def do_dialin(self, c: dict) -> None:
        with self.lock:
            ev = c["event"]
            if ev == "ready":
                self.broadcast(self._room_of(c), "on_dialin_ready", c.get("sip_endpoint", "123@fake.sip.daily.co"))
                return
            data: dict[str, Any] = {"sessionId": c.get("session_id") or str(uuid.uuid4()),
                                    "actionTraceId": str(uuid.uuid4())}
            if ev in ("connected", "stopped"):
                data.update({"sipFrom": "sip:+15550100@fake", "sipHeaders": {}})
            if ev == "connected":
                data["displayName"] = "+15550100"
            if "message" in c:
                data["message"] = c["message"]
            data.update(c.get("data") or {})
            self.broadcast(self._room_of(c), "on_dialin_" + ev, data)

    def do_dtmf(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_dtmf_event",
                           {"sessionId": c.get("session_id") or str(uuid.uuid4()), "tone": str(c["tone"]),
                            "volume": c.get("volume", 10), "method": c.get("method", "telephone-event")})

    def do_audio(self, c: dict) -> int:
        """participant, samples (base64 of 16-bit little-endian) or silence (ms), [source], [channels];
        pieces handed to the renderers of who has subscribed"""
        with self.lock:
            room = self._room_of(c)
            pid, source, channels = self._pid(room, c), c.get("source", "microphone"), int(c.get("channels", 1))
            n = 0
            for core in list(room.clients):
                for callback, rate, interval in core.rendering("Audio", pid, source):
                    if "samples" in c:
                        data = base64.b64decode(c["samples"])
                    else:
                        data = bytes(rate * int(c["silence"]) // 1000 * 2 * channels)
                    size = rate * interval // 1000 * 2 * channels
                    for i in range(0, len(data), size):
                        core.media().post("audio", callback, (pid, AudioData(data[i:i + size], rate, channels), source))
                        n += 1
            return n

    def do_video(self, c: dict) -> int:
        """participant, width, height, rgba [r, g, b, a], [source], [frames=1]"""
        with self.lock:
            room = self._room_of(c)
            pid, source = self._pid(room, c), c.get("source", "camera")
            w, h, n = int(c["width"]), int(c["height"]), 0
            for core in list(room.clients):
                for callback, color_format, _ in core.rendering("Video", pid, source):
                    for _ in range(int(c.get("frames", 1))):
                        frame = VideoFrame(bytes(c["rgba"]) * (w * h), w, h, color_format)
                        core.media().post("video", callback, (pid, frame, source))
                        n += 1
            return n

    def do_active_speaker(self, c: dict) -> None:
        with self.lock:
            room = self._room_of(c)
            person = room.people[self._pid(room, c)]
            for core in list(room.clients):
                core.emit("on_active_speaker_changed", person.payload(core.person is person, True, core.subscribed()))

    def do_network(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_network_stats_updated",
                           {"quality": c.get("quality", 100), "threshold": c.get("threshold", "good"),
                            "stats": {"latest": {}}})

    def do_connection(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_network_connection_status_updated",
                           {"connection": c.get("connection", "signalling"), "event": c.get("event", "interrupted")})

    def do_error(self, c: dict) -> None:
        with self.lock:
            self.broadcast(self._room_of(c), "on_error", c.get("message", "error"))

    def do_kick(self, c: dict) -> int:
        """The server ends the call for the bots of a room: why = ejected|room-deleted|timeout|expired"""
        with self.lock:
            room = self._room_of(c)
            text = {"ejected": "You have been ejected from the meeting", "room-deleted": "Room was deleted",
                    "timeout": "Ejected after timeout", "expired": "Ejecting after room expiration"}
            cores = [k for k in list(room.clients) if not c.get("client") or k.cid == c["client"]]
            for core in cores:
                core.forced_out(c.get("message") or text.get(c.get("why", "ejected"), "ejected"),
                                error=c.get("error", True))
            return len(cores)

    def do_event(self, c: dict) -> int:
        with self.lock:
            return self.broadcast(self._room_of(c), c["name"], *c.get("args", []))

    def do_barrier(self, c: dict) -> bool:
        """True once everything queued so far was delivered to the handlers."""
        ok, wait = True, float(c.get("timeout", 5))
        for core in list(self.cores):
            if not core.released:
                ok = core.drain(wait) and core.emitter.flush(wait) and ok
                ok = (core.media_thread is None or core.media_thread.flush(wait)) and ok
        return ok

    def do_snapshot(self, c: dict) -> dict:
        with self.lock:
            return {
                "initialised": self.initialised,
                "rooms": {r.url: {"people": [{"id": p.id, "user_name": p.name, "owner": p.owner} for p in
                                             r.people.values()],
                                  "bots": [k.person.id for k in r.clients if k.person],
                                  "counts": r.counts(),
                                  "transcribing": r.transcription is not None,
                                  "recordings": list(r.recordings)} for r in self.rooms.values()},
                "clients": [{"client": k.cid, "state": k.state, "released": k.released,
                             "room": k.room.url if k.room else None} for k in self.cores],
            }

    def do_abort(self, c: dict) -> None:
        os.abort()

    def do_exit(self, c: dict) -> None:
        os._exit(int(c.get("code", 1)))

    def run_script(self, steps: list[dict]) -> None:
        for step in steps:
            if "cmd" not in step and "wait" in step:
                time.sleep(float(step["wait"]))
                continue
            try:
                result = self.command(step)
                self.report("ack", ok=True, cmd=step.get("cmd"), seq=step.get("seq"), result=result)
            except Exception as e:
                self.report("ack", ok=False, cmd=step.get("cmd"), seq=step.get("seq"), error=f"{type(e).__name__}: {e}")

    # ---- wire

    def connect(self) -> None:
        if self._control_pid == os.getpid():
            return
        self._control_pid = os.getpid()
        spec = _env("CONTROL", "")
        if not spec:
            return
        if spec.startswith("file:"):
            path = spec[5:]

            def run() -> None:
                with open(path) as f:
                    steps = [json.loads(x) for x in f if x.strip() and not x.lstrip().startswith("#")]
                self.run_script(steps)
                self.report("script_done")

            threading.Thread(target=run, name="fake-daily-script", daemon=True).start()
            return
        if spec.startswith("listen:"):
            threading.Thread(target=self._listen, args=(spec[7:],), name="fake-daily-listen", daemon=True).start()
            return
        sock = _open(spec, 10.0)
        self._serve(sock)

    def _listen(self, spec: str) -> None:
        kind, _, rest = spec.partition(":")
        if kind == "unix":
            srv = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            if os.path.exists(rest):
                os.unlink(rest)
            srv.bind(rest)
        else:
            host, _, port = rest.rpartition(":")
            srv = socket.create_server((host or "127.0.0.1", int(port)))
        srv.listen(8)
        while True:
            conn, _ = srv.accept()
            self._serve(conn)

    def _serve(self, sock: socket.socket) -> None:
        out: queue.Queue = queue.Queue()
        self.sinks.append(out.put)

        def write() -> None:
            try:
                while True:
                    sock.sendall(json.dumps(out.get(), default=str).encode() + b"\n")
            except OSError:
                pass

        def read() -> None:
            try:
                for line in sock.makefile("rb"):
                    if not line.strip():
                        continue
                    seq = None
                    try:
                        cmd = json.loads(line)
                        seq = cmd.get("seq")
                        result = self.command(cmd)
                        self.report("ack", ok=True, cmd=cmd.get("cmd"), seq=seq, result=result)
                    except Exception as e:
                        self.report("ack", ok=False, seq=seq, error=f"{type(e).__name__}: {e}")
            except OSError:
                pass
            finally:
                if out.put in self.sinks:
                    self.sinks.remove(out.put)

        threading.Thread(target=write, name="fake-daily-out", daemon=True).start()
        self.report("hello", argv=sys.argv, version="0.36.0+fake")
        threading.Thread(target=read, name="fake-daily-in", daemon=True).start()


def _open(spec: str, patience: float) -> socket.socket:
    kind, _, rest = spec.partition(":")
    end = time.monotonic() + patience
    while True:
        try:
            if kind == "unix":
                s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                s.connect(rest)
                return s
            host, _, port = rest.rpartition(":")
            return socket.create_connection((host or "127.0.0.1", int(port)))
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _iso_now() -> str:
    t = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t * 1000) % 1000:03d}Z"


def _deepgram(text: str, final: bool, speech_final: bool, start: float, duration: float,
              confidence: float, language: Optional[str], model: Optional[str]) -> dict:
    tokens = text.split()
    step = duration / max(1, len(tokens))
    words = []
    for i, tok in enumerate(tokens):
        bare = "".join(ch for ch in tok.lower() if ch.isalnum() or ch in "'-") or tok
        words.append({"word": bare, "start": round(start + i * step, 3), "end": round(start + (i + 1) * step, 3),
                      "confidence": confidence, "punctuated_word": tok})
    alt: dict[str, Any] = {"transcript": text, "confidence": confidence if tokens else 0.0, "words": words}
    if language:
        alt["languages"] = [language]
    return {
        "type": "Results", "channel_index": [0, 1], "start": round(start, 3), "duration": round(duration, 3),
        "is_final": final, "speech_final": speech_final, "from_finalize": False,
        "channel": {"alternatives": [alt]},
        "metadata": {"request_id": str(uuid.uuid4()), "model_uuid": str(uuid.uuid4()),
                     "model_info": {"name": model or "general", "version": "fake", "arch": "fake"}},
    }


fake = Fake()


# --------------------------------------------------------------------------- per-client engine


class _Emitter:
    """One thread per client; every event and completion of the client, one after the other."""

    def __init__(self, cid: str):
        self.cid = cid
        self.q: collections.deque = collections.deque()
        self.cond = threading.Condition()
        self.busy = False
        self.closing = False
        self.thread = threading.Thread(target=self._run, name=f"daily-emitter-{cid}", daemon=True)
        self.thread.start()

    def post(self, label: str, fn: Callable, args: tuple) -> None:
        with self.cond:
            self.q.append((label, fn, args))
            self.cond.notify_all()

    def flush(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        with self.cond:
            while self.q or self.busy:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.cond.wait(left)
        return True

    def close(self) -> None:
        with self.cond:
            self.closing = True
            self.cond.notify_all()

    def _run(self) -> None:
        slow = _envf("SLOW_MS", 250) / 1000
        while True:
            with self.cond:
                while not self.q:
                    if self.closing:
                        return
                    self.busy = False
                    self.cond.notify_all()
                    self.cond.wait()
                label, fn, args = self.q.popleft()
                self.busy = True
            t0 = time.monotonic()
            try:
                contextvars.Context().run(fn, *args)  # no context survives between callbacks
            except BaseException as e:  # the real one prints and carries on, SystemExit included
                fake.report("handler_exception", client=self.cid, callback=label,
                            error=f"{type(e).__name__}: {e}", traceback=traceback.format_exc(limit=12))
                _Unraisable(e)
                del e
            took = time.monotonic() - t0
            if took > slow:
                fake.report("slow_callback", client=self.cid, callback=label, seconds=round(took, 3))
            with self.cond:
                self.busy = bool(self.q)
                self.cond.notify_all()


class _Core:
    """State of one CallClient and its serial request queue (the real `Daily CallManager` thread)."""

    def __init__(self, handler: Optional["EventHandler"]):
        self.cid = uuid.uuid4().hex[:8]
        self.handler = handler
        self.emitter = _Emitter(self.cid)
        self.person: Optional[_Person] = None
        self.local = _Person(str(uuid.uuid4()))
        self.room: Optional[_Room] = None
        self.state = "initialized"
        self.released = False
        self.releasing = False
        self.counts: dict = {"hidden": 0, "present": 0}
        self.speaker: Optional[dict] = None
        self.inputs: dict = copy.deepcopy(_INPUTS)
        self.publishing: dict = copy.deepcopy(_PUBLISHING)
        self.subscriptions: dict = {}
        self.profiles: dict = {"base": _profile()}
        self.network: dict = {"quality": 100, "stats": {"latest": {}}, "threshold": "good"}
        self.jobs: queue.Queue = queue.Queue()
        self.mute = False  # behave(no_completion=True): the request works, its completion never comes
        self.busy_with: Optional[str] = None
        self.join_deadline = 0.0
        self.renderers: dict[tuple, tuple] = {}  # (kind, participant, source) -> (callback, rate or format, ms)
        self.media_thread: Optional[_Emitter] = None
        self.idle = threading.Condition()
        self.pending = 0
        self.worker = threading.Thread(target=self._work, name=f"daily-callmanager-{self.cid}", daemon=True)
        self.worker.start()
        with fake.lock:
            fake.cores.append(self)
        fake.report("client_created", client=self.cid)

    # -- helpers

    def subscribed(self) -> str:
        mic = self.profiles.get("base", {}).get("microphone", {})
        return mic.get("subscriptionState", "subscribed") if isinstance(mic, dict) else str(mic)

    def media(self) -> _Emitter:
        if self.media_thread is None:
            self.media_thread = _Emitter(self.cid + "-media")
        return self.media_thread

    def rendering(self, kind: str, pid: str, source: str) -> list[tuple]:
        """The renderer of one medium, if that is subscribed."""
        entry = self.subscriptions.get(pid)
        media = entry["media"] if entry else self.profiles.get("base", {})
        if source in MEDIA_KINDS:
            state = media.get(source)
        else:
            state = media.get("custom" + kind, {}).get(source) or media.get("custom" + kind, {}).get("*")
        state = state.get("subscriptionState") if isinstance(state, dict) else state
        found = self.renderers.get((kind, pid, source))
        return [found] if found and (state or "subscribed") == "subscribed" else []

    def emit(self, name: str, *args: Any) -> None:
        if name == "on_participant_counts_updated":
            self.counts = dict(args[0])
        elif name == "on_active_speaker_changed":
            self.speaker = args[0]
        elif name == "on_inputs_updated":
            self.inputs = args[0]
        elif name == "on_publishing_updated":
            self.publishing = args[0]
        elif name == "on_subscription_profiles_updated":
            self.profiles = args[0]
        elif name == "on_subscriptions_updated":
            self.subscriptions = args[0]
        elif name == "on_network_stats_updated":
            self.network = args[0]
        h = self.handler
        if h is not None:
            self.emitter.post(name, _call_handler, (self, name, args))

    def set_counts(self, counts: dict) -> None:
        if counts != self.counts:
            self.emit("on_participant_counts_updated", counts)

    def set_state(self, state: str) -> None:
        self.state = state
        self.emit("on_call_state_updated", state)

    def complete(self, completion: Optional[Callable], *args: Any) -> None:
        if self.mute:
            fake.report("completion_withheld", client=self.cid)
        elif completion is not None:
            self.emitter.post("completion", completion, args)

    # -- serial request queue

    def submit(self, method: str, op: Callable[[dict], None], room_url: Optional[str] = None,
               latency: Optional[float] = None) -> None:
        with self.idle:
            self.pending += 1
        self.jobs.put((method, op, room_url, latency))

    def _work(self) -> None:
        while True:
            item = self.jobs.get()
            if item is None:
                return
            method, op, room_url, latency = item
            self.busy_with = method
            try:
                b = fake._take(method, self, room_url or (self.room.url if self.room else None))
                wait = float(b["delay"]) if b.get("delay") is not None else (
                    latency if latency is not None else _envf("LATENCY_MS", 5) / 1000)
                if method == "join" and not b and room_url:
                    known = fake.rooms.get(_norm(room_url))
                    b = dict(known.refuse) if known is not None and known.refuse else {}
                    wait = float(b.get("delay", wait))
                if method == "join" and b.get("code") == "unreachable" and b.get("delay") is None:
                    wait = 19.0 * _envf("TIME_SCALE", 1.0)
                self.join_deadline = time.monotonic() + wait
                if wait > 0:
                    time.sleep(wait)
                if b.get("hang"):
                    fake.report("hang", client=self.cid, method=method)
                    if not isinstance(b.get("hang"), bool):
                        time.sleep(float(b["hang"]))
                    continue  # no completion, ever
                self.mute = bool(b.get("no_completion"))
                op(b)
            except BaseException:
                fake.report("fake_bug", client=self.cid, method=method, traceback=traceback.format_exc())
            finally:
                self.mute = False
                self.busy_with = None
                with self.idle:
                    self.pending -= 1
                    self.idle.notify_all()

    def drain(self, timeout: Optional[float] = None) -> bool:
        with self.idle:
            return self.idle.wait_for(lambda: not self.pending, timeout)

    # -- request results

    def ok(self, completion: Optional[Callable], *args: Any, events: tuple = ()) -> None:
        """completion and its event(s); the real one gives no order between the two."""
        first_events = bool(fake.rng and fake.rng.random() < 0.5)
        if first_events:
            for e in events:
                self.emit(*e)
        self.complete(completion, *args)
        if not first_events:
            for e in events:
                self.emit(*e)

    def fail(self, camel: str, error: str, completion: Optional[Callable], binary: bool = False) -> None:
        fake.report("request_failed", client=self.cid, method=camel, error=error)
        args = (None, error) if binary else (error,)
        self.ok(completion, *args, events=(("on_error", f"Error handling {camel}: {error}"),))

    def simple(self, method: str, camel: str, completion: Optional[Callable], apply: Callable[[], tuple] = tuple,
               in_call: Optional[str] = None, binary: bool = False, result: Callable[[], Any] = lambda: None,
               check: Optional[Callable[[], Optional[str]]] = None, **what: Any) -> None:
        def op(b: dict) -> None:
            with fake.lock:
                err = b.get("error")
                if err is None and check is not None:
                    err = check()
                if err is None and in_call is not None and self.state != "joined":
                    err = f"{in_call}({NOT_IN_A_CALL})"
                if err is not None:
                    self.fail(camel, err, completion, binary)
                    return
                events = apply() or ()
                fake.report(method, client=self.cid, room=self.room.url if self.room else None,
                            participant=self.person.id if self.person else None, **what)
                self.ok(completion, *((result(), None) if binary else (None,)), events=events)

        self.submit(method, op)

    def is_admin(self, kind: str) -> bool:
        p = self.person
        return bool(p and (p.owner or kind in (p.permissions.get("canAdmin") or [])))

    def leave_room(self) -> None:
        room, me = self.room, self.person
        if room is not None and me is not None:
            if self in room.clients:
                room.clients.remove(self)
            if me.id in room.people:
                fake._remove(room, me.id)
        self.room = None
        self.person = None
        self.counts = {"hidden": 0, "present": 0}

    def forced_out(self, message: str, error: bool) -> None:
        if self.state not in ("joined", "joining"):
            return
        if error:
            self.emit("on_error", message)
        self.set_state("leaving")
        self.leave_room()
        self.set_state("left")
        fake.report("forced_out", client=self.cid, message=message)


def _call_handler(core: _Core, name: str, args: tuple) -> None:
    handler = core.handler
    if handler is not None:
        getattr(handler, name)(*args)


# --------------------------------------------------------------------------- public classes


class LogLevel:
    """Not an enum.Enum in the real module either: a class with int()-able constants."""

    def __init__(self, name: str, n: int):
        self._name, self._n = name, n

    def __int__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        return f"LogLevel.{self._name}"

    Off: "LogLevel"
    Error: "LogLevel"
    Warn: "LogLevel"
    Info: "LogLevel"
    Debug: "LogLevel"
    Trace: "LogLevel"


for _i, _name in enumerate(("Off", "Error", "Warn", "Info", "Debug", "Trace")):
    setattr(LogLevel, _name, LogLevel(_name, _i))


def _fatal(what: str) -> None:
    fake.misuse(what)
    sys.stderr.write(f"fake daily: {what} (the real module aborts the process here)\n")
    sys.stderr.flush()
    if _env("ON_MISUSE", "abort") == "raise":
        raise RuntimeError(what)
    time.sleep(0.2)  # let the report leave
    os.abort()


def _stuck(what: str, **fields: Any) -> None:
    """The real module blocks for ever here."""
    fake.misuse(what, **fields)
    how = _env("ON_DEADLOCK", "block")
    if how == "raise":
        raise RuntimeError("fake daily: " + what)
    if how == "abort":
        time.sleep(0.2)
        os.abort()
    threading.Event().wait()


class EventHandler:
    def __new__(cls, *args: Any, **kwargs: Any) -> "EventHandler":
        if kwargs:
            raise TypeError(f"EventHandler.__new__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        return super().__new__(cls)

    def on_active_speaker_changed(self, participant): ...
    def on_app_message(self, message, sender): ...
    def on_available_devices_updated(self, available_devices): ...
    def on_call_state_updated(self, state): ...
    def on_dialin_connected(self, data): ...
    def on_dialin_error(self, data): ...
    def on_dialin_ready(self, sip_endpoint): ...
    def on_dialin_stopped(self, data): ...
    def on_dialin_warning(self, data): ...
    def on_dialout_answered(self, data): ...
    def on_dialout_connected(self, data): ...
    def on_dialout_error(self, data): ...
    def on_dialout_stopped(self, data): ...
    def on_dialout_warning(self, data): ...
    def on_dtmf_event(self, data): ...
    def on_error(self, message): ...
    def on_inputs_updated(self, input_settings): ...
    def on_live_stream_error(self, stream_id, message): ...
    def on_live_stream_started(self, status): ...
    def on_live_stream_stopped(self, stream_id): ...
    def on_live_stream_updated(self, update): ...
    def on_live_stream_warning(self, stream_id, message): ...
    def on_network_connection_status_updated(self, status): ...
    def on_network_stats_updated(self, stats): ...
    def on_participant_counts_updated(self, counts): ...
    def on_participant_joined(self, participant): ...
    def on_participant_left(self, participant, reason): ...
    def on_participant_updated(self, participant): ...
    def on_publishing_updated(self, publishing_settings): ...
    def on_recording_error(self, stream_id, message): ...
    def on_recording_started(self, status): ...
    def on_recording_stopped(self, stream_id): ...
    def on_subscription_profiles_updated(self, subscription_profiles): ...
    def on_subscriptions_updated(self, subscriptions): ...
    def on_transcription_error(self, message): ...
    def on_transcription_message(self, message): ...
    def on_transcription_started(self, status): ...
    def on_transcription_stopped(self, stopped_by, stopped_by_error): ...
    def on_transcription_updated(self, update): ...


class _Final(type):
    """The real CallClient refuses subclasses."""

    def __new__(mcs, name, bases, ns):
        for b in bases:
            if isinstance(b, _Final):
                raise TypeError(f"type 'daily.{b.__name__}' is not an acceptable base type")
        return super().__new__(mcs, name, bases, ns)


_JOIN_CODES = {
    "exp-room": ("This room is no longer available", "NoLongerAvailable"),
    "nbf-room": ("This room is not available yet, please try later", "NotYetAvailable"),
}
_DNS = ('Connection(Api(RoomLookup(RoomInfoFetchFailed(Get(hyper_util::client::legacy::Error(Connect, Custom '
        '{ kind: Uncategorized, error: "failed to lookup address information: Name or service not known" }))))))')


class CallClient(metaclass=_Final):
    def __init__(self, event_handler: Optional[EventHandler] = None) -> None:
        if event_handler is not None and not isinstance(event_handler, EventHandler):
            raise TypeError("event_handler should be a subclass of `EventHandler`")
        if not fake.initialised:
            _fatal("CallClient() before Daily.init()")
        if fake.init_pid != os.getpid():
            _stuck("CallClient() in a forked child of the process that called Daily.init(): hangs")
        self._core = _Core(event_handler)

    # -- life

    def _alive(self) -> _Core:
        if self._core.released:
            raise RuntimeError("this object has already been released")
        return self._core

    def release(self) -> None:
        c = self._alive()
        if not fake.initialised:
            _fatal("release() after Daily.deinit()")
        if threading.current_thread() is c.emitter.thread:
            _stuck("release() inside a callback: deadlock", client=c.cid)
        c.drain()  # waits for an unfinished join, as the real one does
        if c.state == "joined":
            fake.report("released_in_call", client=c.cid)
            with fake.lock:
                c.leave_room()
                c.state = "left"
        c.emitter.flush(60)
        c.released = True
        c.handler = None
        c.jobs.put(None)
        c.emitter.close()
        if c.media_thread is not None:
            c.media_thread.close()
        fake.report("client_released", client=c.cid)

    def join(self, meeting_url: str, meeting_token: Optional[str] = None,
             client_settings: Optional[Mapping[str, Any]] = None,
             completion: Optional[Callable[[Any, Any], None]] = None) -> None:
        c = self._alive()
        _no_nul(meeting_url, "meeting URL string")
        if meeting_token is not None:
            _no_nul(meeting_token, "meeting token string")
        settings = None if client_settings is None else _to_json_value(client_settings)
        fake.report("join", client=c.cid, url=meeting_url, token=meeting_token, claims=_claims(meeting_token),
                    settings=settings)
        parts = urlsplit(meeting_url) if meeting_url else None
        if settings is not None:
            bad = None
            if not isinstance(settings, dict):
                bad = "ClientSettings is not an object"
            else:
                unknown = [k for k in settings if k not in ("inputs", "publishing", "connection")]
                if unknown:
                    bad = (f"Object contains unknown keys: {json.dumps(unknown)}. Allowed keys: "
                           '["inputs", "publishing", "connection"]')
            if bad:
                err = f"Invalid client settings: JsonApiError {{ message: {json.dumps(bad)} }}"
                c.submit("join_invalid", lambda b: c.fail("join", err, completion, True), latency=0)
                return
        if not parts or not parts.scheme or not parts.netloc:
            err = f'Failed to parse url: InvalidUrl("{meeting_url}", RelativeUrlWithoutBase)'
            c.submit("join_invalid", lambda b: c.fail("join", err, completion, True), latency=0)
            return

        def op(b: dict) -> None:
            with fake.lock:
                if c.state == "joined":
                    c.fail("join", "CallState(AlreadyInCall)", completion, True)
                    return
                room = fake.room(meeting_url, create=True)
                first = None
                err = b.get("error")
                code = b.get("code")
                if code == "unreachable":
                    first, err = "Failed to fetch room information: GET failed: client error (Connect)", _DNS
                elif code:
                    text, variant = _JOIN_CODES.get(code, (code, f'Unhandled("{code}")'))
                    first, err = text, f"Connection(Api(RoomLookup(RoomInfoError({variant}))))"
                if err:
                    c.emit("on_error", first or err)
                    c.set_state("leaving")
                    c.set_state("left")
                    fake.report("join_failed", client=c.cid, room=room.url, error=err)
                    c.fail("join", err, completion, True)
                    return
                self._enter(c, room, meeting_token, completion)

        c.submit("join", op, room_url=meeting_url, latency=_envf("JOIN_MS", 30) / 1000)

    def _enter(self, c: _Core, room: _Room, token: Optional[str], completion: Optional[Callable]) -> None:
        claims = _claims(token)
        if claims is None:
            owner, admin, name, uid, hidden = bool(token), None, c.local.name, None, False
        else:
            p = claims.get("p") or {}
            owner = bool(claims.get("o"))
            ca = p.get("ca")
            admin = True if ca is True else [
                {"p": "participants", "s": "streaming", "t": "transcription"}.get(x.strip(), x.strip())
                for x in ca.split(",")] if isinstance(ca, str) else None
            name, uid, hidden = claims.get("u") or c.local.name, claims.get("ud"), p.get("hp") is False
        c.set_state("joining")
        me = _Person(c.local.id, name, uid, owner, hidden, admin)
        c.local = c.person = me
        c.room = room
        others = [p for p in room.people.values() if fake._visible(p)]
        room.people[me.id] = me
        for other in list(room.clients):
            if fake._visible(me):
                other.emit("on_participant_joined", me.payload(False, True, other.subscribed()))
        room.clients.append(c)
        existing = _env("EXISTING", "before")
        data = {"meetingSession": {"id": room.session_id}, "participants": self._people(c)}

        def announce() -> None:
            for p in others:
                c.emit("on_participant_joined", p.payload(False, True, c.subscribed()))

        if existing == "before":
            announce()
        c.set_counts(room.counts())
        for other in list(room.clients):
            if other is not c:
                other.set_counts(room.counts())
        c.emit("on_network_connection_status_updated", {"connection": "signalling", "event": "connected"})
        fake.report("joined", client=c.cid, room=room.url, participant=me.id, owner=owner, user_name=me.name,
                    hidden=hidden)
        c.state = "joined"
        c.ok(completion, data, None, events=(("on_call_state_updated", "joined"),))
        if existing == "after":
            announce()
        if room.transcription is not None:
            c.emit("on_transcription_started", dict(room.transcription["status"]))
        elif claims and claims.get("ast") and owner:
            status = fake._start_transcription(room, {}, me.id)
            fake.broadcast(room, "on_transcription_started", status)

    def leave(self, completion: Optional[Callable[[Any], None]] = None) -> None:
        c = self._alive()

        def op(b: dict) -> None:
            with fake.lock:
                if b.get("error"):
                    c.fail("leave", b["error"], completion)
                    return
                room = c.room
                c.set_state("leaving")
                c.leave_room()
                fake.report("left", client=c.cid, room=room.url if room else None)
                c.state = "left"
                c.ok(completion, None, events=(("on_call_state_updated", "left"),))

        fake.report("leave", client=c.cid, room=c.room.url if c.room else None)
        c.submit("leave", op)

    def set_user_name(self, user_name: str) -> None:
        c = self._alive()
        _no_nul(user_name, "user name string")

        def op(b: dict) -> None:
            with fake.lock:
                c.local.name = user_name
                me = c.person or c.local
                me.name = user_name
                c.emit("on_participant_updated", me.payload(True, c.person is not None))
                if c.room and c.person:
                    for other in list(c.room.clients):
                        if other is not c:
                            other.emit("on_participant_updated", me.payload(False, True, other.subscribed()))

        fake.report("set_user_name", client=c.cid, user_name=user_name)
        c.submit("set_user_name", op, latency=0)

    # -- getters

    def _people(self, c: _Core) -> dict:
        out = {"local": c.local.payload(True, c.person is not None)}
        if c.room:
            for p in c.room.people.values():
                if p is not c.person and fake._visible(p):
                    out[p.id] = p.payload(False, True, c.subscribed())
        return out

    def participants(self) -> Mapping[str, Any]:
        c = self._alive()
        if c.busy_with == "join":
            fake.misuse("participants() while a join is in flight: blocks, holding the GIL", client=c.cid)
            if _env("GIL_FREEZE", "") == "1":
                import ctypes

                left = min(20.0, max(0.0, c.join_deadline - time.monotonic()))
                ctypes.PyDLL(None).usleep(int(left * 1e6))
            c.drain()
        with fake.lock:
            return self._people(c)

    def participant_counts(self) -> Mapping[str, Any]:
        return self._alive().counts

    def active_speaker(self) -> Mapping[str, Any]:
        return self._alive().speaker  # None until someone speaks

    def inputs(self) -> Mapping[str, Any]:
        return self._alive().inputs

    def publishing(self) -> Mapping[str, Any]:
        return self._alive().publishing

    def subscriptions(self) -> Mapping[str, Any]:
        return self._alive().subscriptions

    def subscription_profiles(self) -> Mapping[str, Any]:
        return self._alive().profiles

    def get_network_stats(self) -> Mapping[str, Any]:
        return self._alive().network

    # -- media settings (work before join)

    def update_inputs(self, input_settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(input_settings)

        def apply() -> tuple:
            new = copy.deepcopy(c.inputs)
            for k, val in (v.items() if isinstance(v, dict) else ()):
                new[k] = {**new.get(k, {}), **({"isEnabled": val} if isinstance(val, bool) else val)}
            if new == c.inputs:
                return ()
            return (("on_inputs_updated", new),)

        c.simple("update_inputs", "updateInputs", completion, apply, settings=v)

    def update_publishing(self, publishing_settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(publishing_settings)

        def apply() -> tuple:
            new = copy.deepcopy(c.publishing)
            for k, val in (v.items() if isinstance(v, dict) else ()):
                new[k] = {**new.get(k, {}), **({"isPublishing": val} if isinstance(val, bool) else val)}
            return (("on_publishing_updated", new),)

        c.simple("update_publishing", "updatePublishing", completion, apply, settings=v)

    def update_subscriptions(self, participant_settings=None, profile_settings=None, completion=None) -> None:
        c = self._alive()
        a = None if participant_settings is None else _to_json_value(participant_settings)
        p = None if profile_settings is None else _to_json_value(profile_settings)

        def check() -> Optional[str]:
            for pid, val in (a or {}).items():
                try:
                    uuid.UUID(pid)
                except ValueError:
                    return ("Participant subscription settings were not valid JsonApiError "
                            f'{{ message: "{pid} is not a valid participant ID" }}')
                prof = (val or {}).get("profile")
                if prof is not None and prof not in c.profiles:
                    return ("Subscription(Settings(UnknownProfilesInParticipantSettings("
                            f'[ProfileName("{prof}")])))')
            for val in (p or {}).values():
                unknown = [k for k in val if k not in ("profile", "media")]
                if unknown:
                    return ("Profile subscription overrides were not valid JsonApiError { message: \"Object contains "
                            f"unknown keys: {unknown}. Allowed keys: [profile, media]\" }}")
            return None

        def apply() -> tuple:
            new = copy.deepcopy(c.subscriptions)
            for pid, val in (a or {}).items():
                val = val or {}
                cur = new.setdefault(pid, {"profile": "base", "media": _profile(c.subscribed())})
                cur["profile"] = val.get("profile") or cur["profile"]
                if val.get("media"):
                    cur["media"] = _merge_profiles({"x": cur["media"]}, {"x": val["media"]})["x"]
            return (("on_subscriptions_updated", new),)

        c.simple("update_subscriptions", "updateSubscriptions", completion, apply, check=check, participants=a,
                 profiles=p)

    def update_subscription_profiles(self, profile_settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(profile_settings)

        def check() -> Optional[str]:
            for prof in v.values() if isinstance(v, dict) else ():
                for s in prof.values() if isinstance(prof, dict) else ():
                    s = s.get("subscriptionState") if isinstance(s, dict) else s
                    if isinstance(s, str) and s not in ("subscribed", "unsubscribed", "staged"):
                        return ("Profile subscription settings were not valid JsonApiError "
                                f'{{ message: "Invalid subscription state: {s}" }}')
            return None

        c.simple("update_subscription_profiles", "updateSubscriptionProfiles", completion,
                 lambda: (("on_subscription_profiles_updated", _merge_profiles(c.profiles, v)),), check=check,
                 profiles=v)

    # -- needs a call

    def update_permissions(self, permissions, completion=None) -> None:
        c, v = self._alive(), _to_json_value(permissions)
        c.simple("update_permissions", "updatePermissions", completion, in_call="Permissions", permissions=v)

    def update_remote_participants(self, remote_participants, completion=None) -> None:
        c, v = self._alive(), _to_json_value(remote_participants)

        def apply() -> tuple:
            for pid, upd in (v.items() if isinstance(v, dict) else ()):
                person = c.room.people.get(pid) if c.room else None
                if person is not None and isinstance(upd, dict) and upd.get("permissions"):
                    person.permissions.update(upd["permissions"])
                    for other in list(c.room.clients):
                        other.emit("on_participant_updated",
                                   person.payload(other.person is person, True, other.subscribed()))
            return ()

        c.simple("update_remote_participants", "updateRemoteParticipants", completion, apply,
                 in_call="RemoteParticipants", updates=v)

    def eject_remote_participants(self, ids, completion=None) -> None:
        c, v = self._alive(), _to_json_value(ids)

        def check() -> Optional[str]:
            for pid in v:
                try:
                    uuid.UUID(pid)
                except ValueError:
                    return ('JsonApiError { message: "Failed to deserialize remote participant ids JSON: '
                            'UUID parsing failed" }')
            return None

        def apply() -> tuple:
            for pid in v:
                if c.room and pid in c.room.people:
                    gone = next((k for k in c.room.clients if k.person and k.person.id == pid), None)
                    if gone is not None and gone is not c:
                        gone.forced_out("You have been ejected from the meeting", True)
                    else:
                        fake._remove(c.room, pid)
            return ()

        c.simple("eject_remote_participants", "ejectRemoteParticipants", completion, apply,
                 in_call="RemoteParticipants", check=check, ids=v)

    def send_app_message(self, message, participant_id=None, completion=None) -> None:
        c = self._alive()
        if message is None:
            raise ValueError("invalid app message 'None'")
        if participant_id is not None:
            _uuid_or_valueerror(participant_id)
        v = _to_json_value(message)
        text = json.dumps(v, separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode())

        def op(b: dict) -> None:
            with fake.lock:
                err = b.get("error")
                if err is None and _depth(v) > 127:
                    err = f"Invalid message JSON '{text[:200]}...' (Error(\"recursion limit exceeded\"))"
                if err is None and c.state != "joined":
                    err = "AppMessage(Signalling(ChannelNotOpen))"
                over = size > LIMIT
                how = _env("OVERSIZE", "drop")
                if err is None and over:
                    fake.misuse("app message over 4096 bytes", client=c.cid, bytes=size)
                    if how == "error":
                        err = "AppMessage(Signalling(MessageSendFailed))"
                if err is not None:
                    c.fail("sendAppMessage", err, completion)
                    return
                delivered = 0
                present = participant_id is None or participant_id in c.room.people
                if not over or how == "deliver":
                    delivered = fake.broadcast(c.room, "on_app_message", v, c.person.id, but=c.person.id,
                                               only=participant_id)
                fake.report("app_message_sent", client=c.cid, room=c.room.url, sender=c.person.id, data=v,
                            to=participant_id, bytes=size, oversize=over, recipient_present=present,
                            delivered_in_process=delivered)
                c.ok(completion, None)

        c.submit("send_app_message", op)

    def send_prebuilt_chat_message(self, message, user_name=None, completion=None) -> None:
        c = self._alive()
        _no_nul(message, "message")
        if user_name is not None:
            _no_nul(user_name, "user name string")

        def op(b: dict) -> None:
            with fake.lock:
                err = b.get("error")
                if err is None and c.state != "joined":
                    err = "AppMessage(Signalling(ChannelNotOpen))"
                if err is not None:
                    c.fail("sendPrebuiltChatMessage", err, completion)
                    return
                fake.report("chat_sent", client=c.cid, room=c.room.url, message=message,
                            user_name=user_name or c.person.name)
                c.ok(completion, None)

        c.submit("send_prebuilt_chat_message", op)

    # -- transcription

    def start_transcription(self, settings=None, completion=None) -> None:
        c = self._alive()
        v = None if settings is None else _to_json_value(settings)

        def check() -> Optional[str]:
            for k, t, want in (("language", str, "a string"), ("model", str, "a string"), ("punctuate", bool, "a boolean"),
                               ("includeRawResponse", bool, "a boolean")):
                if isinstance(v, dict) and k in v and v[k] is not None and not isinstance(v[k], t):
                    return ("Transcription settings are not valid: JsonApiError { message: "
                            f'"invalid type: {v[k]!r}, expected {want}" }}')
            if c.state != "joined":
                return f"Transcription({NOT_IN_A_CALL})"
            if not c.is_admin("transcription"):
                text = ("unable to start transcription (is transcription enabled? are you a room owner or "
                        "transcription admin?)")
                c.emit("on_transcription_error", text)
                return text
            if c.room.transcription is not None:
                return "unable to start transcription: already running (fake)"
            return None

        def apply() -> tuple:
            status = fake._start_transcription(c.room, dict(v or {}), c.person.id)
            for other in list(c.room.clients):
                if other is not c:
                    other.emit("on_transcription_started", dict(status))
            return (("on_transcription_started", dict(status)),)

        c.simple("start_transcription", "startTranscription", completion, apply, check=check, settings=v)

    def stop_transcription(self, completion=None) -> None:
        c = self._alive()

        def apply() -> tuple:
            was = c.room.transcription
            c.room.transcription = None
            if was is None:
                return ()
            for other in list(c.room.clients):
                if other is not c:
                    other.emit("on_transcription_stopped", c.person.id, False)
            return (("on_transcription_stopped", c.person.id, False),)

        c.simple("stop_transcription", "stopTranscription", completion, apply, in_call="Transcription")

    def update_transcription(self, participants=None, instance_id=None, completion=None) -> None:
        c = self._alive()
        v = None if participants is None else _to_json_value(participants)

        def apply() -> tuple:
            c.room.transcribe_only = None if v is None else list(v)
            iid = instance_id or (c.room.transcription or {}).get("status", {}).get("instanceId")
            return (("on_transcription_updated", {"participants": v or [], "instanceId": iid,
                                                  "updatedBy": c.person.id}),)

        c.simple("update_transcription", "updateTranscription", completion, apply, in_call="Transcription",
                 participants=v, instance_id=instance_id)

    # -- recording and live stream

    def start_recording(self, streaming_settings=None, stream_id=None, force_new=None, completion=None) -> None:
        c = self._alive()
        v = None if streaming_settings is None else _to_json_value(streaming_settings)
        sid = stream_id or str(uuid.uuid4())

        def check() -> Optional[str]:
            if stream_id is not None:
                try:
                    uuid.UUID(stream_id)
                except ValueError:
                    return "Failed to parse recording settings: UUID parsing failed: invalid character"
            return None

        def apply() -> tuple:
            st = {"streamId": sid, "recordingId": str(uuid.uuid4()), "startedBy": c.person.id,
                  "layout": (v or {}).get("layout") or {"preset": "default"}}
            c.room.recordings[sid] = st
            for other in list(c.room.clients):
                if other is not c:
                    other.emit("on_recording_started", dict(st))
            return (("on_recording_started", dict(st)),)

        c.simple("start_recording", "startRecording", completion, apply, in_call="Recording", binary=True,
                 result=lambda: sid, check=check, settings=v, stream_id=sid, force_new=force_new)

    def stop_recording(self, stream_id=None, completion=None) -> None:
        c = self._alive()

        def apply() -> tuple:
            ids = [stream_id] if stream_id else list(c.room.recordings)[:1]
            ev = []
            for sid in ids:
                if c.room.recordings.pop(sid, None):
                    ev.append(("on_recording_stopped", sid))
            return tuple(ev)

        c.simple("stop_recording", "stopRecording", completion, apply, in_call="Recording", stream_id=stream_id)

    def update_recording(self, update_settings, stream_id=None, completion=None) -> None:
        c, v = self._alive(), _to_json_value(update_settings)
        c.simple("update_recording", "updateRecording", completion, in_call="Recording", settings=v,
                 stream_id=stream_id)

    def start_live_stream_with_endpoints(self, endpoints, streaming_settings=None, stream_id=None, force_new=None,
                                         completion=None) -> None:
        self._alive().simple("start_live_stream", "startLiveStream", completion, in_call="LiveStream",
                             endpoints=_to_json_value(endpoints), settings=streaming_settings,
                             stream_id=stream_id, force_new=force_new)

    def start_live_stream_with_rtmp_urls(self, rtmp_urls, streaming_settings=None, stream_id=None, force_new=None,
                                         completion=None) -> None:
        self._alive().simple("start_live_stream", "startLiveStream", completion, in_call="LiveStream",
                             rtmp_urls=_to_json_value(rtmp_urls), settings=streaming_settings,
                             stream_id=stream_id, force_new=force_new)

    def stop_live_stream(self, stream_id=None, completion=None) -> None:
        self._alive().simple("stop_live_stream", "stopLiveStream", completion, in_call="LiveStream",
                             stream_id=stream_id)

    def update_live_stream(self, update_settings, stream_id=None, completion=None) -> None:
        self._alive().simple("update_live_stream", "updateLiveStream", completion, in_call="LiveStream",
                             settings=update_settings, stream_id=stream_id)

    def add_live_streaming_endpoints(self, endpoints, stream_id=None, completion=None) -> None:
        self._alive().simple("add_live_streaming_endpoints", "addLiveStreamingEndpoints", completion,
                             in_call="LiveStream", endpoints=endpoints, stream_id=stream_id)

    def remove_live_streaming_endpoints(self, endpoints, stream_id=None, completion=None) -> None:
        self._alive().simple("remove_live_streaming_endpoints", "addLiveStreamingEndpoints", completion,
                             in_call="LiveStream", endpoints=endpoints, stream_id=stream_id)

    # -- telephony

    def start_dialout(self, settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(settings)
        sid = str(uuid.uuid4())

        def check() -> Optional[str]:
            if not isinstance(v, dict) or not (v.get("phoneNumber") or v.get("sipUri")):
                return ('Dialout settings are not valid: JsonApiError { message: "data did not match any variant of '
                        'untagged enum DailyStartDialoutProperties" }')
            return None

        def apply() -> tuple:
            c.room.dialouts[sid] = v
            return ()

        c.simple("start_dialout", "startDialout", completion, apply, in_call="Dialout", binary=True,
                 result=lambda: sid, check=check, settings=v, session_id=sid)

    def stop_dialout(self, participant_id, completion=None) -> None:
        c = self._alive()

        def apply() -> tuple:
            if c.room.dialouts.pop(participant_id, None) is None:
                return ()
            return (("on_dialout_stopped", {"sessionId": participant_id, "actionTraceId": str(uuid.uuid4())}),)

        c.simple("stop_dialout", "stopDialout", completion, apply, in_call="Dialout", session_id=participant_id)

    def send_dtmf(self, settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(settings)
        c.simple("send_dtmf", "sendDTMF", completion, in_call="Dialout", settings=v)

    def sip_call_transfer(self, settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(settings)
        c.simple("sip_call_transfer", "sipCallTransfer", completion, in_call="Sip", settings=v)

    def sip_refer(self, settings, completion=None) -> None:
        c, v = self._alive(), _to_json_value(settings)
        c.simple("sip_refer", "sipRefer", completion, in_call="Sip", settings=v)

    # -- tracks, renderers, network

    def _custom(self, method: str, camel: str, kind: str, name: str, track: Any, completion: Any) -> None:
        c = self._alive()
        _no_nul(name, "track name string")

        def apply() -> tuple:
            new = copy.deepcopy(c.inputs)
            if track is None:
                new[kind].pop(name, None)
            else:
                track.source.track = name
                new[kind][name] = {"isEnabled": True, "settings": {"customTrack": {"id": track.id}}}
            if new == c.inputs:
                return ()
            me = c.person or c.local
            return ("on_inputs_updated", new), ("on_participant_updated", me.payload(True, c.person is not None))

        c.simple(method, camel, completion, apply, track=name)

    def add_custom_audio_track(self, track_name, audio_track, ignore_audio_level=None, completion=None) -> None:
        self._custom("add_custom_audio_track", "addCustomAudioTrack", "customAudio", track_name, audio_track,
                     completion)

    def update_custom_audio_track(self, track_name, audio_track, ignore_audio_level=None, completion=None) -> None:
        self._custom("update_custom_audio_track", "updateCustomAudioTrack", "customAudio", track_name, audio_track,
                     completion)

    def remove_custom_audio_track(self, track_name, completion=None) -> None:
        self._custom("remove_custom_audio_track", "removeCustomAudioTrack", "customAudio", track_name, None,
                     completion)

    def add_custom_video_track(self, track_name, video_track, completion=None) -> None:
        self._custom("add_custom_video_track", "addCustomVideoTrack", "customVideo", track_name, video_track,
                     completion)

    def update_custom_video_track(self, track_name, video_track, completion=None) -> None:
        self._custom("update_custom_video_track", "updateCustomVideoTrack", "customVideo", track_name, video_track,
                     completion)

    def remove_custom_video_track(self, track_name, completion=None) -> None:
        self._custom("remove_custom_video_track", "removeCustomVideoTrack", "customVideo", track_name, None,
                     completion)

    def set_audio_renderer(self, participant_id, callback, audio_source="microphone", sample_rate=16000,
                           callback_interval_ms=20, logging_interval_ms=10000) -> None:
        c = self._alive()
        c.renderers["Audio", participant_id, audio_source] = (callback, sample_rate, callback_interval_ms)
        fake.report("set_audio_renderer", client=c.cid, participant=participant_id, source=audio_source,
                    sample_rate=sample_rate)

    def set_video_renderer(self, participant_id, callback, video_source="camera", color_format="RGBA",
                           logging_interval_ms=10000) -> None:
        c = self._alive()
        if color_format not in ("ABGR", "ARGB", "BGRA", "RGBA", "RGB", "I420"):
            raise ValueError(f"invalid color format '{color_format}'")
        c.renderers["Video", participant_id, video_source] = (callback, color_format, 0)
        fake.report("set_video_renderer", client=c.cid, participant=participant_id, source=video_source)

    def set_proxy_url(self, proxy_url=None, completion=None) -> None:
        self._alive().simple("set_proxy_url", "setProxyUrl", completion, url=proxy_url)

    def set_ice_config(self, ice_config=None, completion=None) -> None:
        v = None if ice_config is None else _to_json_value(ice_config)
        self._alive().simple("set_ice_config", "setIceConfig", completion, config=v)


def _merge_profiles(old: dict, new: Any) -> dict:
    out = copy.deepcopy(old)
    for name, prof in (new.items() if isinstance(new, dict) else ()):
        cur = out.setdefault(name, _profile())
        if isinstance(prof, str):
            for k in MEDIA_KINDS:
                cur[k] = {**cur[k], "subscriptionState": prof}
            continue
        for k, val in prof.items():
            if k in ("customAudio", "customVideo"):
                for track, v in val.items():
                    cur[k][track] = _receive(k, v) if isinstance(v, str) else v
                continue
            new = {"subscriptionState": val} if isinstance(val, str) else dict(val)
            if "settings" in new:
                new["receiveSettings"] = new.pop("settings")
            cur[k] = {**cur[k], **new}
    return out


# --------------------------------------------------------------------------- devices


class AudioData:
    def __init__(self, frames: bytes = b"", sample_rate: int = 16000, num_channels: int = 1):
        self.audio_frames, self.sample_rate, self.num_channels = frames, sample_rate, num_channels
        self.bits_per_sample = 16
        self.num_audio_frames = len(frames) // (2 * num_channels)


class VideoFrame:
    def __init__(self, buffer: bytes = b"", width: int = 0, height: int = 0, color_format: str = "RGBA"):
        self.buffer, self.width, self.height, self.color_format = buffer, width, height, color_format
        self.timestamp_us = int(time.time() * 1e6)


_tracks: weakref.WeakSet = weakref.WeakSet()  # the real one aborts where one of them outlives deinit


class CustomAudioSource:
    def __init__(self, sample_rate: int, channels: int, auto_silence: bool = True):
        self.sample_rate, self.channels = sample_rate, channels
        self.track: Optional[str] = None

    def write_frames(self, frames: bytes, completion=None) -> int:
        if len(frames) % (2 * self.channels):
            raise ValueError("frames bytestring should contain 16-bit samples")
        n = len(frames) // (2 * self.channels)
        secs = n / self.sample_rate
        fake.report("audio_written", track=self.track, frames=n, sample_rate=self.sample_rate,
                    channels=self.channels)
        if completion is None:
            time.sleep(secs)
        else:
            threading.Timer(secs, completion, args=(n,)).start()
        return n


class CustomAudioTrack:
    def __init__(self, audio_source: CustomAudioSource):
        self.id = str(uuid.uuid4())
        self.source = audio_source
        _tracks.add(self)


class CustomVideoSource:
    def __init__(self, width: int, height: int, color_format: str = "RGBA"):
        self.width, self.height, self.color_format = width, height, color_format
        self.track: Optional[str] = None

    def write_frame(self, frame: bytes) -> None:
        want = self.width * self.height * 4
        if self.color_format == "RGBA" and len(frame) != want:
            raise ValueError(f"frame size mismatch: expected {want} bytes for {self.width}x{self.height} RGBA, "
                             f"got {len(frame)}")
        fake.report("video_written", track=self.track, frames=1, width=self.width, height=self.height,
                    rgba=list(frame[:4]))


class CustomVideoTrack:
    def __init__(self, video_source: CustomVideoSource):
        self.id = str(uuid.uuid4())
        self.source = video_source
        _tracks.add(self)


class NativeVad:
    """Energy only: 0.0 below about -50 dBFS, rising to 1.0.  Not WebRTC's detector."""

    def __init__(self, reset_period_ms: int, sample_rate: int, channels: int):
        self.reset_period_ms, self.sample_rate, self.channels = reset_period_ms, sample_rate, channels

    def analyze_frames(self, frames: bytes) -> float:
        if not isinstance(frames, bytes):
            raise TypeError(f"'{type(frames).__name__}' object is not an instance of 'bytes'")
        if len(frames) % 2:
            raise ValueError("frames bytestring should contain 16-bit samples")
        need = self.sample_rate // 100 * self.channels * 2
        if len(frames) < need:
            return 0.0
        n = need // 2
        total = 0
        for i in range(0, need, 2):
            s = int.from_bytes(frames[i:i + 2], "little", signed=True)
            total += s * s
        rms = math.sqrt(total / n) / 32768
        if rms <= 0.003:
            return 0.0
        return min(1.0, 0.5 + 0.5 * math.log10(rms / 0.003))


class VirtualCameraDevice:
    def __init__(self, name, width, height, color_format):
        self.name, self.width, self.height, self.color_format = name, width, height, color_format

    def write_frame(self, frame: bytes) -> None: ...


class VirtualMicrophoneDevice:
    def __init__(self, name, sample_rate, channels):
        self.name, self.sample_rate, self.channels = name, sample_rate, channels

    def write_frames(self, frames: bytes, completion=None) -> int:
        if completion:
            completion(0)
        return 0


class VirtualSpeakerDevice:
    def __init__(self, name, sample_rate, channels, non_blocking):
        self.name, self.sample_rate, self.channels = name, sample_rate, channels

    def read_frames(self, num_frames: int, completion=None) -> bytes:
        if completion:
            completion(b"")
        return b""


class Daily:
    _speakers: set = set()

    @staticmethod
    def init(worker_threads: int = 2, log_level: Any = ...) -> None:
        fake.connect()
        if fake.initialised:
            _fatal("Daily.init() twice")
        if worker_threads <= 0:
            _fatal("Daily.init(worker_threads=0)")
        fake.initialised = True
        fake.init_pid = os.getpid()
        fake.report("init", worker_threads=worker_threads)
        if _env("WAIT_READY", "") == "1" and not fake.ready.wait(10):
            fake.report("not_ready")

    @staticmethod
    def deinit() -> None:
        if _tracks:
            _fatal(f"Daily.deinit() while {len(_tracks)} custom tracks live")
        fake.initialised = False
        live = [c.cid for c in fake.cores if not c.released]
        if live:
            fake.misuse("Daily.deinit() with unreleased clients", clients=live)
        fake.report("deinit")

    @staticmethod
    def set_log_level(log_level: Any) -> None: ...

    @staticmethod
    def create_camera_device(device_name: str, width: int, height: int, color_format: str = "RGBA"):
        if color_format not in ("ABGR", "ARGB", "BGRA", "RGBA", "RGB", "I420"):
            raise ValueError(f"invalid color format '{color_format}'")
        return VirtualCameraDevice(device_name, width, height, color_format)

    @staticmethod
    def create_speaker_device(device_name: str, sample_rate: int = 16000, channels: int = 1,
                              non_blocking: bool = False):
        Daily._speakers.add(device_name)
        return VirtualSpeakerDevice(device_name, sample_rate, channels, non_blocking)

    @staticmethod
    def create_microphone_device(device_name: str, sample_rate: int = 16000, channels: int = 1,
                                 non_blocking: bool = False):
        return VirtualMicrophoneDevice(device_name, sample_rate, channels)

    @staticmethod
    def create_native_vad(reset_period_ms: int = 1000, sample_rate: int = 16000, channels: int = 1) -> NativeVad:
        if sample_rate % 100:
            _fatal(f"NativeVad: sample rate {sample_rate} is not divisible by 100")
        return NativeVad(reset_period_ms, sample_rate, channels)

    @staticmethod
    def select_speaker_device(device_name: str) -> None:
        if device_name not in Daily._speakers:
            raise RuntimeError("unable to select virtual speaker device")


fake.connect()
