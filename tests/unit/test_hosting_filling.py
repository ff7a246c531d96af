"""Gaps filled from what Daily stored of a call."""

from contracts.events import (
    BotJoined,
    GapClosed,
    GapFilled,
    GapOpened,
    SegmentHeard,
    SessionStarted,
)
from services.ingest.daily.webvtt import Cue
from services.ingest.hosting.filling import deaf, filled
from tests.support.facts import at, heard

OF = {"session_id": "s1", "time": at()}
OPENED = GapOpened(**OF, gap_id="g1", cause="bot_died", start=10.0)
CLOSED = GapClosed(**OF, gap_id="g1", end=20.0)
STARTED = SessionStarted(**OF)


def missed(*events, now=60):
    return deaf([STARTED, *events], at(now))


def test_a_meeting_without_gaps_or_with_filled_ones_misses_nothing():
    done = GapFilled(**OF, gap_id="g1", source="webvtt", segments=0)
    assert missed(heard(1)) is None
    assert missed(OPENED, CLOSED, done) is None
    assert deaf([OPENED], at(60)) is None


def test_a_gap_that_is_still_open_lasts_until_now():
    found = missed(OPENED, BotJoined(**OF, bot_id="b", participant_id="p", meeting_id="m"))
    assert [(gap.start, gap.end) for gap in found.gaps] == [(10.0, 60.0)]
    assert found.meetings == {"m"}


def test_several_transcripts_of_one_call_tell_a_sentence_once_and_count_it():
    """Two clocks, four tenths of a second apart; the first file has only part of the gap."""
    early = [Cue(11.0, 12.0, "Ann", "we ship the report on Friday")]
    late = [
        Cue(11.4, 12.4, "Ann", "we ship the report on Friday"),
        Cue(15.0, 16.0, "Bob", "and the budget is agreed"),
    ]
    facts = filled(missed(OPENED, CLOSED), [(early, 0.0), (late, 0.0)], "s1", at(60))
    assert [one.text for one in facts if isinstance(one, SegmentHeard)] == [
        "we ship the report on Friday",
        "and the budget is agreed",
    ]
    (done,) = [one for one in facts if isinstance(one, GapFilled)]
    assert done.segments == 2


def test_without_a_transcript_nothing_is_said_of_a_gap():
    assert filled(missed(OPENED, CLOSED), [], "s1", at(60)) == ()
