"""The commands against a stand-in for the gateway."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from earshot.cli import options, playing, running
from earshot.cli.app import app
from earshot.embedded import StartError
from tests.support import fake_gateway
from tests.support.fake_gateway import problem

CITED = {"segment_id": "seg_1", "seq": 4, "start": 75.2, "end": 80.0, "speaker": "Maya"}
ANSWER = {
    "query_id": "q1",
    "task": "query",
    "answer": "On Friday.",
    "citations": [CITED],
    "as_of_seq": 9,
    "coverage": {"segments": 1},
    "cached": False,
    "model": "extractive",
    "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": None},
}


HEADER = b'{"earshot":1,"session":{"session_id":"old"}}\n'
LINES = [
    b'{"seq":%d,"type":"SegmentHeard","session_id":"old","time":"2026-01-05T09:00:02Z",'
    b'"segment_id":"a%d","start":0.0,"end":1.0,"text":"hello"}\n' % (number, number)
    for number in range(1, 2000)
]


@pytest.fixture
def gateway():
    with fake_gateway.served() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(playing, "POLL_SECONDS", 0.01)
    for name in [*os.environ]:
        if name.startswith(("EARSHOT_", "OPENAI_", "DAILY_")):
            monkeypatch.delenv(name)


@pytest.fixture
def earshot(gateway, monkeypatch):
    monkeypatch.setenv("EARSHOT_URL", gateway.url)
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def meeting(tmp_path):
    path = tmp_path / "standup.v2.jsonl"
    path.write_bytes(b"".join([HEADER, *LINES]))
    return path


def nobody():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_an_answer_is_printed_with_its_sources_below(earshot, gateway):
    gateway.events = [
        ("delta", {"offset": 0, "text": "On "}),
        ("delta", {"offset": 3, "text": "Friday."}),
        ("answer", ANSWER),
    ]
    result = earshot("ask", "s1", "When?")
    assert result.exit_code == 0
    assert result.stdout == "On Friday.\n\n[01:15] Maya\n\n(extractive, as of event 9)\n"
    asked = json.loads(gateway.bodies("POST", "/v1/sessions/s1/query")[0])
    assert asked == {"task": "query", "query": "When?"}


def test_an_answer_for_programs_is_one_json_object(earshot, gateway):
    gateway.events = [("delta", {"offset": 0, "text": "x"}), ("answer", ANSWER)]
    assert json.loads(earshot("ask", "s1", "When?", "--json").stdout) == ANSWER


def test_an_answer_that_fails_on_its_way_says_why(earshot, gateway):
    gateway.events = [
        ("delta", {"offset": 0, "text": "On "}),
        ("error", {"title": "The model took too long", "status": 504, "detail": "timeout"}),
    ]
    result = earshot("ask", "s1", "When?")
    assert result.exit_code == 1
    assert "The model took too long: timeout" in result.stderr


def test_a_stream_that_breaks_off_is_not_an_answer(earshot, gateway):
    gateway.events = [("delta", {"offset": 0, "text": "On "})]
    result = earshot("ask", "s1", "When?")
    assert result.exit_code == 1
    assert "before the answer was complete" in result.stderr


def test_what_was_said_cannot_command_the_terminal(earshot, gateway):
    gateway.events = [("answer", ANSWER | {"answer": "\x1b[2J[red]x[/red]\x9b1m"})]
    assert earshot("ask", "s1", "When?").stdout.startswith("[red]x[/red]\n")
    gateway.reply(
        "GET", "/v1/sessions/s1/transcript.txt", b"Maya: \x1b]0;t\x07hi\n", kind="text/plain"
    )
    assert earshot("transcript", "s1").stdout == "Maya: hi\n"


def test_latest_is_the_newest_live_session_else_the_newest(earshot, gateway):
    gateway.reply("GET", "/v1/sessions/s2/summary", ANSWER)
    gateway.reply("GET", "/v1/sessions/s3/summary", ANSWER | {"answer": "Of the third."})
    gateway.add("s1", "live")
    gateway.add("s2", "live")
    gateway.add("s3")
    assert "On Friday." in earshot("summary", "latest").stdout
    gateway.sessions["s1"]["status"] = gateway.sessions["s2"]["status"] = "ended"
    assert "Of the third." in earshot("summary", "latest").stdout
    gateway.sessions.clear()
    nothing = earshot("summary", "latest")
    assert (nothing.exit_code, "no session yet" in nothing.stderr) == (1, True)


def test_sessions_are_listed_over_all_pages(earshot, gateway):
    for number in range(5):
        gateway.add(
            f"s{number}",
            metadata={"title": f"\x1b[1mMeeting {number}"},
            counts={"segments": number},
        )
    lines = earshot("sessions").stdout.splitlines()
    assert len(lines) == 6
    assert "Meeting 4" in lines[1]
    assert len(json.loads(earshot("sessions", "--json").stdout)["items"]) == 5


def test_a_recording_is_written_byte_for_byte(earshot, gateway):
    body = b'{"earshot":1}\n{"seq":1,"text":"\xc2\x9b \x1b"}\n' * 10_000
    gateway.reply("GET", "/v1/sessions/s1/events", body, kind="application/jsonl")
    assert earshot("record", "s1").stdout_bytes == body


def test_a_transcript_can_be_json(earshot, gateway):
    body = {"session_id": "s1", "segments": []}
    gateway.reply("GET", "/v1/sessions/s1/transcript.json", body)
    assert json.loads(earshot("transcript", "s1", "--format", "json").stdout) == body
    assert json.loads(earshot("transcript", "s1", "--json").stdout) == body


def test_replay_sends_the_file_and_follows_until_the_end(earshot, gateway, meeting):
    result = earshot("replay", meeting, "--speed", "max", "--session", "mine")
    assert (result.exit_code, result.stdout) == (0, "mine\n")
    assert gateway.bodies("PUT", "/v1/sessions/mine/recording") == [meeting.read_bytes()]
    query = next(query for method, _, query, _ in gateway.requests if method == "PUT")
    assert query == {"mode": "replay", "speed": "max"}
    assert gateway.sessions["mine"]["status"] == "ended"
    assert gateway.sessions["mine"]["metadata"] == {"title": "standup"}


def test_import_prints_an_id_a_file_and_goes_on_after_a_refusal(earshot, gateway, meeting):
    refusal = problem(422, "The recording cannot be read", "line 3", "no text")
    gateway.replies["PUT", "/v1/sessions/s2/recording"] = refusal
    result = earshot("import", meeting, meeting, meeting)
    assert (result.exit_code, result.stdout) == (1, "s1\ns3\n")
    assert "standup.v2.jsonl: The recording cannot be read: line 3: no text" in result.stderr
    assert gateway.bodies("POST", "/v1/sessions/s2/end") == [b""]


def test_a_recording_that_fails_while_playing_fails_the_command(earshot, gateway, meeting):
    failed = {"session_id": "s1", "status": "failed", "reason": "recording_unreadable"}
    gateway.reply("GET", "/v1/sessions/s1", failed)
    result = earshot("replay", meeting)
    assert (result.exit_code, "recording_unreadable" in result.stderr) == (1, True)


def test_ctrl_c_leaves_a_replay_playing_and_says_so(gateway, meeting):
    gateway.polls_until_ended = 1_000_000
    command = [sys.executable, "-m", "earshot", "replay", str(meeting), "--url", gateway.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"s1\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert said == b"It plays on, as session s1.\n"
    assert gateway.bodies("POST", "/v1/sessions/s1/end") == []


def test_a_reader_who_stops_reading_is_no_error_to_speak_of(gateway):
    gateway.reply("GET", "/v1/sessions/s1/events", b"x" * (4 << 20), kind="application/jsonl")
    command = [sys.executable, "-m", "earshot", "record", "s1", "--url", gateway.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read()
        process.wait(10)
    assert said == b""


@pytest.mark.parametrize(
    "arguments", [("ask", "s1", "When?"), ("summary", "latest"), ("sessions",), ("record", "s1")]
)
def test_without_a_system_it_says_what_to_start(arguments):
    result = CliRunner().invoke(app, [*arguments, "--url", nobody()])
    assert result.exit_code == 1
    assert "is `earshot up` running?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("transcript", "nobody"), ("record", "nobody"), ("ask", "nobody", "When?")]
)
def test_a_refusal_is_told_and_nothing_printed(earshot, arguments):
    result = earshot(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "No such session: session_id: is not known\n"


def test_something_else_on_the_port_is_noticed(earshot, gateway):
    gateway.reply("GET", "/v1/sessions", b"<html>", kind="text/html")
    assert "cannot be read" in earshot("sessions").stderr
    gateway.reply("GET", "/v1/sessions", b"<html>", status=502, kind="text/html")
    assert "answered HTTP 502" in earshot("sessions").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "s1"),
        ("ask", "s1", "q", "--url", "localhost:8080"),
        ("ask", "s1", "q", "--url", "http://host:port"),
        ("ask", "s1", "q", "--key", "schlüssel"),
        ("replay", "no-such-file"),
        ("replay", __file__, "--speed", "0"),
        ("replay", __file__, "--speed", "nan"),
        ("serve", "everything"),
        ("up", "--port", "70000"),
        ("transcript", "s1", "--format", "odt"),
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_key_goes_with_every_request(earshot, gateway, monkeypatch):
    monkeypatch.setenv("EARSHOT_API_KEY", "sesame")
    earshot("sessions")
    earshot("sessions", "--key", "other")
    assert gateway.keys == ["Bearer sesame", "Bearer other"]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("up", "--host", "0.0.0.0"), "set EARSHOT_API_KEYS"),
        (("up", "--host", "192.0.2.1"), "set EARSHOT_API_KEYS"),
        (("up", "--data-dir", "/proc/nowhere"), "Cannot start"),
        (("provision",), "EARSHOT_NATS_URL"),
        (("serve", "ingest"), "EARSHOT_NATS_URL"),
    ],
)
def test_what_cannot_start_says_why(arguments, cause):
    command = [sys.executable, "-m", "earshot", *arguments]
    result = subprocess.run(command, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (1, b"")
    assert cause in result.stderr.decode()


def test_up_names_the_port_that_is_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        result = CliRunner().invoke(app, ["up", "--port", str(port), "--data-dir", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Port {port} is in use: stop what uses it or give --port\n"


async def test_provision_makes_the_streams_again_and_again(server):
    environment = os.environ | {"EARSHOT_NATS_URL": server.url}
    command = [sys.executable, "-m", "earshot", "provision"]
    for _ in range(2):
        result = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, check=False
        )
        assert (result.returncode, result.stdout) == (0, b"The streams are in place.\n")


@pytest.mark.parametrize(
    ("setting", "plays"),
    [
        (None, True),
        ("OPENAI_API_KEY", False),
        ("DAILY_API_KEY", False),
        ("EARSHOT_NATS_URL", False),
    ],
)
def test_the_sample_plays_by_default_where_nothing_else_is_set(monkeypatch, setting, plays):
    if setting:
        monkeypatch.setenv(setting, "nats://set")
    loaded = options.loaded()
    free = loaded.model_copy(update={"port": 0})
    assert (running._plan(free, demo=None, verbose=False).demo is not None) == plays
    assert running._plan(free, demo=True, verbose=False).demo is not None
    assert running._plan(free, demo=False, verbose=False).demo is None


def test_doctor_masks_secrets_and_fails_without_a_system(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", nobody())
    monkeypatch.setenv("EARSHOT_NATS_URL", nobody().replace("http", "nats"))
    result = CliRunner().invoke(app, ["doctor", "--json", "--url", nobody()])
    assert result.exit_code == 1
    assert "canary" not in result.output
    levels = {one["what"]: one["level"] for one in json.loads(result.stdout)["checks"]}
    assert levels["python"] == levels["data directory"] == "ok"
    assert levels["nats"] == levels["address"] == levels["openai"] == "FAIL"


async def test_doctor_finds_the_streams_and_misses_the_services(server, gateway, monkeypatch):
    monkeypatch.setenv("EARSHOT_NATS_URL", server.url)
    monkeypatch.setenv("EARSHOT_DATA_DIR", str(server.data_dir))
    command = [sys.executable, "-m", "earshot", "doctor", "--json", "--url", gateway.url]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    levels = {one["what"]: one["level"] for one in json.loads(result.stdout)["checks"]}
    assert levels["nats"] == levels["streams"] == levels["address"] == levels["openai"] == "ok"
    assert levels["ingest"] == levels["gateway"] == "FAIL"
    assert result.returncode == 1


def test_a_file_that_cannot_be_read_leaves_no_session(earshot, gateway, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(HEADER + b"no event\n")
    result = earshot("import", bad)
    assert (result.exit_code, gateway.sessions) == (1, {})
    assert "cannot be read: line 2" in result.stderr


def test_a_recording_keeps_its_own_title(earshot, gateway, tmp_path):
    own = tmp_path / "own.jsonl"
    titled = HEADER.replace(b'"old"}', b'"old","metadata":{"title":"Stand-up"}}')
    own.write_bytes(titled + LINES[0])
    assert earshot("import", own).exit_code == 0
    assert gateway.sessions["s1"]["metadata"] == {"title": "Stand-up"}


@pytest.mark.parametrize("command", ["transcript", "record"])
def test_what_is_no_transcript_is_not_printed(earshot, gateway, command):
    for path in ("transcript.txt", "events"):
        gateway.reply("GET", f"/v1/sessions/s1/{path}", b"<html>", kind="text/html")
    result = earshot(command, "s1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not as Earshot does" in result.stderr


def test_json_is_printed_as_it_came_but_for_what_a_terminal_obeys(earshot, gateway):
    body = '{"b":1.0,"a":"\\u001b[1m\x9b\u202ex [0m"}'
    gateway.reply("GET", "/v1/sessions/s1/transcript.json", body.encode())
    shown = earshot("transcript", "s1", "--json").stdout
    assert shown == '{"b":1.0,"a":"\\u001b[1m\\u009b\\u202ex [0m"}\n'


def test_passwords_in_addresses_are_not_shown():
    address = nobody().replace("://", "://me:canary@")
    for command in ("sessions", "doctor"):
        assert "canary" not in CliRunner().invoke(app, [command, "--url", address]).output


def test_the_version_is_told(earshot):
    assert earshot("--version").stdout == "earshot 0.1.0\n"


@pytest.mark.parametrize("demo", [True, None, False])
def test_the_sample_needs_a_key_where_keys_are_set(monkeypatch, demo):
    monkeypatch.setenv("EARSHOT_API_KEYS", "sha256:" + sha256(b"word").hexdigest())
    loaded = options.loaded().model_copy(update={"port": 0})
    if demo:
        with pytest.raises(StartError, match="EARSHOT_API_KEY to a key with manage"):
            running._plan(loaded, demo=demo, verbose=False)
        monkeypatch.setenv("EARSHOT_API_KEY", "word")
    plan = running._plan(loaded, demo=demo, verbose=False)
    assert (plan.demo is not None) == bool(demo)


def test_keys_that_cannot_be_read_are_told_before_anything_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("EARSHOT_API_KEYS", str(tmp_path / "none"))
    result = CliRunner().invoke(app, ["up", "--port", "0", "--data-dir", str(tmp_path / "data")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("EARSHOT_API_KEYS: ")
    assert "FAIL  api keys" in CliRunner().invoke(app, ["doctor", "--url", nobody()]).output
