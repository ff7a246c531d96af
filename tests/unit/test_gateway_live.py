"""What the live WebSocket shows of an event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    CompactionRequested,
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SpeakerRenamed,
    SpeakersMerged,
    Word,
)
from services.gateway import live
from tests.support.facts import asked, at, heard, requested, started


def shown(event, seq=7):
    message = live.render(seq, event)
    return None if message is None else json.loads(message)


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        (requested(), "requested", None),
        (started(), "live", None),
        (SessionEnding(session_id="s1", time=at()), "ending", "asked"),
        (SessionEnded(session_id="s1", time=at(), reason="source_ended"), "ended", "source_ended"),
        (
            SessionFailed(session_id="s1", time=at(), reason="recording_missing"),
            "failed",
            "recording_missing",
        ),
    ],
)
def test_a_lifecycle_event_is_a_state(event, status, reason):
    assert shown(event) == {"type": "state", "seq": 7, "status": status, "reason": reason}


def test_words_are_in_a_caption_where_there_are_any():
    word = Word(text="hi", start=0.0, end=1.0)
    assert shown(heard(1, words=(word,)))["words"] == [{"text": "hi", "start": 0.0, "end": 1.0}]
    assert "words" not in shown(heard(1))


OF = {"session_id": "s1", "time": at()}
WORD = Word(text="hi", start=0.0, end=1.0)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            SegmentCorrected(**OF, segment_id="a", revision=2, text="Hi."),
            {"type": "correction", "segment_id": "a", "revision": 2, "text": "Hi."},
        ),
        (
            SegmentSuppressed(**OF, segment_id="a", reason="echo"),
            {"type": "removal", "segment_id": "a", "reason": "suppressed", "detail": "echo"},
        ),
        (
            SegmentRedacted(**OF, segment_id="a"),
            {"type": "removal", "segment_id": "a", "reason": "redacted", "detail": None},
        ),
        (
            SpeakerRenamed(**OF, change_id="c", speaker="p1", name="Liza"),
            {"type": "speaker", "action": "renamed", "speaker": "p1", "name": "Liza", "into": None},
        ),
        (
            SpeakersMerged(**OF, change_id="c", speaker="p2", into="p1"),
            {"type": "speaker", "action": "merged", "speaker": "p2", "name": None, "into": "p1"},
        ),
    ],
)
def test_what_changes_in_the_transcript_is_told(event, message):
    assert shown(event) == message | {"seq": 7}


def test_a_correction_has_words_where_there_are_any():
    corrected = SegmentCorrected(**OF, segment_id="a", revision=1, text="hi", words=(WORD,))
    assert shown(corrected)["words"] == [{"text": "hi", "start": 0.0, "end": 1.0}]


def test_work_of_models_in_progress_is_not_shown():
    compaction = CompactionRequested(
        session_id="s1",
        time=at(),
        compaction_id="c",
        level=1,
        first_segment_id="a",
        last_segment_id="b",
    )
    assert shown(compaction) is None
    assert shown(asked()) is None


@given(
    st.dictionaries(
        st.sampled_from(["type", "final", "text", "speaker", "seq"]),
        st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "state"]),
    )
)
def test_an_interim_caption_is_always_marked_as_one(fields):
    message = json.loads(live.render_interim(json.dumps(fields).encode()))
    assert message == fields | {"type": "caption", "final": False}


@given(st.binary(max_size=40))
def test_an_interim_caption_that_is_no_object_is_left_out(data):
    message = live.render_interim(data)
    assert message is None or json.loads(message)["final"] is False
