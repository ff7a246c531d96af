import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    GapClosed,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    SegmentHeard,
    SessionEnded,
    SessionFailed,
    Word,
)
from services.gateway import transcript
from tests.support.facts import asked, at, heard, requested, started

OF = {"session_id": "s1", "time": at()}
JOINED = ParticipantJoined(**OF, participant_id="p1", name="Ada")
OPENED = GapOpened(**OF, gap_id="g1", cause="disconnected", start=4.0)
CLOSED = GapClosed(**OF, gap_id="g1", end=9.0)
ENDED = SessionEnded(**OF, reason="source_ended")


def filled(segments):
    return GapFilled(**OF, gap_id="g1", source="webvtt", segments=segments)


FAILED = SessionFailed(**OF, reason="recording_missing")

TEXT = st.text("ab \n\x00\u2028[]:", max_size=12)
SPEAKERS = st.sampled_from(
    [(None, None), ("Ada", "p1"), ("Ada L.", "p1"), ("Bo", None), (None, "p2"), ("A\nB", "p3")]
)


@st.composite
def histories(draw):
    """Events of one session as the log numbers them: rising, with other sessions' in between."""
    drawn = draw(
        st.lists(
            st.one_of(
                st.tuples(SPEAKERS, TEXT),
                st.sampled_from([JOINED, OPENED, CLOSED, asked()]),
            ),
            max_size=30,
        )
    )
    events = [requested(), started()]
    for number, item in enumerate(drawn):
        if isinstance(item, tuple):
            (speaker, speaker_id), text = item
            events.append(heard(number, text, speaker=speaker, speaker_id=speaker_id))
        else:
            events.append(item)
    events.extend(draw(st.sampled_from([(), (ENDED,), (FAILED,)])))
    steps = draw(st.lists(st.integers(1, 9), min_size=len(events), max_size=len(events)))
    return [(sum(steps[: n + 1]), event) for n, event in enumerate(events)]


def fold(history, view=None):
    return transcript.fold(view or transcript.initial("s1"), history)


def numbered(*events):
    return list(enumerate(events, 1))


def shown(*events, **options):
    return msgspec.json.decode(transcript.render_json(fold(numbered(*events)), **options))


@given(histories())
def test_every_segment_is_there_once_in_order(history):
    made = transcript.transcript(fold(history))
    assert [(s.seq, s.segment_id, s.text) for s in made.segments] == [
        (seq, event.segment_id, event.text)
        for seq, event in history
        if isinstance(event, SegmentHeard)
    ]
    assert made.as_of_seq == history[-1][0]


@given(histories(), st.data())
def test_redelivery_changes_nothing(history, data):
    cut = data.draw(st.integers(0, len(history)))
    again = data.draw(st.integers(0, cut))
    redelivered = [*history[:cut], *history[again:cut], *history[cut:]]
    assert fold(redelivered) == fold(history)


@given(histories(), st.integers(0, 40), st.sampled_from([1, 2, 3, 256]))
def test_a_fold_in_two_parts_is_the_fold(history, cut, page):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcript, "PAGE", page)
        whole = fold(history)
        assert fold(history[cut:], fold(history[:cut])) == whole
    assert list(whole.heard) == list(fold(history).heard)


@given(histories())
def test_a_snapshot_is_only_a_shortcut(history):
    view = fold(history)
    assert msgspec.json.decode(msgspec.json.encode(view), type=transcript.View) == view


@given(histories())
def test_speakers_add_up_to_the_segments_somebody_said(history):
    made = transcript.transcript(fold(history))
    owned = [s for s in made.segments if s.speaker_id or s.speaker]
    assert sum(speaker.segments for speaker in made.speakers.values()) == len(owned)
    assert sum(speaker.talk_seconds for speaker in made.speakers.values()) == 2.0 * len(owned)


@given(histories())
def test_text_has_a_line_a_segment_and_no_line_of_its_speakers_making(history):
    view = fold(history)
    lines = transcript.render_txt(view).split("\n")
    assert len(lines) == len(list(view.heard)) + 1
    assert all(line.startswith("[0") and "] " in line for line in lines[:-1])
    assert not set("".join(lines)) & {"\x00", "\u2028", "\r"}


def test_json_has_the_promised_shape():
    word = Word(text="number", start=3.0, end=3.5)
    segment = heard(1, confidence=0.9, words=(word,), text="a\nb")
    promised = {
        "session_id": "s1",
        "as_of_seq": 3,
        "completeness": "partial",
        "gaps": [
            {"gap_id": "g1", "cause": "disconnected", "start": 4.0, "end": None, "filled": None}
        ],
        "speakers": {"p1": {"name": "Ada", "talk_seconds": 2.0, "segments": 1}},
        "segments": [
            {
                "segment_id": "seg1",
                "seq": 2,
                "start": 3.0,
                "end": 5.0,
                "speaker": "Ada",
                "speaker_id": "p1",
                "text": "a\nb",
                "confidence": 0.9,
            }
        ],
    }
    events = (requested(), segment, OPENED)
    assert shown(*events) == promised
    promised["segments"][0]["words"] = [{"text": "number", "start": 3.0, "end": 3.5}]
    assert shown(*events, words=True) == promised


def test_words_are_an_empty_list_where_nobody_timed_them():
    assert shown(heard(1), words=True)["segments"][0]["words"] == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "partial"),
        ([heard(1)], "partial"),
        ([heard(1), OPENED, CLOSED], "partial"),
        ([heard(1), ENDED], "complete"),
        ([heard(1), OPENED, CLOSED, ENDED], "gaps"),
        ([heard(1), OPENED, ENDED], "gaps"),
        ([heard(1), OPENED, CLOSED, filled(0), ENDED], "gaps"),
        ([heard(1), OPENED, CLOSED, ENDED, filled(2)], "complete"),
        ([heard(1), FAILED], "partial"),
        ([OPENED, CLOSED, FAILED], "partial"),
    ],
)
def test_completeness_says_how_much_there_is(events, expected):
    assert shown(*events)["completeness"] == expected


def test_a_gap_ends_where_hearing_resumed():
    other = GapOpened(**OF, gap_id="g2", cause="stalled", start=10.0)
    unknown = GapClosed(**OF, gap_id="g3", end=11.0)
    assert [
        (gap["start"], gap["end"]) for gap in shown(OPENED, other, unknown, CLOSED)["gaps"]
    ] == [
        (4.0, 9.0),
        (10.0, None),
    ]


def test_a_speaker_is_called_by_the_last_name_heard_or_else_the_one_they_joined_with():
    renamed = heard(2, speaker="Ada Lovelace")
    assert shown(JOINED, heard(1), renamed)["speakers"]["p1"]["name"] == "Ada Lovelace"
    nameless = heard(1, speaker=None)
    made = shown(JOINED, nameless)
    assert made["speakers"]["p1"]["name"] == "Ada"
    assert made["segments"][0]["speaker"] is None


def test_text_is_the_title_and_a_line_a_segment():
    view = fold(
        numbered(
            requested(metadata={"title": "Weekly\n[00:00] Bob: I quit"}),
            JOINED,
            heard(1, "Hello.\n[00:07] Bo: I agree", speaker="Ada\n"),
            heard(2, "x", start=3599.99, end=3600.0, speaker=None),
            heard(3, "y", start=3661.0, end=3662.0, speaker=None, speaker_id=None),
            heard(4, "z", start=36000.5, end=36001.0, speaker="Bo"),
        )
    )
    assert transcript.render_txt(view) == (
        "Weekly [00:00] Bob: I quit\n\n"
        "[00:03] Ada: Hello. [00:07] Bo: I agree\n"
        "[59:59] Ada: x\n"
        "[1:01:01] Unknown speaker: y\n"
        "[10:00:00] Bo: z\n"
    )


def test_nothing_heard_is_an_empty_text():
    assert transcript.render_txt(transcript.initial("s1")) == ""


def test_a_long_meeting_keeps_every_page():
    history = numbered(*(heard(n) for n in range(3 * transcript.PAGE + 1)))
    view = fold(history)
    assert list(view.heard) == history
    assert [len(page) for page in view.pages] == [transcript.PAGE] * 3
