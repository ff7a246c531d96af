"""What is said no to, what people ask from inside the room, and an assistant sent by hand."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.gateway.bridge import rights
from tests.support.daily_visit import house
from tests.support.fakedaily.fake_daily import ControlError

pytestmark = pytest.mark.slow

STRANGER = "6c7d9a52-6c52-4c67-8f2a-0f6f3f1b7a01"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with house(tmp_path_factory.mktemp("talk")) as running:
        yield running


@pytest.fixture(scope="module")
def visit(home):
    """One session with one bot; something was said."""
    begun = home.visit("talk")
    said(begun, "Ann", "We ship the new release on Friday.")
    said(begun, "Bob", "The budget for spring is 4000 euros.")
    return begun


def said(visit, who, text):
    visit.controller.speak(who, text, room=visit.url)
    visit.event("SegmentHeard", text=text)


def asked(visit, who, **request):
    """What the bot sends first after the message of a participant."""
    since = visit.controller.mark()
    visit.controller.app_message(who, {"kind": "assist"} | request, room=visit.url)
    return visit.reported("app_message_sent", since, {})


@pytest.mark.parametrize(
    ("command", "method"),
    [
        ({"command": "start_recording"}, "start_recording"),
        ({"command": "start_dialout", "settings": {"phoneNumber": "+1"}}, "start_dialout"),
        ({"command": "send_chat", "text": "hello"}, "send_prebuilt_chat_message"),
        ({"command": "set_proxy", "url": "https://p.example"}, "set_proxy_url"),
        ({"command": "show_picture", "file_id": "fil_none"}, None),
        ({"command": "stop_audio"}, None),
    ],
    ids=lambda one: one["command"] if isinstance(one, dict) else str(one),
)
def test_a_refusal_is_told_in_daily_s_words_and_once(visit, command, method):
    words, after = "Some(Cause(NotAllowed))", visit.last_seq()
    if method is not None:
        visit.controller.behave(method, error=words, times=1)
    refused = visit.order(command)
    problem = refused.json()
    assert (refused.status_code, problem["reason"]) == (409, "refused")
    assert (words in problem["detail"]) == (method is not None)
    again = visit.http.get(f"{visit.path}/commands/{problem['command_id']}")
    assert (again.status_code, again.json()) == (409, problem)
    visit.event("CommandFailed", after, command_id=problem["command_id"], reason="refused")
    assert visit.controller.barrier()  # Daily's echo of the refusal has come, and
    visit.order({"command": "inspect", "what": "inputs"})  # what follows it is in the log
    assert not [one for one in visit.events() if one["type"] == "CallErrorReported"]


def test_what_daily_never_answers_is_a_timeout_and_not_known(visit):
    visit.controller.behave("set_ice_config", no_completion=True, times=1)
    commands = [
        {"command": "set_ice_servers", "settings": {"iceServers": []}},
        {"command": "take_picture", "participant_id": "$Ann"},
    ]
    with ThreadPoolExecutor(2) as beside:
        for answer in beside.map(visit.order, commands):
            problem = answer.json()
            assert (answer.status_code, problem["reason"]) == (504, "timeout")
            failed = {"command_id": problem["command_id"], "reason": "timeout"}
            visit.event("CommandFailed", **failed)
            later = visit.http.get(f"{visit.path}/commands/{problem['command_id']}")
            assert (later.status_code, later.json()["reason"]) == (504, "timeout")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ({"command": "send_app_message", "message": 1, "to": "*"}, "to"),
        ({"command": "send_app_message", "message": "x" * 4096}, "4096 at most"),
        ({"command": "send_chat", "text": "x" * 4000}, "text"),
        ({"command": "start_recording", "stream_id": "mine"}, "stream_id"),
        ({"command": "start_live_stream"}, "exactly one"),
        ({"command": "start_dialout", "settings": {}}, "exactly one"),
        ({"command": "stop_dialout", "connection_id": "c1"}, "connection_id"),
        ({"command": "update_transcription", "participants": ["Ann"]}, "participants"),
        ({"command": "update_subscriptions", "participants": {"local": {}}}, "participants"),
        ({"command": "mute", "participants": ["*"]}, "participants"),
        ({"command": "eject", "participants": [STRANGER, "Bob"]}, "participants"),
        ({"command": "capture_audio", "participant_id": "Bob"}, "participant_id"),
        ({"command": "take_picture", "participant_id": "local"}, "participant_id"),
    ],
    ids=lambda one: one["command"] if isinstance(one, dict) else one,
)
def test_what_cannot_be_asked_is_never_asked(visit, command, names):
    since = visit.controller.mark()
    unfit = visit.order(command)
    assert (unfit.status_code, unfit.json()["reason"]) == (422, "invalid")
    assert names in unfit.json()["detail"]
    assert visit.controller.barrier()
    with visit.controller.cond:
        told = {one["report"] for one in visit.controller.reports[since:]}
    assert told == {"ack"}


def test_a_repeated_command_is_done_once(visit):
    since, chat = visit.controller.mark(), {"command": "send_chat", "text": "only once"}
    first, second = (visit.order(chat, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    assert visit.controller.barrier()
    assert len(visit.controller.find("chat_sent", since)) == 1


def test_a_summary_goes_to_who_asked(visit):
    bea = visit.person("Bea")
    reply = asked(visit, "Bea", task="summary")
    assert (reply["to"], reply["data"].keys()) == (bea, {"kind", "data"})
    assert reply["data"]["kind"] == "ai-summary"
    assert "Friday" in reply["data"]["data"]


def test_an_owner_s_question_is_answered_and_a_guest_s_is_refused(visit):
    cara, question = visit.person("Cara", owner=True), "When do we ship the release?"
    answer = asked(visit, "Cara", task="query", query=question)
    assert (answer["to"], answer["data"]["kind"]) == (cara, "ai-query")
    assert "Friday" in answer["data"]["data"]
    dan, after = visit.person("Dan"), visit.last_seq()
    refusal = asked(visit, "Dan", task="query", query=question, broadcast=True)
    assert refusal["to"] == dan
    assert refusal["data"] == {"kind": "ai-query", "error": rights.REFUSED}
    assert not [one for one in visit.events() if one["seq"] > after and one["type"] == "QueryAsked"]


def test_an_answer_may_be_broadcast_and_shown_to_who_comes_late(visit):
    visit.person("Eve", owner=True)
    budget = "What is the budget for spring?"
    answer = asked(visit, "Eve", task="query", query=budget, broadcast=True)
    assert answer["to"] is None
    assert "4000 euros" in answer["data"]["data"]
    late = visit.person("Finn")
    shown = asked(visit, "Finn", task="latest")
    assert (shown["to"], shown["data"]) == (late, answer["data"])


def test_an_unknown_task_is_answered_with_an_error(visit):
    gil = visit.person("Gil")
    reply = asked(visit, "Gil", task="dance")
    assert (reply["to"], reply["data"].keys()) == (gil, {"kind", "error"})
    assert reply["data"]["kind"] == "ai-dance"


def test_a_long_transcript_comes_in_parts_that_make_the_whole(home):
    visit = home.visit("long")
    hana = visit.person("Hana")
    quoted = 'über "quotes" ' * 12
    for number in range(60):
        visit.controller.speak("Bob", f"item {number}: {quoted}", room=visit.url)
    said(visit, "Ann", "that was the last item")
    since = visit.controller.mark()
    visit.controller.app_message("Hana", {"kind": "assist", "task": "transcript"}, room=visit.url)
    first = visit.reported("app_message_sent", since, {"data": {"part": 1}})
    count, name = first["data"]["parts"], first["data"]["id"]
    assert count > 3
    last = {"data": {"kind": "ai-transcript", "parts": count, "part": count, "id": name}}
    visit.reported("app_message_sent", since, last)
    sent = visit.controller.app_messages(since)
    assert sorted(one["data"]["part"] for one in sent) == [*range(1, count + 1)]
    assert all(one["to"] == hana and one["bytes"] <= 4096 for one in sent)
    whole = "".join(
        one["data"]["data"] for one in sorted(sent, key=lambda one: one["data"]["part"])
    )
    heard = visit.http.get(f"{visit.path}/transcript.json").json()["segments"]
    assert whole.splitlines() == [f"{one['speaker']}: {one['text']}" for one in heard]


def joined(home, room):
    """`earshot join` of a room, as a person types it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EARSHOT_", "DAILY_"))}
    command = [sys.executable, "-m", "earshot", "join", room, "--token", "owner"]
    command += ["--url", home.product.url]
    return subprocess.run(
        command, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_assistant_sent_by_hand_is_reported_live(home):
    room = "https://example.daily.co/by-hand"
    done = joined(home, room)
    assert done.returncode == 0, done.stderr
    session_id = done.stdout.splitlines()[0]
    assert done.stderr.splitlines()[-1] == "In the room, and listening."
    view = home.http.get(f"/v1/sessions/{session_id}").json()
    assert (view["status"], view["room_url"]) == ("live", room)
    assert home.controller.find("joined", room=room)


def test_a_room_out_of_reach_is_told_in_a_plain_sentence(home):
    room = "https://example.daily.co/nowhere"
    home.controller.behave("join", code="unreachable", delay=0.5, room=room)
    done = joined(home, room)
    assert (done.returncode, done.stdout) == (1, "")
    sentence = "The room cannot be reached: Daily does not answer from here."
    assert done.stderr.splitlines()[-1] == sentence
    with pytest.raises(ControlError):
        home.controller.wait("joined", 0.1, room=room)
