import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    CompactionRequested,
    Coverage,
    GapClosed,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    QueryAnswered,
    QueryFailed,
    RecordingAttached,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionWaiting,
    Usage,
)
from contracts.speakers import Speakers
from services.gateway import session_view
from tests.support.facts import asked, at, heard, requested, started

OF = {"session_id": "s1", "time": at(60)}
ATTACHED = RecordingAttached(**OF, recording_id="r", mode="replay", items=4)
JOINED = ParticipantJoined(**OF, participant_id="p1", name="Ada")
LEFT = ParticipantLeft(session_id="s1", time=at(90), participant_id="p1", reason="hidden")
OPENED = GapOpened(**OF, gap_id="g1", cause="disconnected", start=4.0)
CLOSED = GapClosed(**OF, gap_id="g1", end=9.0)
FILLED = GapFilled(**OF, gap_id="g1", source="webvtt", segments=3)
WAITING = SessionWaiting(**OF, no_show_at=at(300))
JOINING = SessionJoining(**OF)
ASSIGNED = BotAssigned(**OF, bot_id="b1", number=1)
IN_CALL = BotJoined(session_id="s1", time=at(70), bot_id="b1", participant_id="me")
ENDING = SessionEnding(**OF)
ENDED = SessionEnded(session_id="s1", time=at(99), reason="asked")
FAILED = SessionFailed(**OF, reason="recording_unreadable", detail="no zip")
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


def updated(who="p1", **fields):
    return ParticipantUpdated(**OF, bot_id="b1", number=1, participant_id=who, **fields)


STEPS = [WAITING, JOINING, ASSIGNED, IN_CALL, BotReplaced(**OF, bot_id="b1", cause="died")]
HAPPENINGS = st.one_of(
    st.builds(heard, st.integers(0, 9), st.text("ab \n", max_size=9)),
    st.sampled_from([JOINED, LEFT, OPENED, CLOSED, asked(), ANSWERED, UNANSWERED, COMPACTION]),
    st.sampled_from([copy(asked()), copy(ANSWERED), copy(COMPACTION), copy(heard(1))]),
    st.sampled_from([*STEPS, FILLED, updated(name="Ada L."), copy(updated(owner=True))]),
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
    view = session_view.following(fold(history), Speakers(), segments=3, words=7)
    assert view.counts == session_view.Counts(
        segments=3,
        words=7,
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
        ([WAITING], "waiting", None),
        ([WAITING, JOINING], "joining", None),
        ([JOINING, WAITING], "joining", None),
        ([WAITING, JOINING, started()], "live", None),
        ([started(), WAITING, JOINING], "live", None),
        ([WAITING, ENDING, JOINING], "ending", "asked"),
        ([WAITING, ENDED, JOINING, started()], "ended", "asked"),
        ([JOINING, FAILED, WAITING], "failed", "recording_unreadable"),
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
    assert [(p.participant_id, p.left_at, p.left_reason) for p in view.participants] == [
        ("p1", at(90), "hidden"),
        ("p2", None, None),
    ]


def test_a_person_is_called_by_the_last_name_known_of_that_visit():
    other = msgspec.structs.replace(JOINED, participant_id="p2", name=None)
    view = view_of(JOINED, other, updated(name="Ada L.", owner=True), updated("p9", name="Eve"))
    assert [(p.name, p.owner) for p in view.participants] == [("Ada L.", True), (None, False)]
    view = fold([(9, updated(owner=False))], view)
    assert [(p.name, p.owner) for p in view.participants] == [("Ada L.", False), (None, False)]


def test_a_person_who_was_given_a_name_or_is_another_one_is_called_so():
    other = msgspec.structs.replace(JOINED, participant_id="p2", name=None)
    known = Speakers(known={"p1": "Ada"}, renamed={"p1": "Liza"}, merged={"p2": "p1"})
    view = session_view.following(view_of(JOINED, other), known, segments=0, words=0)
    assert [(p.participant_id, p.name) for p in view.participants] == [
        ("p1", "Liza"),
        ("p2", "Liza"),
    ]


def test_a_person_who_was_there_before_the_bot_joined_when_the_room_says():
    early = msgspec.structs.replace(JOINED, joined_at=at(-60))
    assert [p.joined_at for p in view_of(early).participants] == [at(-60)]
    assert [p.joined_at for p in view_of(JOINED).participants] == [at(60)]


@pytest.mark.parametrize(
    ("events", "bot"),
    [
        ([], None),
        ([IN_CALL], None),
        ([ASSIGNED], ("b1", 1, None)),
        ([ASSIGNED, IN_CALL], ("b1", 1, at(70))),
        ([ASSIGNED, IN_CALL, BotLeft(**OF, bot_id="b1", reason="recycled")], None),
        ([ASSIGNED, IN_CALL, BotEjected(**OF, bot_id="b1", cause="ejected")], None),
        ([ASSIGNED, BotReplaced(**OF, bot_id="b1", cause="silent")], None),
        ([ASSIGNED, BotAssigned(**OF, bot_id="b2", number=2)], ("b2", 2, None)),
        ([BotAssigned(**OF, bot_id="b2", number=2), IN_CALL], ("b2", 2, None)),
        (
            [
                BotAssigned(**OF, bot_id="b2", number=2),
                BotLeft(**OF, bot_id="b1", reason="stopped"),
                BotReplaced(**OF, bot_id="b1", cause="died"),
                BotEjected(**OF, bot_id="b1", cause="disconnected"),
            ],
            ("b2", 2, None),
        ),
        ([ASSIGNED, IN_CALL, ENDED], None),
        ([ASSIGNED, FAILED], None),
    ],
)
def test_the_bot_shown_is_the_one_that_serves_the_session_now(events, bot):
    shown = view_of(requested(), *events).bot
    assert bot == (shown and (shown.bot_id, shown.number, shown.joined_at))


def test_a_failure_says_what_is_known_of_it():
    assert view_of(FAILED).detail == "no zip"
    assert view_of(SessionFailed(**OF, reason="bot_failing")).detail is None


def test_it_encodes_to_the_promised_body():
    request = requested(
        room_url="https://rooms.test/a",
        language="en",
        metadata={"title": "Weekly"},
        expires_at=at(900),
    )
    meeting = (JOINED, heard(1), OPENED, CLOSED, LEFT, ASSIGNED, IN_CALL)
    view = view_of(request, ATTACHED, started(), *meeting)
    bot = msgspec.json.decode(msgspec.json.encode(view))["bot"]
    assert bot == {"bot_id": "b1", "number": 1, "joined_at": "2026-01-05T09:01:10Z"}
    view = fold([(11, FILLED), (12, ENDED)], view)
    view = session_view.following(view, Speakers(), segments=1, words=2)
    assert msgspec.json.decode(msgspec.json.encode(view)) == {
        "session_id": "s1",
        "source": "recording",
        "room_url": "https://rooms.test/a",
        "status": "ended",
        "reason": "asked",
        "detail": None,
        "bot": None,
        "participants": [
            {
                "participant_id": "p1",
                "name": "Ada",
                "owner": False,
                "joined_at": "2026-01-05T09:01:00Z",
                "left_at": "2026-01-05T09:01:30Z",
                "left_reason": "hidden",
            }
        ],
        "requested_at": "2026-01-05T09:00:00Z",
        "started_at": "2026-01-05T09:00:00Z",
        "ended_at": "2026-01-05T09:01:39Z",
        "expires_at": "2026-01-05T09:15:00Z",
        "last_seq": 12,
        "counts": {"segments": 1, "words": 2, "queries": 0, "answers": 0, "participants": 1},
        "gaps": [{"gap_id": "g1", "cause": "disconnected", "start": 4.0, "end": 9.0, "filled": 3}],
        "language": "en",
        "metadata": {"title": "Weekly"},
        "progress": {"played": 4, "total": 4},
    }
