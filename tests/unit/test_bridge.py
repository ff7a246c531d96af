"""App messages to questions and back: what is understood, allowed, paced, kept and sent."""

from datetime import timedelta
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import app_messages, ids
from contracts.calls import CALL_COMMANDS
from contracts.events import (
    AppMessageReceived,
    CallEvent,
    CommandRequested,
    Coverage,
    MeetingEvent,
    ParticipantJoined,
    ParticipantUpdated,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SegmentCorrected,
    SegmentRedacted,
    SessionEnding,
    SpeakerRenamed,
    Usage,
)
from earshot.cli import joining
from services.gateway import questions, transcript
from services.gateway.bridge import deciding, desk, pacing, protocol, replying, rights, speaking
from services.gateway.bridge.deciding import TranscriptWanted
from services.gateway.bridge.pacing import Pace
from services.gateway.bridge.protocol import Asked, Mistaken
from tests.support.facts import at, heard

FOR = timedelta(seconds=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "task", "query", "broadcast", "x"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)
KEYED = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.just("assist") | JSON,
        "task": st.sampled_from(["summary", "query", "transcript", "latest"]) | JSON,
        "query": st.text(max_size=9) | JSON,
        "broadcast": st.booleans() | JSON,
    },
)


def message(number, seconds=0.0, sender="p1", task="summary", **fields):
    """What a participant's app sent; `said` stands for the whole message."""
    said = fields.pop("said", {"kind": "assist", "task": task, **fields})
    return AppMessageReceived(
        session_id="s1",
        time=at(seconds),
        bot_id="b1",
        number=number,
        sender_id=sender,
        message=said,
    )


def answer(query_id, seconds=0.0, text="Yes.", task="query"):
    return QueryAnswered(
        session_id="s1",
        time=at(seconds),
        query_id=query_id,
        task=task,
        answer=text,
        citations=(),
        as_of_seq=1,
        coverage=Coverage(segments=0, verbatim=0, summarised=0, not_covered=0),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )


def fail(query_id, seconds=0.0, reason="unavailable", task="query"):
    return QueryFailed(
        session_id="s1", time=at(seconds), query_id=query_id, task=task, reason=reason
    )


def joined(participant, *, owner):
    return ParticipantJoined(
        session_id="s1", time=at(), participant_id=participant, name="N", owner=owner
    )


def folded(*events):
    """The desk after events 1, 2, ..."""
    return desk.fold(desk.initial("s1", FOR), enumerate(events, 1))


def steps(*events, ask="owners", seconds=None):
    """What follows from the last of `events`."""
    last = events[-1]
    now = last.time if seconds is None else at(seconds)
    if isinstance(last, AppMessageReceived):
        return deciding.on_message(folded(*events), last, ask, now)
    return deciding.on_conclusion(folded(*events), last, now)


def sent(found):
    """Recipients and messages of the commands."""
    assert all(isinstance(one, CommandRequested) for one in found)
    return [(one.command.to, one.command.message) for one in found]


OWNER = joined("p1", owner=True)


# What is understood


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ({"kind": "assist", "task": "summary"}, Asked("summary")),
        ({"kind": "assist", "task": "summary", "query": 7}, Asked("summary")),
        (
            {"kind": "assist", "task": "transcript", "broadcast": True},
            Asked("transcript", "", True),
        ),
        ({"kind": "assist", "task": "latest", "broadcast": None}, Asked("latest")),
        ({"kind": "assist", "task": "query", "query": " Who? "}, Asked("query", "Who?")),
        ({"kind": "assist", "task": "query", "query": "é" * 2000}, Asked("query", "é" * 2000)),
        ({"kind": "chat", "task": "summary"}, None),
        ({"task": "summary"}, None),
        ({}, None),
        ("assist", None),
        (["assist"], None),
        (None, None),
    ],
)
def test_what_is_asked_is_understood_and_what_is_not_for_us_is_left(said, understood):
    assert protocol.parse(said) == understood


@pytest.mark.parametrize(
    ("fields", "kind", "field"),
    [
        ({"task": "sing"}, "ai-sing", "task"),
        ({"task": "clean-up2"}, "ai-clean-up2", "task"),
        ({"task": "no such\ntask"}, "ai-error", "task"),
        ({"task": "x" * 33}, "ai-error", "task"),
        ({"task": ""}, "ai-error", "task"),
        ({"task": 7}, "ai-error", "task"),
        ({"task": ["summary"]}, "ai-error", "task"),
        ({}, "ai-error", "task"),
        ({"task": "query"}, "ai-query", "query"),
        ({"task": "query", "query": " \n"}, "ai-query", "query"),
        ({"task": "query", "query": ["who"]}, "ai-query", "query"),
        ({"task": "query", "query": "x" * 2001}, "ai-query", "query"),
        ({"task": "summary", "broadcast": "yes"}, "ai-summary", "broadcast"),
        ({"task": "summary", "broadcast": 1}, "ai-summary", "broadcast"),
    ],
)
def test_a_mistake_names_the_field_in_a_reply_of_its_own_kind(fields, kind, field):
    found = protocol.parse({"kind": "assist"} | fields)
    assert isinstance(found, Mistaken)
    assert (found.kind, found.error.partition(":")[0]) == (kind, field)


@given(JSON | KEYED)
def test_any_json_is_understood_mistaken_or_not_for_us(said):
    found = protocol.parse(said)
    assert (found is None) == (not isinstance(said, dict) or said.get("kind") != "assist")
    for one in steps(OWNER, message(1, said=said), ask="everybody"):
        msgspec.json.encode(one) if not isinstance(one, TranscriptWanted) else None


@pytest.mark.parametrize("sender", [None, "", "x" * 201])
def test_who_cannot_be_answered_is_not_heard(sender):
    assert steps(OWNER, message(1, sender=sender, task="latest")) == []


def test_every_failure_has_a_sentence():
    reasons = QueryFailed.__annotations__["reason"].__args__
    for reason in reasons:
        assert len(protocol.failure(fail("q", reason=reason))) > 10


# What is allowed


@pytest.mark.parametrize(
    ("task", "owner", "ask", "allowed"),
    [
        ("query", True, "owners", True),
        ("query", False, "owners", False),
        ("query", False, "everybody", True),
        ("summary", False, "owners", True),
        ("transcript", False, "owners", True),
        ("latest", False, "owners", True),
    ],
)
def test_only_questions_are_for_owners_alone(task, owner, ask, allowed):
    assert rights.may(task, owner=owner, ask=ask) is allowed


def owner_now(owner):
    return ParticipantUpdated(
        session_id="s1", time=at(), bot_id="b1", number=90, participant_id="p1", owner=owner
    )


@pytest.mark.parametrize(
    ("roster", "allowed"),
    [
        ([], False),
        ([joined("p1", owner=False)], False),
        ([joined("p2", owner=True)], False),
        ([joined("p1", owner=True)], True),
        ([joined("p1", owner=False), owner_now(True)], True),
        ([joined("p1", owner=True), owner_now(False)], False),
    ],
)
def test_who_owns_the_room_is_what_the_log_last_said(roster, allowed):
    (step,) = steps(*roster, message(1, task="query", query="Who?"))
    if allowed:
        assert isinstance(step, QueryAsked)
    else:
        assert sent([step]) == [("p1", {"kind": "ai-query", "error": rights.REFUSED})]


# What is sent


def test_a_question_goes_into_the_log_under_an_id_of_its_message():
    (step,) = steps(OWNER, message(1, 5, task="query", query="Who?", broadcast=True), seconds=7)
    assert step == QueryAsked(
        session_id="s1",
        time=at(7),
        query_id="q_" + ids.digest("s1", "b1", 1),
        task="query",
        query="Who?",
        deadline=at(62),
        asked_by="p1",
        broadcast=True,
    )


def question(query_id="q_1", seconds=0.0, sender="p1", **fields):
    defaults = {"task": "query", "deadline": at(seconds + 55), "asked_by": sender}
    return QueryAsked(session_id="s1", time=at(seconds), query_id=query_id, **defaults | fields)


def test_an_answer_goes_to_who_asked_or_to_everybody():
    assert sent(steps(question(), answer("q_1"))) == [("p1", {"kind": "ai-query", "data": "Yes."})]
    to_all = question(broadcast=True)
    assert sent(steps(to_all, answer("q_1")))[0][0] is None
    assert sent(steps(to_all, fail("q_1", reason="expired"))) == [
        ("p1", {"kind": "ai-query", "error": "the answer took too long"})
    ]


def test_nobody_is_sent_an_answer_they_did_not_ask_for_here():
    assert steps(answer("q_1")) == []
    assert steps(question(asked_by=None), answer("q_1")) == []
    assert steps(question(), answer("q_1"), answer("q_1", 1)) == []
    assert steps(question(copied_from="other"), answer("q_1")) == []


def test_an_answer_that_comes_when_the_asker_waits_no_longer_is_not_sent():
    assert sent(steps(question(), answer("q_1", 60)))
    assert steps(question(), answer("q_1", 61)) == []


def test_a_session_that_is_over_answers_nothing():
    ending = SessionEnding(session_id="s1", time=at())
    assert steps(OWNER, ending, message(1, task="latest")) == []
    assert steps(question(), ending, answer("q_1")) == []


def test_a_mistake_is_answered_to_its_sender_alone():
    found = sent(steps(message(1, task="sing", broadcast=True)))
    assert [(to, said["kind"]) for to, said in found] == [("p1", "ai-sing")]


def test_what_was_copied_from_elsewhere_has_no_effect_on_the_desk():
    copied = msgspec.structs.replace(message(1), copied_from="other")
    assert folded(copied) == msgspec.structs.replace(folded(), seq=1)


# Summaries: one for all who ask within a while


def made(query_id, seconds=0.0):
    return question(query_id, seconds, task="summary", asked_by=None)


def test_the_first_who_asks_for_a_summary_has_it_made():
    (step,) = steps(message(1, 5, broadcast=True))
    assert (step.query_id, step.task) == (questions.summary_id("s1", None), "summary")
    assert (step.asked_by, step.broadcast, step.query) == ("p1", True, "")


def test_a_fresh_summary_is_given_again():
    log = made("sum_1"), answer("sum_1", 1, "All.", "summary")
    again = sent(steps(*log, message(1, 20)))
    assert again == [("p1", {"kind": "ai-summary", "data": "All."})]
    (step,) = steps(*log, message(1, 31))
    assert step.query_id == questions.summary_id("s1", questions.Thread(seq=1, asked=log[0]))


def test_a_failed_summary_is_not_tried_again_at_once():
    found = steps(made("sum_1"), fail("sum_1", 1, task="summary"), message(1, 20))
    assert "error" in sent(found)[0][1]


def test_who_asks_while_a_summary_is_made_gets_that_one():
    log = made("sum_1"), message(1, 1), message(2, 2, "p2")
    assert steps(*log) == []
    found = sent(steps(*log, answer("sum_1", 3, "All.", "summary")))
    assert [to for to, _ in found] == ["p1", "p2"]


def test_who_asks_before_the_first_question_is_in_the_log_gets_its_answer_too():
    first, second = message(1, 1), message(2, 1, "p2")
    (one,), (other,) = steps(first), steps(first, second)
    assert one.query_id == other.query_id
    found = steps(first, second, one, answer(one.query_id, 3, "All.", "summary"))
    assert [to for to, _ in sent(found)] == ["p1", "p2"]


def test_a_broadcast_answer_is_sent_once_whoever_else_waits():
    log = made("sum_1"), message(1, 1), message(2, 2, "p2", broadcast=True)
    log = *log, message(3, 2, "p3", broadcast=True)
    found = sent(steps(*log, answer("sum_1", 3, "All.", "summary")))
    assert found == [(None, {"kind": "ai-summary", "data": "All."})]


def test_a_summary_asked_twice_into_the_log_stays_concluded():
    log = made("sum_1"), answer("sum_1", 1, "All.", "summary"), made("sum_1", 2)
    assert sent(steps(*log, message(1, 3)))[0][1]["data"] == "All."


# Late joiners


def test_late_joiners_get_the_newest_broadcast_answers_oldest_first():
    log = []
    for number in range(7):
        log += [
            question(f"q_{number}", broadcast=number != 5),
            answer(f"q_{number}", text=f"a{number}"),
        ]
    found = sent(steps(*log, message(1, 99, "late", task="latest", broadcast=True)))
    assert [said["data"] for _, said in found] == ["a1", "a2", "a3", "a4", "a6"]
    assert {to for to, _ in found} == {"late"}
    assert {said["kind"] for _, said in found} == {"ai-query"}


def test_a_summary_given_again_to_everybody_is_one_of_the_latest():
    log = made("sum_1"), answer("sum_1", 1, "All.", "summary"), message(1, 2, broadcast=True)
    found = sent(steps(*log, message(2, 3, "p2", task="latest")))
    assert found == [("p2", {"kind": "ai-summary", "data": "All."})]


def test_without_a_broadcast_answer_the_late_joiner_is_told_so():
    found = sent(steps(question(), answer("q_1"), message(1, task="latest")))
    assert found == [("p1", {"kind": "ai-latest", "error": replying.NOTHING_SHOWN})]


# Pace


def test_the_sixth_request_is_refused_once_and_then_silently():
    log = [message(number, number, task="latest") for number in range(8)]
    kinds = [[sorted(said) for _, said in sent(steps(*log[: n + 1]))] for n in range(8)]
    assert [len(one) for one in kinds] == [1, 1, 1, 1, 1, 1, 0, 0]
    (told,) = sent(steps(*log[:6]))
    assert told == ("p1", {"kind": "ai-latest", "error": "too many requests: try again in 25 s"})
    assert sent(steps(*log[:5], message(5, 5, "p2", task="latest")))[0][0] == "p2"
    assert "try again" not in sent(steps(*log, message(9, 30, task="latest")))[0][1]["error"]


def test_what_is_not_for_us_costs_nothing():
    chatter = [message(number, 1, said={"kind": "cursor"}) for number in range(50)]
    assert "try again" not in sent(steps(*chatter, message(99, 1, task="latest")))[0][1]["error"]


@given(st.lists(st.integers(0, 40), max_size=60))
def test_no_stretch_of_half_a_minute_has_more_than_five_taken_and_one_told(gaps):
    pace, seconds, verdicts = Pace(), 0.0, []
    for gap in gaps:
        seconds += gap / 2
        pace = pacing.next_pace(pace, at(seconds))
        verdicts.append((seconds, pace.verdict))
        assert len(pace.taken) <= pacing.MOST
        assert pace.verdict == "taken" or 1 <= pace.wait <= 30
    for start, verdict in verdicts:
        stretch = [what for when, what in verdicts if start <= when < start + 30]
        assert stretch.count("taken") <= 5
        assert stretch.count("told") <= 1
        before = [w for when, w in verdicts if start - 30 < when <= start and w == "taken"]
        assert verdict == "taken" or len(before) == 5


@given(st.lists(st.integers(0, 40), max_size=30))
def test_who_waits_as_long_as_told_is_taken(gaps):
    pace, seconds = Pace(), 0.0
    for gap in gaps:
        seconds += gap / 7
        pace = pacing.next_pace(pace, at(seconds))
    if pace.verdict != "taken":
        assert pacing.next_pace(pace, at(seconds + pace.wait)).verdict == "taken"


# Sizes


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.integers(80, 200))
def test_parts_fit_and_put_together_are_the_whole(text, limit):
    found = app_messages.parts("ai-transcript", text, limit, id="x" * 8)
    assert "".join(one["data"] for one in found) == text.replace("\0", "")
    assert all(app_messages.size(one) <= limit for one in found)
    if len(found) > 1:
        assert [(one["part"], one["parts"]) for one in found] == [
            (number, len(found)) for number in range(1, len(found) + 1)
        ]
        assert {one["id"] for one in found} == {"x" * 8}
    else:
        assert set(found[0]) == {"kind", "data"}


def test_what_fits_goes_in_one_message_and_one_byte_more_in_two():
    room = 4096 - app_messages.size({"kind": "ai-query", "data": ""})
    assert len(app_messages.parts("ai-query", "x" * room, id="q")) == 1
    assert len(app_messages.parts("ai-query", "x" * (room + 1), id="q")) == 2


def test_a_limit_that_no_text_fits_under_is_refused():
    with pytest.raises(ValueError, match="limit"):
        app_messages.parts("ai-query", "x" * 100, 60, id="q")


def test_a_long_answer_goes_in_parts_under_ids_of_their_own():
    found = steps(question(), answer("q_1", text="wörd " * 2000))
    assert len(found) > 2
    assert len({one.command_id for one in found}) == len(found)
    assert all(app_messages.size(said) <= 4096 for _, said in sent(found))


def spoken(*segments):
    view = transcript.fold(transcript.initial("s1"), enumerate(segments, 1))
    return speaking.text(view)


def test_a_transcript_is_a_line_a_segment_with_names_as_far_as_known():
    assert spoken() == ""
    found = spoken(
        joined("p9", owner=False),
        heard(0, "Hello\nthere.", speaker="Ada\x1b"),
        heard(1, "Hi.", speaker=None, speaker_id="p9"),
        heard(2, "Me too.", speaker=None, speaker_id="p8"),
    )
    assert found == "Ada: Hello there.\nN: Hi.\nUnknown speaker: Me too."


def test_a_transcript_has_what_was_corrected_and_the_names_of_now():
    of = {"session_id": "s1", "time": at()}
    found = spoken(
        heard(0, "their", speaker_id="p1"),
        heard(1, "secret", speaker_id="p1"),
        SegmentCorrected(**of, segment_id="seg0", revision=1, text="There."),
        SegmentRedacted(**of, segment_id="seg1"),
        SpeakerRenamed(**of, change_id="c", speaker="p1", name="Liza"),
    )
    assert found == "Liza: There."


@given(st.integers(1, 400), st.integers(1, 400))
def test_of_a_long_transcript_the_last_whole_lines_stay_and_a_note_says_so(count, length):
    found = spoken(*(heard(number, "x" * length) for number in range(count)))
    lines = [f"Ada: {'x' * length}"] * count
    if len("\n".join(lines)) <= speaking.MOST:
        assert found.split("\n") == lines
    else:
        note, *kept = found.split("\n")
        assert note == speaking.CUT
        assert kept == lines[: len(kept)]
        assert len("\n".join(kept)) <= speaking.MOST < len("\n".join(lines[: len(kept) + 1]))


def test_one_endless_segment_is_cut_inside():
    found = spoken(heard(0, "x" * 40_000))
    assert len(found) == len(speaking.CUT) + 1 + speaking.MOST


# The page about it

PAGE = (Path(__file__).parents[2] / "docs" / "daily.md").read_text()


@pytest.mark.parametrize("command", CALL_COMMANDS, ids=lambda one: one.__name__)
def test_every_command_has_its_row(command):
    assert f"`{command.__struct_config__.tag}`" in PAGE


@pytest.mark.parametrize(
    "fact", [*get_args(CallEvent), *get_args(MeetingEvent)], ids=lambda one: one.__name__
)
def test_every_event_of_a_call_is_named(fact):
    assert f"`{fact.__name__}`" in PAGE


def test_every_task_limit_and_reason_is_named():
    for task in get_args(protocol.Task):
        assert f"| `{task}` |" in PAGE
    assert f"{protocol.MAX_QUERY:,} characters" in PAGE
    assert f"{speaking.MOST:,} characters" in PAGE
    assert f"{pacing.MOST} requests in {pacing.WINDOW.seconds} seconds" in PAGE
    for reason in joining.REASONS:
        assert reason.startswith(("recording", "source")) or f"`{reason}`" in PAGE


# The fold, and the whole of it


class World:
    """A log, and handlers that may come late, twice and in any order."""

    def __init__(self):
        self.log, self.keys, self.seconds, self.unhandled = [], set(), 0.0, []

    def append(self, event):
        key = ids.of_event(event)
        if key not in self.keys:
            self.keys.add(key)
            self.log.append((len(self.log) + 1, event))
            self.unhandled.append(self.log[-1])

    def ask(self, number, which):
        task = ("summary", "query", "latest")[which % 3]
        self.append(message(number, self.seconds, f"p{which}", task=task, query="Who?"))

    def ask_over_http(self):
        state = desk.fold(desk.initial("s1", FOR), self.log)
        if desk.fresh_summary(state, at(self.seconds)) is None:
            self.append(made(desk.summary_id(state), self.seconds))

    def settle(self):
        for _ in range(3):
            while self.unhandled:
                self.handle(0, again=False)
            for _ in range(len(self.log)):
                self.conclude(0, well=True)
        while self.unhandled:
            self.handle(0, again=False)

    def handle(self, at_index, *, again):
        if not self.unhandled:
            return
        numbered = self.unhandled[at_index % len(self.unhandled)]
        if not again:
            self.unhandled.remove(numbered)
        seq, event = numbered
        state, now = desk.fold(desk.initial("s1", FOR), self.log[:seq]), at(self.seconds)
        match event:
            case AppMessageReceived():
                found = deciding.on_message(state, event, "everybody", now)
            case QueryAnswered() | QueryFailed():
                found = deciding.on_conclusion(state, event, now)
            case _:
                return
        for step in found:
            if not isinstance(step, TranscriptWanted):
                self.append(step)

    def conclude(self, number, *, well):
        over = {e.query_id for _, e in self.log if isinstance(e, QueryAnswered | QueryFailed)}
        asked = [e for _, e in self.log if isinstance(e, QueryAsked) and e.query_id not in over]
        if asked:
            one = asked[number % len(asked)]
            concluded = answer if well else fail
            self.append(concluded(one.query_id, self.seconds, task=one.task))


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "http", "wait", "handle", "again", "conclude", "fail"]),
        st.integers(0, 9),
    ),
    max_size=40,
)


def play(moves):
    world = World()
    for number, (move, which) in enumerate(moves):
        world.seconds += 0.2
        match move:
            case "ask":
                world.ask(number, which)
            case "http":
                world.ask_over_http()
            case "wait":
                world.seconds += which / 10
            case "handle" | "again":
                world.handle(which, again=move == "again")
            case _:
                world.conclude(which, well=move == "conclude")
    world.settle()
    return world.log


@given(MOVES)
def test_every_request_is_answered_once_to_its_sender_however_it_is_handled(moves):
    log = play(moves)
    replies = [event for _, event in log if isinstance(event, CommandRequested)]
    wanted = [event for _, event in log if isinstance(event, AppMessageReceived)]
    state = desk.initial("s1", FOR)
    expected = []
    for numbered in log:
        state = desk.evolve(state, numbered)
        event = numbered[1]
        heard_of = isinstance(event, AppMessageReceived)
        if heard_of and state.paces[event.sender_id].verdict != "silent":
            expected.append(event.sender_id)
    assert len(wanted) >= len(expected)
    assert sorted(one.command.to for one in replies) == sorted(expected)
    assert not state.waiting


@given(MOVES)
def test_redelivery_changes_nothing_and_a_cut_is_only_a_shortcut(moves):
    log = play(moves)
    whole = desk.fold(desk.initial("s1", FOR), log)
    assert desk.fold(whole, log) == whole
    middle = desk.fold(desk.initial("s1", FOR), log[: len(log) // 2])
    assert desk.fold(middle, log) == whole
