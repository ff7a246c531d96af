"""How a session lives and ends."""

from contracts.events import (
    RecordingAttached,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionStarted,
)
from services.ingest import session
from services.ingest.session import Begin, Close, ReportFailure, ReportSourceEnd
from tests.support.facts import at, heard, requested, started
from tests.support.spec import Spec

spec = Spec(session)
common = {"session_id": "s1", "time": at(9)}
command = {"session_id": "s1", "at": at(9)}
attached = RecordingAttached(**common, recording_id="r", mode="replay", items=3)
ending, asked_end = SessionEnding(**common), SessionEnded(**common, reason="asked")
source_end = SessionEnded(**common, reason="source_ended")
missing = SessionFailed(**common, reason="recording_missing")


def test_a_requested_session_begins_once():
    spec.given(requested(), attached).when(Begin(**command)).then(SessionStarted(**common))


def test_a_session_nobody_asked_for_cannot_begin():
    spec.given().when(Begin(**command)).then_rejected("nobody requested")


def test_what_is_over_cannot_begin_again():
    spec.given(requested(), asked_end).when(Begin(**command)).then_rejected("is over")


def test_a_session_without_a_source_ends_at_once():
    spec.given(requested()).when(Close(**command)).then(asked_end)


def test_a_source_on_its_way_is_asked_to_end():
    spec.given(requested(), attached).when(Close(**command)).then(ending)


def test_a_live_session_is_asked_to_end():
    spec.given(requested(), started(), heard(1)).when(Close(**command)).then(ending)


def test_a_source_that_runs_dry_ends_the_session():
    spec.given(requested(), started()).when(ReportSourceEnd(**command)).then(source_end)


def test_an_end_that_was_asked_for_says_so():
    spec.given(requested(), started(), ending).when(ReportSourceEnd(**command)).then(asked_end)


def test_a_failure_is_the_end():
    failure = ReportFailure(**command, reason="recording_missing")
    spec.given(requested(), attached).when(failure).then(missing)


def test_what_is_over_stays_over():
    for late in (Close(**command), ReportSourceEnd(**command)):
        spec.given(requested(), missing).when(late).then()


def test_a_start_after_a_wish_to_end_does_not_undo_the_wish():
    assert session.fold([requested(), attached, ending, started()]) == session.Ending()
