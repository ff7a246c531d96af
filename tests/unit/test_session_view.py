import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    CompactionRequested,
    Coverage,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    QueryAnswered,
    QueryFailed,
    RecordingAttached,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    Usage,
)
from services.gateway import session_view
from tests.support.facts import asked, at, heard, requested, started

OF = {"session_id": "s1", "time": at(60)}
ATTACHED = RecordingAttached(**OF, recording_id="r", mode="replay", items=4)
JOINED = ParticipantJoined(**OF, participant_id="p1", name="Ada")
LEFT = ParticipantLeft(session_id="s1", time=at(90), participant_id="p1")
OPENED = GapOpened(**OF, gap_id="g1", cause="disconnected", start=4.0)
CLOSED = GapClosed(**OF, gap_id="g1", end=9.0)
ENDING = SessionEnding(**OF)
ENDED = SessionEnded(session_id="s1", time=at(99), reason="asked")
FAILED = SessionFailed(**OF, reason="recording_unreadable")
ANSWERED = QueryAnswered(
    **OF,
    query_id="q1",
    task="query",
    answer="It.",
    citations=(),
    as_of_seq=3,
    coverage=Coverage(segments=1, verbatim=1, summarised=0, not_covered=0),
    model="extractive",
    prompt_version="1",
    usage=Usage(),
)
UNANSWERED = QueryFailed(**OF, query_id="q2", task="query", reason="timeout")
COMPACTION = CompactionRequested(
    **OF, compaction_id="c1", level=1, first_segment_id="seg1", last_segment_id="seg1"
)


def copy(event):
    return msgspec.structs.replace(event, copied_from="older")


HAPPENINGS = st.one_of(
    st.builds(heard, st.integers(0, 9), st.text("ab \n", max_size=9)),
    st.sampled_from([JOINED, LEFT, OPENED, CLOSED, asked(), ANSWERED, UNANSWERED, COMPACTION]),
    st.sampled_from([copy(asked()), copy(ANSWERED), copy(COMPACTION), copy(heard(1))]),
)


@st.composite
def histories(draw):
    """Events of one session as the log numbers them: rising, with other sessions' in between."""
    opening = draw(st.sampled_from([(), (ATTACHED,)]))
    middle = draw(st.lists(HAPPENINGS, max_size=25))
    ending = draw(st.sampled_from([(), (ENDING,), (ENDING, ENDED), (ENDED,), (FAILED,)]))
    events = [requested(), *opening, started(), *middle, *ending]
    steps = draw(st.lists(st.integers(1, 9), min_size=len(events), max_size=len(events)))
    return [(sum(steps[: n + 1]), event) for n, event in enumerate(events)]


def fold(history, view=None):
    return session_view.fold(view or session_view.initial("s1"), history)


def view_of(*events):
    return fold(list(enumerate(events, 1)))


@given(histories(), st.data())
def test_redelivery_changes_nothing(history, data):
    cut = data.draw(st.integers(0, len(history)))
    again = data.draw(st.integers(0, cut))
    assert fold([*history[:cut], *history[again:cut], *history[cut:]]) == fold(history)


@given(histories(), st.integers(0, 40))
def test_a_snapshot_is_only_a_shortcut(history, cut):
    stored = msgspec.json.encode(fold(history[:cut]))
    view = msgspec.json.decode(stored, type=session_view.SessionView)
    assert fold(history[cut:], view) == fold(history)


@given(histories())
def test_counts_are_what_the_log_holds(history):
    events = [event for _, event in history]
    spoken = [event.text for event in events if isinstance(event, SegmentHeard)]
    view = fold(history)
    assert view.counts == session_view.Counts(
        segments=len(spoken),
        words=len(" ".join(spoken).split()),
        queries=sum(type(event).__name__ == "QueryAsked" for event in events),
        answers=sum(isinstance(event, QueryAnswered) for event in events),
        participants=sum(isinstance(event, ParticipantJoined) for event in events),
    )
    assert view.last_seq == history[-1][0]


@given(histories())
def test_progress_never_passes_the_recordings_size(history):
    progress = fold(history).progress
    assert (progress is None) == (ATTACHED not in [event for _, event in history])
    assert progress is None or 0 <= progress.played <= progress.total == 4


def test_progress_counts_what_the_recording_brought_and_not_what_people_ask_now():
    view = view_of(
        requested(), ATTACHED, started(), JOINED, heard(1), asked(), ANSWERED, COMPACTION
    )
    assert view.progress == session_view.Progress(played=2, total=4)
    view = view_of(requested(), ATTACHED, JOINED, heard(1), copy(asked()), copy(COMPACTION), ENDED)
    assert view.progress == session_view.Progress(played=4, total=4)


@pytest.mark.parametrize(
    ("events", "status", "reason"),
    [
        ([], "requested", None),
        ([started()], "live", None),
        ([started(), ENDING], "ending", "asked"),
        ([ENDING, started()], "ending", "asked"),
        ([started(), ENDING, ENDED], "ended", "asked"),
        ([started(), ENDED, ENDING], "ended", "asked"),
        ([FAILED], "failed", "recording_unreadable"),
        ([started(), ENDING, FAILED], "failed", "recording_unreadable"),
        ([FAILED, ENDING], "failed", "recording_unreadable"),
    ],
)
def test_the_status_only_goes_forward(events, status, reason):
    view = view_of(requested(), *events)
    assert (view.status, view.reason) == (status, reason)


def test_a_person_who_left_says_when():
    again = msgspec.structs.replace(JOINED, participant_id="p2")
    unknown = msgspec.structs.replace(LEFT, participant_id="p9")
    view = view_of(JOINED, again, LEFT, unknown)
    assert [(p.participant_id, p.left_at) for p in view.participants] == [
        ("p1", at(90)),
        ("p2", None),
    ]


def test_it_encodes_to_the_promised_body():
    request = requested(
        room_url="https://rooms.test/a", language="en", metadata={"title": "Weekly"}
    )
    view = view_of(request, ATTACHED, started(), JOINED, heard(1), OPENED, CLOSED, LEFT, ENDED)
    assert msgspec.json.decode(msgspec.json.encode(view)) == {
        "session_id": "s1",
        "source": "recording",
        "room_url": "https://rooms.test/a",
        "status": "ended",
        "reason": "asked",
        "participants": [
            {
                "participant_id": "p1",
                "name": "Ada",
                "joined_at": "2026-01-05T09:01:00Z",
                "left_at": "2026-01-05T09:01:30Z",
            }
        ],
        "requested_at": "2026-01-05T09:00:00Z",
        "started_at": "2026-01-05T09:00:00Z",
        "ended_at": "2026-01-05T09:01:39Z",
        "last_seq": 9,
        "counts": {"segments": 1, "words": 2, "queries": 0, "answers": 0, "participants": 1},
        "gaps": [{"gap_id": "g1", "cause": "disconnected", "start": 4.0, "end": 9.0}],
        "language": "en",
        "metadata": {"title": "Weekly"},
        "progress": {"played": 4, "total": 4},
    }
