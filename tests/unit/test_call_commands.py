"""What a command's request may hold, and what is told of its outcome."""

import json
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.calls import SendAppMessage, SendChat
from contracts.events import CommandDone, CommandFailed
from services.gateway import call_commands
from services.gateway.problems import ProblemError
from services.gateway.session_view import SessionView
from tests.support.facts import at

SAY = SendChat(text="hello")


def given_one(command_id="c1", command=SAY):
    return call_commands.requested("s1", command_id, command, at())


def done(command_id="c1", **fields):
    return CommandDone(session_id="s1", time=at(1), command_id=command_id, **fields)


def failed(reason="refused", detail="", command_id="c1"):
    return CommandFailed(
        session_id="s1", time=at(1), command_id=command_id, reason=reason, detail=detail
    )


def refusal(call, *args):
    with pytest.raises(ProblemError) as raised:
        call(*args)
    return raised.value.problem


def test_a_command_that_fits_is_taken_as_it_is():
    assert call_commands.decode(b'{"command":"send_chat","text":"hello"}') == SAY
    message = {"any": [1, None, {"thing": "\u00e9"}]}
    body = json.dumps({"command": "send_app_message", "message": message}).encode()
    assert call_commands.decode(body) == SendAppMessage(message=message)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "command", "must be one of send_chat, "),
        ({"command": "dance"}, "command", "hide_picture"),
        ({"command": 3}, "command", "must be one of"),
        ([], "body", "object"),
        (None, "body", "object"),
        ({"command": "send_chat"}, "text", "is missing"),
        ({"command": "send_chat", "text": ""}, "text", "length"),
        ({"command": "send_chat", "text": 3}, "text", "str"),
        ({"command": "send_chat", "text": "a", "colour": 1}, "colour", "is not a field"),
        ({"command": "send_chat", "text": "a", "x - at `$.y": 1}, "x - at `$.y", "not a field"),
        ({"command": "mute", "participants": []}, "participants", "length"),
        ({"command": "mute", "participants": ["a", ""]}, "participants.1", "length"),
        ({"command": "inspect", "what": "secrets"}, "what", "is none of the values"),
        (
            {"command": "capture_audio", "participant_id": "p", "sample_rate": 1},
            "sample_rate",
            "is none of the values",
        ),
        (
            {"command": "send_dtmf", "connection_id": "c", "tones": "secrets"},
            "tones",
            "matching",
        ),
        ({"command": "update_recording", "settings": 3}, "settings", "object"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(body, field, says):
    problem = refusal(call_commands.decode, json.dumps(body).encode())
    (error,) = problem.errors
    assert (problem.status, error.field) == (422, field)
    assert says in error.cause
    assert "secrets" not in problem.detail


@pytest.mark.parametrize(
    "body", [b"", b"{", b'"\xff"', b"\xff", b'{"command":"send_chat","text":"\\ud800"}']
)
def test_what_is_no_json_is_told_apart(body):
    assert refusal(call_commands.decode, body).status in {400, 422}


def test_json_deeper_than_anybody_needs_is_refused():
    def nested(levels):
        return b'{"command":"send_app_message","message":%s}' % (b"[" * levels + b"]" * levels)

    call_commands.decode(nested(call_commands.MAX_DEPTH))
    problem = refusal(call_commands.decode, nested(call_commands.MAX_DEPTH + 1))
    assert (problem.status, problem.errors[0].field) == (422, "message")
    assert refusal(call_commands.decode, nested(90_000)).status == 400


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_do_more_than_be_refused(body):
    assert refusal(call_commands.decode, body).status in {400, 422}


@pytest.mark.parametrize(
    ("source", "status", "says"),
    [
        ("recording", "live", "recording"),
        ("stream", "live", "stream"),
        ("daily", "requested", "requested"),
        ("daily", "waiting", "waiting"),
        ("daily", "ending", "ending"),
        ("daily", "ended", "ended"),
    ],
)
def test_only_a_live_daily_session_takes_commands(source, status, says):
    problem = refusal(
        call_commands.check_taken, SessionView(session_id="s1", source=source, status=status)
    )
    assert (problem.status, problem.errors[0].field) == (409, "session_id")
    assert says in problem.detail
    call_commands.check_taken(SessionView(session_id="s1", source="daily", status="live"))


def test_a_thread_is_one_commands_and_its_first_conclusion_counts():
    other = done("c2")
    events = [(1, done()), (3, given_one()), (4, other), (5, done(result=1)), (6, failed())]
    thread = call_commands.thread(events, "c1")
    assert (thread.seq, thread.conclusion) == (3, done(result=1))
    assert call_commands.thread(events, "c2") is None
    assert call_commands.thread(events[:2], "c1").conclusion is None


@pytest.mark.parametrize(
    ("reason", "status", "slug"),
    [
        ("refused", 409, "command-refused"),
        ("invalid", 422, "unfit-value"),
        ("timeout", 504, "command-timeout"),
        ("not_in_call", 409, "not-in-call"),
    ],
)
def test_a_failure_says_why_in_one_harmless_line(reason, status, slug):
    problem = call_commands.failure(failed(reason, "no\nway\u202e")).problem
    assert (problem.status, problem.type) == (status, f"urn:earshot:problem:{slug}")
    assert (problem.command_id, problem.reason) == ("c1", reason)
    assert problem.detail.endswith("no way")
    assert call_commands.failure(failed(reason)).problem.detail
    long = call_commands.failure(failed(reason, "x" * 9000)).problem
    assert len(long.detail) < 600


def test_a_command_is_given_up_only_long_after_its_deadline():
    waiting = call_commands.thread([(3, given_one())], "c1")
    late = waiting.requested.deadline + call_commands.LATE
    call_commands.check_not_lost(waiting, late)
    problem = refusal(call_commands.check_not_lost, waiting, late + timedelta(seconds=1))
    assert (problem.status, problem.reason, problem.command_id) == (504, "timeout", "c1")
    concluded = msgspec.structs.replace(waiting, conclusion=done())
    call_commands.check_not_lost(concluded, late + timedelta(days=1))


def test_an_id_repeats_with_its_caller_and_key_alone():
    ids = {
        call_commands.repeatable_id(*names)
        for names in [("s1", "a", "k"), ("s2", "a", "k"), ("s1", "b", "k"), ("s1", "a", "l")]
    }
    assert len(ids) == 4
    assert call_commands.repeatable_id("s1", "a", "k") in ids
