"""What of a recording is still to be played."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SegmentCorrected, SpeakerRenamed
from services.ingest.playback import Pace, end, remaining, stamped
from tests.support.facts import asked, at, heard, requested


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_resumed_playback_plays_each_event_once(count, played):
    recorded = [heard(number) for number in range(count)]
    logged = [requested(), *recorded[:played]]
    assert list(remaining(recorded, logged)) == recorded[played:]


def test_pace_follows_the_recorded_times():
    pace = Pace(at(10), 4.0, at(99))
    assert pace.due(heard(0, time=at(30))) == 5.0
    assert pace.due(heard(0, time=at(5))) == 0.0
    assert Pace(at(10), None, at(99)).due(heard(0, time=at(500))) == 0.0


def test_what_was_done_to_a_meeting_afterwards_does_not_make_it_longer():
    spoken = heard(0, time=at(10)), heard(1, time=at(20))
    day = 86_400
    common = {"session_id": "s1", "time": at(day)}
    later = (
        SpeakerRenamed(**common, change_id="c", speaker="p1", name="Liza"),
        SegmentCorrected(**common, segment_id="seg0", revision=1, text="x"),
        asked(time=at(day)),
    )
    assert end((*spoken, *later)) == at(20)
    assert end(later) == at(day)
    pace = Pace(at(10), 1.0, end((*spoken, *later)))
    assert [pace.due(event) for event in (*spoken, *later)] == [0.0, 10.0, 10.0, 10.0, 10.0]


def test_a_replay_happens_now_and_an_import_happened_then():
    event = heard(3)
    assert stamped(event, "replay", at(99)).time == at(99)
    assert stamped(event, "import", at(99)) == event
