"""`earshot join` against a scripted gateway, and what `earshot doctor` says of Daily."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import get_args

import pytest
from typer.testing import CliRunner

from contracts.events import Cause, SessionEnded, SessionFailed
from earshot import doctor
from earshot.cli import joining
from earshot.cli.app import app
from earshot.views import View
from services._runtime.settings import Settings
from tests.integration.test_cli import nobody
from tests.support import fake_gateway
from tests.support.fake_gateway import problem

ROOM = "https://acme.daily.co/standup"


@pytest.fixture
def gateway():
    with fake_gateway.served() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joining, "POLL_SECONDS", 0.01)
    for name in [*os.environ]:
        if name.startswith(("EARSHOT_", "OPENAI_", "DAILY_")):
            monkeypatch.delenv(name)


@pytest.fixture
def earshot(gateway, monkeypatch):
    monkeypatch.setenv("EARSHOT_URL", gateway.url)
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


def scripted(gateway, *states):
    """The session goes through `states`, one a look, and stays in the last."""
    left = [one if isinstance(one, dict) else {"status": one} for one in states]

    def view(session_id):
        state = left.pop(0) if len(left) > 1 else left[0]
        return {"session_id": session_id, "room_url": ROOM} | state

    gateway._view = view


def test_it_tells_each_change_and_ends_once_the_assistant_listens(earshot, gateway):
    scripted(gateway, "requested", "waiting", "waiting", "joining", "live")
    result = earshot("join", ROOM, "--minutes", 30, "--token", "t1")
    assert result.exit_code == 0
    assert result.stdout == 's1\nAsk it: earshot ask s1 "What was decided?"\n'
    assert result.stderr.splitlines() == [
        joining.STATES[one] for one in ("requested", "waiting", "joining", "live")
    ]
    (asked,) = gateway.bodies("POST", "/v1/sessions")
    assert json.loads(asked) == {
        "source": "daily",
        "room_url": ROOM,
        "room_duration_mins": 30,
        "token": "t1",
    }


def test_a_token_need_not_be_in_the_shell_history(earshot, gateway, monkeypatch):
    scripted(gateway, "live")
    monkeypatch.setenv("EARSHOT_MEETING_TOKEN", "from-outside")
    assert "from-outside" not in earshot("join", "--help").stdout
    earshot("join", ROOM)
    earshot("join", ROOM, "--token", "flag")
    monkeypatch.setenv("EARSHOT_MEETING_TOKEN", "")
    earshot("join", ROOM)
    sent = [json.loads(one) for one in gateway.bodies("POST", "/v1/sessions")]
    assert [one.get("token") for one in sent] == ["from-outside", "flag", None]
    assert sent[2] == {"source": "daily", "room_url": ROOM}


def test_an_assistant_that_is_there_already_is_found(earshot, gateway):
    there = {"session_id": "old", "status": "live", "room_url": ROOM}
    gateway.reply("POST", "/v1/sessions", there)
    gateway.add("old", "live")
    result = earshot("join", ROOM)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "old")


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (
            {"status": "failed", "reason": "room_unreachable", "detail": "no route"},
            "The room cannot be reached: check its address and the network. (no route)",
        ),
        (
            {"status": "failed", "reason": "room_closed", "detail": "The room is not open yet."},
            "The room is not open yet.",
        ),
        ({"status": "failed", "reason": "brand_new"}, "The session is over: brand_new."),
        ({"status": "ended", "reason": "no_show"}, "Nobody came into the room in time."),
        ({"status": "erased"}, "The session was erased."),
    ],
)
def test_a_session_that_is_over_fails_with_a_plain_sentence(earshot, gateway, end, told):
    scripted(gateway, "requested", "joining", "ending", end)
    result = earshot("join", ROOM)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-2:] == ["Leaving the room.", told]


def test_every_reason_has_a_sentence():
    reasons = {*get_args(Cause), *SessionFailed.__annotations__["reason"].__args__}
    assert "source_ended" in repr(SessionEnded.__annotations__["reason"])
    for reason in reasons | {"source_ended"}:
        assert reason not in joining.why(View(session_id="s", status="ended", reason=reason))


def test_for_programs_there_is_the_final_view_alone(earshot, gateway):
    scripted(gateway, "requested", "waiting", "live")
    result = earshot("join", ROOM, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["status"] == "live"
    scripted(gateway, {"status": "failed", "reason": "room_closed"})
    result = earshot("join", ROOM, "--json")
    assert (result.exit_code, json.loads(result.stdout)["reason"]) == (1, "room_closed")
    assert result.stderr.startswith("The room is not open")


def test_it_gives_up_when_nothing_moves_but_not_while_it_waits(earshot, gateway, monkeypatch):
    monkeypatch.setattr(joining, "STILL_SECONDS", 0.2)
    scripted(gateway, "joining")
    stuck = earshot("join", ROOM)
    assert stuck.exit_code == 1
    assert "session s1 is joining. It goes on by itself" in stuck.stderr
    scripted(gateway, *["waiting"] * 60, "live")
    begun = time.monotonic()
    assert earshot("join", ROOM).exit_code == 0
    assert time.monotonic() - begun > 0.4


def test_a_system_that_goes_away_is_waited_for_a_while(earshot, gateway, monkeypatch):
    monkeypatch.setattr(joining, "STILL_SECONDS", 0.3)
    scripted(gateway, "waiting", "live")
    looks, seen = [], joining.Client.session

    def flaky(client, session_id):
        looks.append(1)
        if 1 < len(looks) < 5:
            raise joining.UnreachableError("away")
        return seen(client, session_id)

    monkeypatch.setattr(joining.Client, "session", flaky)
    assert earshot("join", ROOM).exit_code == 0
    monkeypatch.setattr(
        joining.Client,
        "session",
        lambda *_: (_ for _ in ()).throw(joining.UnreachableError("gone")),
    )
    gone = earshot("join", ROOM)
    assert (gone.exit_code, gone.stderr) == (1, "gone\n")


def test_a_refusal_names_the_field(earshot, gateway):
    gateway.replies["POST", "/v1/sessions"] = problem(422, "Unfit", "room_url", "must be a URL")
    result = earshot("join", "nonsense")
    assert (result.exit_code, result.stderr) == (1, "Unfit: room_url: must be a URL\n")


def test_what_a_gateway_says_cannot_command_the_terminal(earshot, gateway):
    scripted(gateway, {"status": "failed", "reason": "\x1b[2Jx", "detail": "\x9b1my"})
    assert earshot("join", ROOM).stderr == "The session is over: x. (y)\n"


def test_minutes_are_at_least_one(earshot):
    assert earshot("join", ROOM, "--minutes", 0).exit_code == 2


def test_ctrl_c_leaves_the_assistant_in_the_room_and_says_so(gateway):
    scripted(gateway, "waiting")
    command = [sys.executable, "-m", "earshot", "join", ROOM, "--url", gateway.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr.readline() == b"Waiting for somebody to come into the room.\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (130, b"It goes on by itself, as session s1.\n")
    assert gateway.bodies("POST", "/v1/sessions/s1/end") == []


# doctor


@contextmanager
def daily(status=200, body=b'{"domain_name": "acme", "config": {}}'):
    """A stand-in for Daily's REST interface; yields its address and the keys it was shown."""
    keys = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append((self.path, self.headers.get("authorization")))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """A test's output stays its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def given(url, key="secret"):
    return Settings(_env_file=None, daily_api_key=key, daily_api_url=url)


async def test_without_a_daily_key_it_says_what_works():
    found = await doctor._daily(Settings(_env_file=None))
    assert (found.level, found.what) == ("ok", "daily")
    assert "rooms cannot be made" in found.detail


async def test_a_key_that_works_shows_its_domain():
    with daily() as (url, keys):
        found = await doctor._daily(given(url + "/"))
    assert (found.level, found.detail) == ("ok", "the key opens the domain acme")
    assert keys == [("/v1/", "Bearer secret")]


@pytest.mark.parametrize(
    ("status", "body", "level", "said"),
    [
        (401, b'{"error": "authentication-error"}', "FAIL", "refuses the key"),
        (403, b"", "FAIL", "refuses the key"),
        (400, b'{"error": "authorization-header-error"}', "FAIL", "refuses the key"),
        (400, b"nonsense", "warn", "HTTP 400"),
        (429, b"{}", "warn", "HTTP 429"),
        (500, b"", "warn", "HTTP 500"),
        (200, b"<html>", "warn", "names no domain"),
        (200, b'{"domain_name": 7}', "warn", "names no domain"),
    ],
)
async def test_what_is_wrong_with_daily_is_said(status, body, level, said):
    with daily(status, body) as (url, _):
        found = await doctor._daily(given(url))
    assert found.level == level
    assert said in found.detail
    assert "secret" not in found.detail + found.advice


async def test_daily_out_of_reach_is_said():
    found = await doctor._daily(given(nobody()))
    assert found.level == "FAIL"
    assert "does not answer (ConnectError)" in found.detail
    assert "DAILY_API_URL" in found.advice


async def test_a_key_that_no_header_can_carry_is_no_crash():
    found = await doctor._daily(given("http://127.0.0.1:9", "schlüssel\n"))
    assert (found.level, found.advice) == ("FAIL", "check DAILY_API_KEY")


def test_the_command_lists_daily(earshot, monkeypatch):
    with daily(401) as (url, _):
        monkeypatch.setenv("DAILY_API_KEY", "secret")
        monkeypatch.setenv("DAILY_API_URL", url)
        checks = json.loads(earshot("doctor", "--json").stdout)["checks"]
    (found,) = [one for one in checks if one["what"] == "daily"]
    assert found["level"] == "FAIL"
