"""How a session in a room lives and ends: row by row."""

import pytest

from contracts import ids
from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    RecordingAttached,
    RoomEmptied,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionStarted,
    SessionWaiting,
)
from services.ingest import session
from services.ingest.session import (
    Assign,
    Begin,
    Close,
    Dismiss,
    Enter,
    Replace,
    ReportEjected,
    ReportEmpty,
    ReportFailure,
    ReportSourceEnd,
    ReportTimer,
    Wait,
)
from tests.support.facts import at, requested
from tests.support.spec import Spec

spec = Spec(session)
NOW, NO_SHOW, GRACE, EXPIRY = at(60), at(300), at(120), at(900)


def fact(kind, when=NOW, **fields):
    return kind(session_id="s1", time=when, **fields)


def told(kind, *fields, **named):
    return kind("s1", NOW, *fields, **named)


asked_for = requested(source="daily", expires_at=EXPIRY)
waiting = fact(SessionWaiting, at(1), no_show_at=NO_SHOW)
joining = fact(SessionJoining, at(2))
first = fact(BotAssigned, at(3), bot_id="b1", number=1)
second = fact(BotAssigned, at(40), bot_id="b2", number=2)
entered = fact(BotJoined, at(10), bot_id="b1", participant_id="me1")
entered_again = fact(BotJoined, at(45), bot_id="b2", participant_id="me2")
begun = fact(SessionStarted, at(10))
came = fact(ParticipantJoined, at(11), participant_id="ada")
went = fact(ParticipantLeft, at(30), participant_id="ada")
emptied = fact(RoomEmptied, at(31), grace_until=GRACE)
gone = fact(BotLeft, at(35), bot_id="b1", reason="stopped")
lost = fact(BotReplaced, at(36), bot_id="b1", cause="died")
gap_id = "gap_" + ids.digest("s1", "b1")
deaf = fact(GapOpened, at(36), gap_id=gap_id, cause="bot_died", start=20.0)

WATCHING = (asked_for, waiting)
ON_THE_WAY = (asked_for, waiting, joining)
SENT = (*ON_THE_WAY, first)
IN = (*SENT, entered, begun)
MEETING = (*IN, came)
EMPTY = (*MEETING, went)
GRACEFUL = (*EMPTY, emptied)
BETWEEN = (*MEETING, deaf, lost)

EVERY_COMMAND = (
    told(Wait, NO_SHOW),
    told(Enter),
    told(Assign, "b9"),
    told(Begin),
    told(Replace, "b1", "died"),
    told(ReportEmpty, GRACE),
    told(ReportTimer, "room_expiry", EXPIRY),
    told(Close),
    told(Dismiss),
    told(ReportEjected, "ejected"),
    told(ReportSourceEnd),
    told(ReportFailure, "bot_failing"),
)


def ended(reason):
    return fact(SessionEnded, reason=reason)


def ending(reason):
    return fact(SessionEnding, reason=reason)


def test_a_requested_session_waits_for_a_person():
    known = fact(SessionWaiting, no_show_at=NO_SHOW)
    spec.given(asked_for).when(told(Wait, NO_SHOW)).then(known)


@pytest.mark.parametrize("history", [WATCHING, ON_THE_WAY, MEETING, (*MEETING, ending("asked"))])
def test_what_waits_already_or_is_further_does_not_wait_again(history):
    spec.given(*history).when(told(Wait, at(999))).then()


@pytest.mark.parametrize("history", [(asked_for,), WATCHING])
def test_the_assistant_goes_in_from_the_request_or_from_waiting(history):
    spec.given(*history).when(told(Enter)).then(fact(SessionJoining))


def test_who_is_on_the_way_or_in_does_not_go_in_again():
    for history in (ON_THE_WAY, SENT, MEETING):
        spec.given(*history).when(told(Enter)).then()


@pytest.mark.parametrize("command", [told(Enter), told(Assign, "b1")])
def test_nobody_goes_into_a_session_that_ends_or_is_over(command):
    spec.given(*MEETING, ending("asked")).when(command).then_rejected("is ending")
    spec.given(*MEETING, ended("ejected")).when(command).then_rejected("is over")


def test_the_first_bot_is_number_one():
    assigned = fact(BotAssigned, bot_id="b1", number=1)
    spec.given(*ON_THE_WAY).when(told(Assign, "b1")).then(assigned)


def test_the_next_bot_has_the_next_number():
    assigned = fact(BotAssigned, bot_id="b2", number=2)
    for history in (BETWEEN, (*MEETING, gone), (*SENT, lost)):
        spec.given(*history).when(told(Assign, "b2")).then(assigned)


def test_one_bot_at_a_time():
    for history in (SENT, MEETING):
        spec.given(*history).when(told(Assign, "b1")).then()
        spec.given(*history).when(told(Assign, "b2")).then_rejected("b1 serves")


def test_a_bot_that_is_gone_does_not_come_back():
    spec.given(*BETWEEN).when(told(Assign, "b1")).then_rejected("b1 is gone")


def test_no_bot_before_the_session_is_joining():
    for history in ((asked_for,), WATCHING):
        spec.given(*history).when(told(Assign, "b1")).then_rejected("not joining")


def test_the_meeting_counts_from_when_the_first_bot_was_in():
    spec.given(*SENT, entered).when(told(Begin)).then(fact(SessionStarted, entered.time))


def test_a_later_bot_does_not_begin_it_again():
    spec.given(*BETWEEN, second, entered_again).when(told(Begin)).then()


def test_the_first_bot_in_gives_the_start_though_nobody_said_so_in_its_time():
    history = (*SENT, entered, lost, second, entered_again)
    spec.given(*history).when(told(Begin)).then(fact(SessionStarted, entered.time))


def test_nothing_begins_before_a_bot_is_in():
    for history in ((asked_for,), WATCHING, ON_THE_WAY, SENT):
        spec.given(*history).when(told(Begin)).then()


def test_a_lost_bot_leaves_a_gap_from_when_it_was_last_heard_of():
    gap = fact(GapOpened, gap_id=gap_id, cause="bot_died", start=32.5)
    replaced = fact(BotReplaced, bot_id="b1", cause="died")
    lose = told(Replace, "b1", "died", at(42.5))
    spec.given(*MEETING).when(lose).then(gap, replaced)


def test_a_gap_begins_now_where_nobody_knows_better_and_never_before_the_meeting():
    for heard_until, start in ((None, 50.0), (at(5), 0.0)):
        facts = session.decide(told(Replace, "b1", "silent", heard_until), session.fold(MEETING))
        assert (facts[0].cause, facts[0].start) == ("bot_silent", start)


def test_a_bot_that_went_by_itself_is_replaced_too():
    out = fact(BotEjected, bot_id="b1", cause="disconnected")
    for farewell, cause in ((gone, "stopped"), (out, "disconnected")):
        facts = session.decide(told(Replace, "b1", cause), session.fold((*MEETING, farewell)))
        assert [type(one) for one in facts] == [GapOpened, BotReplaced]


def test_a_bot_that_never_heard_leaves_no_gap():
    replaced = fact(BotReplaced, bot_id="b1", cause="join_failed")
    spec.given(*SENT).when(told(Replace, "b1", "join_failed")).then(replaced)


def test_a_second_loss_within_a_gap_opens_no_other():
    replaced = fact(BotReplaced, bot_id="b2", cause="join_failed")
    spec.given(*BETWEEN, second).when(told(Replace, "b2", "join_failed")).then(replaced)


def test_a_loss_after_the_gap_was_closed_opens_another():
    history = (*BETWEEN, second, entered_again, fact(GapClosed, gap_id=gap_id, end=36.0))
    gap = fact(GapOpened, gap_id="gap_" + ids.digest("s1", "b2"), cause="bot_recycled", start=50.0)
    replaced = fact(BotReplaced, bot_id="b2", cause="recycled")
    spec.given(*history).when(told(Replace, "b2", "recycled")).then(gap, replaced)


def test_a_bot_lost_before_anybody_said_that_it_was_in_leaves_start_and_gap():
    spec.given(*SENT, entered).when(told(Replace, "b1", "died")).then(
        fact(SessionStarted, entered.time),
        fact(GapOpened, gap_id=gap_id, cause="bot_died", start=50.0),
        fact(BotReplaced, bot_id="b1", cause="died"),
    )


def test_a_replacement_that_was_broken_off_is_finished():
    lose = told(Replace, "b1", "died")
    history = (*SENT, entered)
    facts = session.decide(lose, session.fold(history))
    for kept in range(len(facts)):
        state = session.fold((*history, *facts[:kept]))
        assert session.decide(lose, state) == facts[kept:]


def test_only_the_last_bot_can_be_replaced():
    for history in ((*BETWEEN, second), ON_THE_WAY, BETWEEN, (*MEETING, ending("asked"))):
        spec.given(*history).when(told(Replace, "b1", "died")).then()


def test_open_gaps_are_known():
    assert session.open_gaps(session.fold(MEETING)) == ()
    assert session.open_gaps(session.fold(BETWEEN)) == (gap_id,)
    closed = fact(GapClosed, gap_id=gap_id, end=36.0)
    assert session.open_gaps(session.fold((*BETWEEN, closed))) == ()


def test_a_watched_room_to_which_nobody_comes():
    spec.given(*WATCHING).when(told(ReportTimer, "no_show", NO_SHOW)).then(ended("no_show"))


def test_a_bot_that_sits_alone_from_the_beginning():
    spec.given(*IN).when(told(ReportEmpty, GRACE)).then()
    spec.given(*IN).when(told(ReportTimer, "no_show", NO_SHOW)).then(ending("no_show"))


def test_a_no_show_is_not_for_who_is_just_going_in():
    """Somebody came in the last moment, and the bot is not there yet to see them."""
    for history in (ON_THE_WAY, SENT):
        spec.given(*history).when(told(ReportTimer, "no_show", NO_SHOW)).then()
    late = ReportEmpty("s1", NO_SHOW, at(400))
    alone = fact(RoomEmptied, NO_SHOW, grace_until=at(400))
    spec.given(*IN).when(late).then(alone)
    over = told(ReportTimer, "grace", at(400))
    spec.given(*IN, alone).when(over).then(ending("no_show"))
    assert "no_show" not in session.armed(session.fold((*IN, alone)))


def test_an_empty_room_that_was_not_watched_before_has_its_grace():
    history = [one for one in IN if one is not waiting]
    spec.given(*history).when(told(ReportEmpty, GRACE)).then(fact(RoomEmptied, grace_until=GRACE))


def test_once_somebody_came_there_is_no_no_show():
    for history in (MEETING, EMPTY):
        spec.given(*history).when(told(ReportTimer, "no_show", NO_SHOW)).then()


def test_when_the_last_one_left_the_assistant_stays_a_while():
    spec.given(*EMPTY).when(told(ReportEmpty, GRACE)).then(fact(RoomEmptied, grace_until=GRACE))


def test_a_room_with_people_is_not_empty():
    other = fact(ParticipantJoined, participant_id="grace")
    for history in (MEETING, (*EMPTY, other)):
        spec.given(*history).when(told(ReportEmpty, GRACE)).then()


def test_only_a_bot_in_the_room_can_say_that_it_is_empty():
    history = (*EMPTY, deaf, lost)
    for more in ((), (second,)):
        spec.given(*history, *more).when(told(ReportEmpty, GRACE)).then()
    spec.given(*history, second, entered_again).when(told(ReportEmpty, GRACE)).then(
        fact(RoomEmptied, grace_until=GRACE)
    )


def test_the_grace_is_given_once():
    spec.given(*GRACEFUL).when(told(ReportEmpty, at(500))).then()


def test_nobody_returns():
    spec.given(*GRACEFUL).when(told(ReportTimer, "grace", GRACE)).then(ending("room_empty"))


def test_somebody_returns():
    back = fact(ParticipantJoined, at(50), participant_id="ada-again")
    left = fact(ParticipantLeft, at(55), participant_id="ada-again")
    again = fact(RoomEmptied, at(56), grace_until=at(116))
    late = told(ReportTimer, "grace", GRACE)
    for more in ((back,), (back, left), (back, left, again)):
        spec.given(*GRACEFUL, *more).when(late).then()
    true = told(ReportTimer, "grace", at(116))
    spec.given(*GRACEFUL, back, left, again).when(true).then(ending("room_empty"))


def test_a_grace_that_ends_while_no_bot_sees_the_room_ends_nothing():
    """Somebody may have returned meanwhile; the next bot looks, and gives a grace of its own."""
    history, late = (*GRACEFUL, deaf, lost), told(ReportTimer, "grace", GRACE)
    for more in ((), (second,), (second, entered_again)):
        spec.given(*history, *more).when(late).then()
    again = fact(RoomEmptied, grace_until=at(500))
    spec.given(*history, second, entered_again).when(told(ReportEmpty, at(500))).then(again)


def test_timers_of_another_time_mean_nothing():
    for timer in ("no_show", "grace", "room_expiry"):
        for history in (WATCHING, IN, GRACEFUL):
            spec.given(*history).when(told(ReportTimer, timer, at(777))).then()


@pytest.mark.parametrize(
    ("history", "timers"),
    [
        ((), {}),
        ((requested(source="daily"),), {}),
        ((asked_for,), {"room_expiry": EXPIRY}),
        (WATCHING, {"room_expiry": EXPIRY, "no_show": NO_SHOW}),
        (SENT, {"room_expiry": EXPIRY, "no_show": NO_SHOW}),
        (IN, {"room_expiry": EXPIRY, "no_show": NO_SHOW}),
        (MEETING, {"room_expiry": EXPIRY}),
        (GRACEFUL, {"room_expiry": EXPIRY, "grace": GRACE}),
        ((*GRACEFUL, fact(ParticipantJoined, participant_id="x")), {"room_expiry": EXPIRY}),
        ((*GRACEFUL, ending("room_empty")), {}),
        ((*GRACEFUL, ended("room_empty")), {}),
        ((requested(), begun), {}),
    ],
)
def test_the_timers_of_each_state(history, timers):
    assert session.armed(session.fold(history)) == timers


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (told(Close), "asked"),
        (told(Dismiss), "dismissed"),
        (told(ReportTimer, "room_expiry", EXPIRY), "room_expired"),
    ],
)
def test_an_end_is_at_once_without_a_bot_and_through_the_bot_with_one(command, reason):
    for history in ((asked_for,), WATCHING, ON_THE_WAY, BETWEEN, (*MEETING, gone)):
        spec.given(*history).when(command).then(ended(reason))
    for history in (SENT, (*SENT, entered), IN, MEETING, GRACEFUL, (*BETWEEN, second)):
        spec.given(*history).when(command).then(ending(reason))


@pytest.mark.parametrize("cause", ["ejected", "room_expired", "room_deleted"])
def test_who_is_put_out_stays_out(cause):
    out = fact(BotEjected, bot_id="b1", cause=cause)
    for history in (WATCHING, SENT, MEETING, (*MEETING, out)):
        spec.given(*history).when(told(ReportEjected, cause)).then(ended(cause))
    spec.given(*MEETING, out).when(told(Replace, "b1", "died")).then(ended(cause))
    spec.given(*MEETING, out).when(told(Assign, "b2")).then_rejected(cause)


def test_a_lost_connection_is_no_end():
    out = fact(BotEjected, bot_id="b1", cause="disconnected")
    spec.given(*MEETING, out).when(told(Assign, "b2")).then(
        fact(BotAssigned, bot_id="b2", number=2)
    )


@pytest.mark.parametrize("reason", ["asked", "no_show", "room_empty", "dismissed"])
def test_what_is_ending_ends_for_that_reason(reason):
    for last in (
        told(ReportSourceEnd),
        told(ReportEjected, "room_expired"),
        told(ReportFailure, "room_unreachable"),
    ):
        spec.given(*MEETING, ending(reason)).when(last).then(ended(reason))


def test_the_first_reason_to_end_stays():
    state = session.fold((*MEETING, ending("room_empty"), ending("asked")))
    assert session.decide(told(ReportSourceEnd), state) == (ended("room_empty"),)


def test_a_stop_during_the_join_ends_when_the_bot_is_done():
    stopped = (*SENT, ending("asked"))
    spec.given(*stopped).when(told(Begin)).then()
    spec.given(*stopped, entered).when(told(Begin)).then(fact(SessionStarted, entered.time))
    left = fact(BotLeft, bot_id="b1", reason="ended")
    for more in ((), (entered,), (entered, begun), (entered, left)):
        spec.given(*stopped, *more).when(told(ReportSourceEnd)).then(ended("asked"))


def test_a_bot_that_is_done_though_nobody_asked_is_not_the_end():
    spec.given(*MEETING, gone).when(told(ReportSourceEnd)).then()


@pytest.mark.parametrize("history", [(asked_for,), WATCHING, ON_THE_WAY, SENT, MEETING, BETWEEN])
def test_a_failure_is_the_end(history):
    failed = fact(SessionFailed, reason="bot_failing", detail="three died in a row")
    fail = told(ReportFailure, "bot_failing", "three died in a row")
    spec.given(*history).when(fail).then(failed)


@pytest.mark.parametrize("end", [ended("asked"), fact(SessionFailed, reason="room_closed")])
def test_nothing_follows_the_end(end):
    for command in EVERY_COMMAND:
        if isinstance(command, Begin | Enter | Assign):
            spec.given(*MEETING, end).when(command).then_rejected("is over")
        else:
            spec.given(*MEETING, end).when(command).then()


def test_a_session_nobody_asked_for_takes_no_command():
    for command in EVERY_COMMAND:
        spec.given().when(command).then_rejected("nobody requested")


def test_a_recording_has_no_room():
    attached = fact(RecordingAttached, recording_id="r", mode="replay", items=3)
    for history in ((requested(),), (requested(), attached), (requested(), begun)):
        for command in EVERY_COMMAND:
            if isinstance(command, session.CallCommand):
                spec.given(*history).when(command).then_rejected("not in a room")


def test_what_a_recording_tells_of_a_call_does_not_touch_its_session():
    history = (requested(), begun)
    assert session.fold((*history, *MEETING[1:], *BETWEEN)) == session.fold(history)
