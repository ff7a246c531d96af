"""What of a recording is still to be played."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.playback import Pace, remaining, stamped
from tests.support.facts import at, heard, requested


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_resumed_playback_plays_each_event_once(count, played):
    recorded = [heard(number) for number in range(count)]
    logged = [requested(), *recorded[:played]]
    assert list(remaining(recorded, logged)) == recorded[played:]


def test_pace_follows_the_recorded_times():
    pace = Pace(at(10), speed=4.0)
    assert pace.due(heard(0, time=at(30))) == 5.0
    assert pace.due(heard(0, time=at(5))) == 0.0
    assert Pace(at(10), speed=None).due(heard(0, time=at(500))) == 0.0


def test_a_replay_happens_now_and_an_import_happened_then():
    event = heard(3)
    assert stamped(event, "replay", at(99)).time == at(99)
    assert stamped(event, "import", at(99)) == event
