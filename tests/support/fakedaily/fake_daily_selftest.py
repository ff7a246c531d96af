"""Self-test of the fake `daily` package and of its harness.  Run: fake_daily.py selftest --python PY"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from fake_daily import PACKAGE_DIR, Controller, ControlError

URL = "https://team.daily.co/standup"

# A minimal bot: callbacks only hand over to asyncio.
BOT = r'''
import asyncio, json, os, sys
from daily import CallClient, Daily, EventHandler

class Handler(EventHandler):
    def __init__(self, put): self.put = put
    def on_app_message(self, message, sender): self.put(("app", message, sender))
    def on_call_state_updated(self, state): self.put(("state", state))
    def on_error(self, message): self.put(("error", message))
    def on_participant_joined(self, p): self.put(("pjoin", p))
    def on_participant_left(self, p, reason): self.put(("pleft", p, reason))
    def on_participant_counts_updated(self, c): self.put(("counts", c))
    def on_transcription_message(self, m): self.put(("tm", m))
    def on_transcription_started(self, s): self.put(("tstart", s))
    def on_transcription_stopped(self, by, err): self.put(("tstop", by, err))

async def main(url, token):
    loop = asyncio.get_running_loop()
    q = asyncio.Queue()
    def put(ev):
        try: loop.call_soon_threadsafe(q.put_nowait, ev)
        except RuntimeError: pass
    def call(fn, *a, n=1, **k):
        fut = loop.create_future()
        def done(*r):
            def set_():
                if not fut.done(): fut.set_result(r)
            loop.call_soon_threadsafe(set_)
        fn(*a, completion=done, **k)
        return asyncio.wait_for(fut, float(os.environ.get("BOT_TIMEOUT", "3")))
    Daily.init()
    client = CallClient(event_handler=Handler(put))
    client.set_user_name("Bot")
    off = {k: "unsubscribed" for k in ("camera", "microphone", "screenVideo", "screenAudio")}
    print("profiles", await call(client.update_subscription_profiles, {"base": off}), flush=True)
    data, err = await call(client.join, url, token)
    print("join", json.dumps(sorted((data or {}).get("participants", {}))) if data else None, err, flush=True)
    if err:
        await asyncio.to_thread(client.release); return 3
    print("transcription", await call(client.start_transcription, {"includeRawResponse": True}), flush=True)
    heard = []
    while True:
        ev = await q.get()
        print("ev", json.dumps(ev), flush=True)
        if ev[0] == "tm" and ev[1].get("rawResponse", {}).get("is_final", True):
            heard.append(ev[1]["text"])
        if ev[0] == "app" and isinstance(ev[1], dict) and ev[1].get("kind") == "assist":
            r = await call(client.send_app_message, {"kind": "ai-summary", "data": " ".join(heard)},
                           None if ev[1].get("broadcast") else ev[2])
            print("sent", r, flush=True)
        if ev[0] == "counts" and ev[1]["present"] <= 1 and heard:
            print("leave", await call(client.leave), flush=True); break
        if ev == ("state", "left"):
            print("forced", flush=True); break
    await asyncio.to_thread(client.release)
    Daily.deinit()
    return 0

sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)))
'''

TESTS = []
PY = sys.executable


def test(fn):
    TESTS.append(fn)
    return fn


def check(cond, *what):
    if not cond:
        raise AssertionError(what)


class Bot:
    def __init__(self, ctl, *args, code=BOT, **env):
        self.p = subprocess.Popen([PY, "-c", code, *args], env=ctl.env(**env) if isinstance(ctl, Controller) else ctl,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, timeout=15):
        try:
            out, err = self.p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            out, err = self.p.communicate()
            raise AssertionError(("timeout", out[-1500:], err[-1500:]))
        return self.p.returncode, out, err


@test
def whole_meeting():
    with Controller() as ctl:
        ann = ctl.join("Ann", room=URL, owner=True)
        b = Bot(ctl, URL, "opaque-owner-token")
        me = ctl.wait("joined", room=URL)
        check(me["owner"] and me["user_name"] == "Bot", me)
        ctl.wait("start_transcription")
        bob = ctl.join("Bob")
        ctl.speak("Ann", "we ship on Friday", interim=["we", "we ship"])
        ctl.speak(bob, "fine by me", track_type="screen-audio", language="en")
        ctl.app_message("Ann", {"kind": "assist", "task": "summary"})
        m = ctl.wait("app_message_sent")
        check(m["data"] == {"kind": "ai-summary", "data": "we ship on Friday fine by me"}, m)
        check(m["to"] == ann and m["recipient_present"] and not m["oversize"], m)
        pos = ctl.mark()
        ctl.app_message("Bob", {"kind": "assist", "task": "summary", "broadcast": True})
        check(ctl.wait("app_message_sent", since=pos)["to"] is None)
        ctl.app_message("Bob", "not json object")
        ctl.leave("Ann")
        ctl.leave("Bob")
        ctl.wait("client_released")
        rc, out, err = b.end()
        check(rc == 0, out, err)
        check('"Bob"' in out and "screen-audio" in out and '"is_final": false' in out, out)
        check(out.count('ev ["pjoin"') == 2, out)
        check(ctl.problems() == [], ctl.problems())


@test
def no_transcription_right_and_dropped_speech():
    with Controller() as ctl:
        ctl.join("Ann", room=URL)
        b = Bot(ctl, URL)
        ctl.wait("request_failed", method="startTranscription")
        r = ctl.speak("Ann", "nobody hears")
        check(r["delivered"] == 0, r)
        check(ctl.speak("Ann", "forced", force=True)["delivered"] == 1)
        ctl.leave("Ann")
        rc, out, err = b.end()
        check(rc == 0 and "room owner or transcription admin" in out and "rawResponse" not in out, out)


@test
def jwt_claims_and_transcription_already_running():
    import base64
    enc = lambda d: base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=").decode()
    tok = ".".join([enc({"alg": "HS256"}), enc({"r": "standup", "u": "Scribe", "ud": "u-1", "p": {"ca": "t"}}), "x"])
    with Controller() as ctl:
        ctl.join("Ann", room=URL)
        b = Bot(ctl, URL, tok)
        j = ctl.wait("join")
        check(j["claims"]["u"] == "Scribe", j)
        me = ctl.wait("joined")
        check(not me["owner"] and me["user_name"] == "Scribe", me)
        ctl.wait("start_transcription")
        ctl.speak("Ann", "hello")
        ctl.leave("Ann")
        check(b.end()[0] == 0)
    # the room is already transcribed: the event comes right after the join
    with Controller() as ctl:
        ctl.setup.append({"cmd": "room", "url": URL, "transcription": {"model": "nova-3"}})
        ctl.join("Ann", room=URL)
        b = Bot(ctl, URL, "tok")
        ctl.wait("request_failed", method="startTranscription")
        ctl.speak("Ann", "hi")
        ctl.leave("Ann")
        rc, out, _ = b.end()
        check('"tstart", {"model": "nova-3"' in out, out)


@test
def join_failures():
    with Controller(time_scale=0.05) as ctl:
        for spec, want, low in (({"code": "exp-room"}, "NoLongerAvailable", 0),
                                ({"code": "nbf-room"}, "NotYetAvailable", 0),
                                ({"code": "unreachable"}, "failed to lookup address", 0.9),
                                ({"error": "You do not have access to this room"}, "do not have access", 0)):
            ctl.setup.clear()
            ctl.behave("join", times=1, **spec)
            t0 = time.monotonic()
            b = Bot(ctl, URL, "t")
            rc, out, err = b.end()
            check(rc == 3 and want in out, spec, out, err)
            check(time.monotonic() - t0 >= low, spec)
        ctl.setup.clear()
        rc, out, err = Bot(ctl, "not a url").end()
        check(rc == 3 and "RelativeUrlWithoutBase" in out, out, err)
        ctl.setup.append({"cmd": "room", "url": URL, "refuse": {"code": "exp-room", "delay": 0.2}})
        rc, out, err = Bot(ctl, URL).end()
        check(rc == 3 and "NoLongerAvailable" in out, out, err)
        check(ctl.problems() == [], ctl.problems())


@test
def lost_completions():
    with Controller() as ctl:
        ctl.behave("join", hang=True)
        rc, out, err = Bot(ctl, URL, BOT_TIMEOUT="0.5").end()
        check(rc == 1 and "TimeoutError" in err, out, err)
    with Controller() as ctl:
        ctl.behave("join", no_completion=True)
        b = Bot(ctl, URL, BOT_TIMEOUT="0.5")
        ctl.wait("joined")
        ctl.wait("completion_withheld")
        check("TimeoutError" in b.end()[2])


@test
def forced_out_and_crash_and_restart():
    with Controller() as ctl:
        ctl.join("Ann", room=URL)
        b = Bot(ctl, URL, "t")
        ctl.wait("start_transcription")
        ctl.kick("room-deleted")
        rc, out, _ = b.end()
        check(rc == 0 and "forced" in out and "Room was deleted" in out, out)
    with Controller() as ctl:
        ann = ctl.join("Ann", room=URL)
        b = Bot(ctl, URL, "t")
        ctl.wait("start_transcription")
        ctl.speak("Ann", "before the crash")
        try:
            ctl.send("abort", timeout=1)
        except (ControlError, OSError):
            pass
        check(b.end()[0] == -signal.SIGABRT)
        ctl.wait("disconnected")
        pos = ctl.mark()
        b = Bot(ctl, URL, "t")
        ctl.wait("start_transcription", since=pos)
        ctl.speak("Ann", "after the crash")
        ctl.leave("Ann")
        rc, out, _ = b.end()
        check(rc == 0 and ann in out and "after the crash" in out, out)


@test
def two_processes_two_rooms():
    other = "https://team.daily.co/retro"
    with Controller(seed=3) as ctl:
        ctl.join("Ann", room=URL)
        ctl.join("Cleo", room=other)
        b1, b2 = Bot(ctl, URL, "t"), Bot(ctl, other, "t")
        for u in (URL, other):
            ctl.wait("start_transcription", room=u)
        ctl.speak("Ann", "in the standup")
        ctl.speak("Cleo", "in the retro")
        check(ctl.barrier())
        ctl.leave("Ann")
        ctl.leave("Cleo")
        r1, r2 = b1.end(), b2.end()
        check(r1[0] == 0 and "in the standup" in r1[1] and "in the retro" not in r1[1], r1)
        check(r2[0] == 0 and "in the retro" in r2[1] and "in the standup" not in r2[1], r2)


@test
def tcp_and_report_file():
    with tempfile.TemporaryDirectory() as d, Controller("tcp:127.0.0.1:0", report_file=d + "/r.jsonl") as ctl:
        ctl.join("Ann", room=URL)
        b = Bot(ctl, URL, "t")
        ctl.wait("start_transcription")
        ctl.speak("Ann", "x y")
        ctl.leave("Ann")
        check(b.end()[0] == 0)
        kinds = [json.loads(x)["report"] for x in open(d + "/r.jsonl")]
        for k in ("hello", "init", "client_created", "joined", "left", "client_released", "deinit"):
            check(k in kinds, k, kinds)


@test
def script_file_and_listen():
    with tempfile.TemporaryDirectory() as d:
        steps = [
            {"cmd": "room", "url": URL, "people": [{"id": "11111111-1111-4111-8111-111111111111", "user_name": "Ann"}]},
            {"cmd": "ready"}, {"cmd": "wait_for", "report": "start_transcription", "timeout": 10}, {"wait": 0.05},
            {"cmd": "speak", "participant": "Ann", "text": "from a file"},
            {"cmd": "app_message", "from": "Ann", "to": "bot", "data": {"kind": "assist"}},
            {"cmd": "wait_for", "report": "app_message_sent"},
            {"cmd": "participant_left", "participant": "Ann"}]
        with open(d + "/s.jsonl", "w") as f:
            f.write("# a comment\n" + "\n".join(map(json.dumps, steps)))
        env = dict(os.environ, PYTHONPATH=PACKAGE_DIR, FAKE_DAILY_CONTROL=f"file:{d}/s.jsonl",
                   FAKE_DAILY_WAIT_READY="1", FAKE_DAILY_REPORT=d + "/r")
        rc, out, err = Bot(env, URL, "t").end()
        check(rc == 0 and "from a file" in out, out, err)
        acks = [r for r in map(json.loads, open(d + "/r")) if r["report"] == "ack"]
        check(acks and all(a["ok"] for a in acks), acks)
        # a world file and a listening fake
        with open(d + "/w.json", "w") as f:
            json.dump({"rooms": [{"url": URL, "people": [{"user_name": "Ann"}]}]}, f)
        env = dict(os.environ, PYTHONPATH=PACKAGE_DIR, FAKE_DAILY_CONTROL=f"listen:unix:{d}/l",
                   FAKE_DAILY_WORLD=d + "/w.json")
        b = Bot(env, URL, "t")
        import socket
        end = time.monotonic() + 10
        while True:
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(d + "/l")
                break
            except OSError:
                check(time.monotonic() < end)
                time.sleep(0.02)
        f = s.makefile("rwb")

        def cmd(c, seq):
            f.write(json.dumps({**c, "seq": seq}).encode() + b"\n")
            f.flush()
            while True:
                r = json.loads(f.readline())
                if r["report"] == "ack" and r["seq"] == seq:
                    return r
        check(cmd({"cmd": "wait_for", "report": "start_transcription"}, 1)["ok"])
        check(cmd({"cmd": "nonsense"}, 2)["ok"] is False)
        check(cmd({"cmd": "speak", "participant": "Ann", "text": "via listen"}, 3)["result"]["delivered"] == 1)
        check(cmd({"cmd": "participant_left", "participant": "Ann"}, 4)["ok"])
        rc, out, err = b.end()
        check(rc == 0 and "via listen" in out, out, err)


RULES = r'''
import os, sys, threading, time, json, contextvars
import daily
from daily import *
assert "fake" not in globals()
fake = getattr(daily, "fake", None)  # None: the installed daily-python runs the same rules
what = sys.argv[1]
class H(EventHandler):
    def __new__(cls, *a, **k): return super().__new__(cls)
    def __init__(self, *, log=None): self.log = log if log is not None else []
    def on_call_state_updated(self, s): self.log.append((s, threading.get_ident()))
    def on_error(self, m): self.log.append(("error", m))
def waited(fn, *a, **k):
    ev = threading.Event(); box = []
    fn(*a, completion=lambda *r: (box.append(r), ev.set()), **k)
    assert ev.wait(3), "no completion"
    return box[0]
def raises(t, fn, *a, **k):
    try: fn(*a, **k)
    except t as e: return e
    raise AssertionError(("did not raise", t, a, k))
U = "https://team.daily.co/standup"
UID = "11111111-1111-4111-8111-111111111111"
if what == "before_init": CallClient()
if what == "init_twice": Daily.init(); Daily.init()
if what == "vad_rate": Daily.create_native_vad(1000, 22050, 1)
Daily.init()
if what == "fork":
    pid = os.fork()
    if pid == 0:
        try: CallClient()
        except RuntimeError as e: os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    sys.exit(0)
h = H(log=[])
c = CallClient(h)
if what == "errors":
    raises(TypeError, CallClient, object())
    raises(TypeError, type, "X", (CallClient,), {})
    raises(ValueError, c.send_app_message, None)
    raises(ValueError, c.send_app_message, {}, "*")
    raises(TypeError, c.send_app_message, {}, participant="x")
    raises(TypeError, c.send_app_message, {}, serialize_none=True)
    raises(TypeError, c.send_app_message, {1: 2})
    raises(TypeError, c.send_app_message, object())
    raises(Exception, c.send_app_message, b"x")
    raises(UnicodeEncodeError, c.send_app_message, "\ud800")
    e = raises(BaseException, c.set_user_name, "a\0b"); assert not isinstance(e, Exception)
    for fn, a, n, text in ((c.send_app_message, ({},), 1, "ChannelNotOpen"), (c.start_transcription, (), 1, "Transcription"),
                           (c.start_recording, (), 2, "Recording"), (c.start_dialout, ({"phoneNumber": "1"},), 2, "Dialout"),
                           (c.eject_remote_participants, ([UID],), 1, "RemoteParticipants"),
                           (c.eject_remote_participants, (["x"],), 1, "UUID parsing failed")):
        r = waited(fn, *a); assert len(r) == n and text in r[-1], r
    for fn, a in ((c.update_subscription_profiles, ({"base": {"camera": "unsubscribed"}},)), (c.update_inputs, ({"camera": False},)),
                  (c.update_publishing, ({"camera": False},)), (c.leave, ())):
        assert waited(fn, *a) == (None,)
    assert "Invalid subscription state" in waited(c.update_subscription_profiles, {"base": {"camera": "bogus"}})[0]
    time.sleep(0.1)
    assert sum(1 for x in h.log if x[0] == "error" and x[1].startswith("Error handling ")) == 7, h.log
    assert c.participant_counts() is c.participant_counts() and c.participant_counts() == {"hidden": 0, "present": 0}
    assert c.active_speaker() is None
    loc = c.participants()["local"]; assert "userName" not in loc["info"] and "userId" not in loc["info"], loc
    c.release(); raises(RuntimeError, c.release); raises(RuntimeError, c.join, U)
if what == "threads":
    idents = set(); main = threading.get_ident()
    for i in range(5): waited(lambda completion: c.update_inputs({"camera": False}, completion=lambda *r: (idents.add(threading.get_ident()), completion(*r))))
    assert len(idents) == 1 and main not in idents
    d = CallClient(H())
    waited(lambda completion: d.update_inputs({}, completion=lambda *r: (idents.add(threading.get_ident()), completion(*r))))
    assert len(idents) == 2
    # a completion awaited inside a callback never comes
    box = []
    def inside(err):
        ev = threading.Event(); c.update_inputs({}, completion=lambda e: ev.set()); box.append(ev.wait(0.3))
    c.update_inputs({}, completion=inside); time.sleep(0.6); assert box == [False]
    # exceptions are swallowed
    hooked = []; sys.unraisablehook = lambda u: hooked.append(type(u.exc_value))
    for bad in (lambda e: 1 / 0, lambda: None, lambda e: sys.exit(3)): c.update_inputs({}, completion=bad)
    assert waited(c.update_inputs, {}) == (None,)
    assert hooked == [ZeroDivisionError, TypeError, SystemExit], hooked
    assert fake is None or [r["callback"] for r in fake.reports if r["report"] == "handler_exception"] == ["completion"] * 3
    # contextvars do not survive
    v = contextvars.ContextVar("v", default=0); seen = []
    c.update_inputs({}, completion=lambda e: v.set(5)); c.update_inputs({}, completion=lambda e: seen.append(v.get()))
    time.sleep(0.1); assert seen == [0]
if what == "release_in_callback":
    box = []
    def done(e):
        try: c.release()
        except RuntimeError as x: box.append(str(x))
    c.update_inputs({}, completion=done); time.sleep(0.2)
    assert "deadlock" in box[0] and any(r["report"] == "misuse" for r in fake.reports)
if what == "serial":
    fake.behave("join", delay=0.5)
    t0 = time.monotonic(); ends = {}
    c.join(U, "t", completion=lambda d, e: ends.setdefault("join", time.monotonic() - t0))
    assert time.monotonic() - t0 < 0.1
    c.leave(completion=lambda e: ends.setdefault("leave", time.monotonic() - t0))
    time.sleep(0.05); c.participants(); assert time.monotonic() - t0 > 0.45
    c.release()
    assert ends["leave"] > ends["join"] > 0.45, ends
    assert [x[0] for x in h.log] == ["joining", "joined", "leaving", "left"], h.log
if what == "in_process_script":
    got = []
    class G(EventHandler):
        def on_transcription_message(self, m): got.append(m)
        def on_participant_joined(self, p): got.append(("joined", p["info"].get("userName")))
        def on_recording_started(self, s): got.append(("rec", s["streamId"]))
        def on_dialout_answered(self, d): got.append(("dial", d["sessionId"]))
        def on_dtmf_event(self, d): got.append(("dtmf", d["tone"]))
        def on_dialin_ready(self, s): got.append(("sip", s))
    c.release()
    c = CallClient(G())
    fake.do_room({"url": U, "people": [{"user_name": "Ann"}, {"user_name": "Ghost", "hidden": True}]})
    data, err = waited(c.join, U, "t")
    assert err is None and len(data["participants"]) == 2, data
    assert got == [("joined", "Ann")] , got
    assert c.participant_counts() == {"present": 2, "hidden": 1}
    assert waited(c.start_transcription, {"language": 5})[0].startswith("Transcription settings are not valid")
    assert waited(c.start_transcription, {"model": "nova-3"}) == (None,)
    fake.command({"cmd": "speak", "participant": "Ann", "text": "a b", "message": {"participantId": None}})
    fake.command({"cmd": "barrier"})
    m = got[-1]; assert "participantId" not in m and "rawResponse" not in m and m["text"] == "a b", m
    assert waited(c.update_transcription, []) == (None,)
    assert fake.command({"cmd": "speak", "participant": "Ann", "text": "x"})["delivered"] == 0
    sid, e = waited(c.start_recording); assert e is None
    assert waited(c.stop_recording, sid) == (None,)
    did, e = waited(c.start_dialout, {"phoneNumber": "+1"}); assert did
    fake.command({"cmd": "dialout", "event": "answered", "session_id": did}); fake.command({"cmd": "dtmf", "tone": 5})
    fake.command({"cmd": "dialin", "event": "ready"}); fake.command({"cmd": "barrier"})
    assert ("rec", sid) in got and ("dial", did) in got and ("dtmf", "5") in got and got[-1][0] == "sip", got
    assert waited(c.send_app_message, {"x": "y" * 5000}) == (None,)
    r = [r for r in fake.reports if r["report"] == "app_message_sent"][-1]; assert r["oversize"] and r["delivered_in_process"] == 0
    # two bots of one process see each other, no echo of one's own message
    msgs = {"g": [], "k": []}
    class K(EventHandler):
        def __init__(self, k): self.k = k
        def on_app_message(self, m, s): msgs[self.k].append((m, s))
    k = CallClient(K("k")); data, err = waited(k.join, U, "t"); assert len(data["participants"]) == 3
    waited(c.send_app_message, {"hi": 1}); waited(k.send_app_message, [1], c.participants()["local"]["id"])
    fake.command({"cmd": "barrier"})
    assert [m for m, s in msgs["k"]] == [{"hi": 1}], msgs
    for x in (c, k): waited(x.leave); x.release()
    vad = Daily.create_native_vad(1000, 16000, 1)
    assert vad.analyze_frames(bytes(320)) == 0.0 and vad.analyze_frames(b"\x00\x40" * 160) > 0.5
print("ok")
'''


REAL = False
SHARED = []  # rules that the installed daily-python must also pass


def rule(name, want=0, shared=False, **env):
    def run():
        e = dict(os.environ, PYTHONPATH=PACKAGE_DIR, **{"FAKE_DAILY_" + k.upper(): v for k, v in env.items()})
        for k in ("FAKE_DAILY_CONTROL",):
            e.pop(k, None)
        if REAL:
            e.pop("PYTHONPATH")
            e["RUST_LOG"] = "off"
        p = subprocess.run([PY, "-c", RULES, name], env=e, capture_output=True, text=True, timeout=30)
        check(p.returncode == want, p.returncode, p.stdout[-1500:], p.stderr[-2500:])
    run.__name__ = "rule_" + name
    TESTS.append(run)
    if shared:
        SHARED.append(run)


rule("before_init", -signal.SIGABRT, shared=True)
rule("init_twice", -signal.SIGABRT, shared=True)
rule("vad_rate", -signal.SIGABRT, shared=True)
rule("fork", on_deadlock="raise")
rule("errors", shared=True)
rule("threads", shared=True)
rule("release_in_callback", on_deadlock="raise")
rule("serial")
rule("in_process_script")


def main(python: str, real: bool = False) -> int:
    global PY, REAL
    PY, REAL = python, real
    bad = 0
    tests = SHARED if real else TESTS
    for t in tests:
        t0 = time.monotonic()
        try:
            t()
            print(f"ok   {t.__name__} ({time.monotonic() - t0:.2f} s)", flush=True)
        except Exception:
            bad += 1
            print(f"FAIL {t.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(tests) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else sys.executable))
