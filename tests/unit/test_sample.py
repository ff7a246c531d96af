from contracts import recording
from contracts.events import (
    ParticipantJoined,
    SegmentHeard,
    SessionEnded,
    SessionRequested,
    SessionStarted,
)
from earshot import sample
from earshot.sample import build


def events():
    return [event for _, event in recording.parse(sample.meeting().splitlines())[1]]


def heard():
    return [event for event in events() if isinstance(event, SegmentHeard)]


def test_the_checked_in_meeting_is_what_its_script_makes():
    made = build.render(build.SCRIPT.read_text(encoding="utf-8"))
    assert made == sample.meeting(), "run `python -m earshot.sample.build`"


def test_four_people_talk_for_about_twelve_minutes():
    segments = heard()
    assert len({s.segment_id for s in segments}) == len(segments) == 150
    assert {s.speaker for s in segments} == {"Maya", "Jonas", "Priya", "Leo"}
    assert 11.5 < segments[-1].end / 60 < 13
    assert len(sample.meeting()) < 300_000


def test_it_opens_and_closes_like_a_session():
    opening, closing = events()[:6], events()[-1]
    assert [type(event) for event in opening] == [
        SessionRequested,
        SessionStarted,
        *[ParticipantJoined] * 4,
    ]
    assert closing == SessionEnded(session_id="sample", time=closing.time, reason="source_ended")
    ids = {event.participant_id: event.name for event in opening[2:]}
    assert all(ids[s.speaker_id] == s.speaker for s in heard())


def test_its_times_could_have_happened():
    segments, times = heard(), [event.time for event in events()]
    assert times == sorted(times)
    for segment in segments:
        bounds = [t for word in segment.words for t in (word.start, word.end)]
        assert bounds == sorted(bounds)
        assert (segment.start, segment.end) == (bounds[0], bounds[-1])
        assert 1 < len(segment.words) / (segment.end - segment.start) < 5
    ends = [segment.end for segment in segments]
    assert ends == sorted(ends)


def test_somebody_is_cut_off():
    segments = heard()
    cut = next(i for i, segment in enumerate(segments) if segment.text.endswith("--"))
    assert segments[cut + 1].start < segments[cut].end
    assert segments[cut + 1].speaker != segments[cut].speaker
