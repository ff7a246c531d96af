"""A recording is the log as it is stored, and nothing is lost on the way to a file and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import recording
from contracts.recording import MalformedRecordingError, RecordedSession
from services.context.room import fold
from tests.support.facts import heard
from tests.support.histories import histories

SESSION = RecordedSession(session_id="s1", source="recording", last_seq=9, metadata={"a": "b"})


def render(history):
    lines = [recording.render_line(seq, event) for seq, event in history]
    return recording.render_header(SESSION) + b"".join(lines)


@given(histories())
def test_a_recording_folds_to_the_very_state_it_was_taken_from(history):
    session, numbered = recording.parse(render(history).splitlines())
    assert session == SESSION
    assert list(numbered) == history
    assert fold(numbered) == fold(history)


def test_a_line_begins_with_its_sequence_and_is_one_line():
    line = recording.render_line(7, heard(1, "two\nlines"))
    assert line.startswith(b'{"seq":7,"type":"SegmentHeard",')
    assert line.count(b"\n") == 1


def test_a_newer_event_in_a_recording_is_left_out():
    data = render([(1, heard(1))]) + b'{"seq":2,"type":"EmojiThrown"}\n' + b"\n"
    assert len(recording.parse(data.splitlines())[1]) == 1


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "empty"),
        (b'{"earshot":2,"session":{"session_id":"s"}}', "line 1"),
        (render([]) + b'{"type":"SegmentHeard"}', "line 2.*seq"),
        (render([(1, heard(1))]) + b'{"seq":2,"type":"SegmentHeard"}', "line 3.*session_id"),
        (b"nonsense", "line 1"),
    ],
)
def test_a_malformed_recording_is_refused_with_its_line_and_field(data, named):
    with pytest.raises(MalformedRecordingError, match=named):
        recording.parse(data.splitlines())


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_no_bytes_break_the_parser(lines):
    try:
        recording.parse(lines)
    except MalformedRecordingError:
        return
