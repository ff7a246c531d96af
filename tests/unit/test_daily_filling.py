"""Stored transcripts: what is read of one, and what of it fills a gap."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import ids
from contracts.events import GapFilled, SegmentHeard
from services.ingest.daily import webvtt
from services.ingest.daily.filling import NEAR_SECONDS, Gap, Heard, filling
from services.ingest.daily.webvtt import Cue, UnreadableTranscriptError

AT = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)


def vtt(*cues: tuple[str, str]) -> str:
    return "WEBVTT\n\n" + "\n\n".join(f"{times}\n{text}" for times, text in cues) + "\n"


def said(text: str) -> list[tuple[str | None, str]]:
    parsed = webvtt.parse(vtt(("00:01.000 --> 00:02.500", text)))
    return [(cue.speaker, cue.text) for cue in parsed]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<v Maria Rossi>Hello", [("Maria Rossi", "Hello")]),
        ("<v.loud Maria>Hello</v>", [("Maria", "Hello")]),
        ("<v>Maria:</v>Hello", [("Maria", "Hello")]),
        ("<v>Maria</v>Hello", [("Maria", "Hello")]),
        ("<v></v>Hello", [(None, "Hello")]),
        ("<v Maria>Hello</v>\n<v Tom>Hi", [("Maria", "Hello"), ("Tom", "Hi")]),
        ("Maria: Hello", [("Maria", "Hello")]),
        ("Hello\nthere", [(None, "Hello there")]),
        ("<v Q&amp;A>1 &lt; 2 <i>yes</i>", [("Q&A", "1 < 2 yes")]),
        ("<v Maria>  \u200b ", []),
        ("<v " + "x" * 300 + ">Hi", [("x" * 200, "Hi")]),
        ("a\x00\u202eb", [(None, "a b")]),
        ("http://x: y", [(None, "http://x: y")]),
    ],
)
def test_a_cue_has_a_speaker_and_plain_text(text, expected):
    assert said(text) == expected


def test_a_prefix_is_a_name_only_where_every_cue_has_one():
    one, two = "00:01.000 --> 00:02.000", "00:03.000 --> 00:04.000"
    named = webvtt.parse(vtt((one, "Maria: Hello"), (two, "Tom: Hi")))
    assert [cue.speaker for cue in named] == ["Maria", "Tom"]
    for other in ("Hi", "<v Tom>Hi"):
        parsed = webvtt.parse(vtt((one, "Note: this"), (two, other)))
        assert (parsed[0].speaker, parsed[0].text) == (None, "Note: this")


def test_times_are_seconds_and_what_ends_before_it_begins_is_passed_over():
    text = vtt(
        ("01:00:01.250 --> 01:00:02.500 align:left", "<v A>x"),
        ("00:03.000 --> 00:02.000", "<v A>y"),
        ("bad --> worse", "<v A>z"),
    )
    assert webvtt.parse("\ufeff" + text) == (Cue(3601.25, 3602.5, "A", "x"),)


def test_an_empty_transcript_has_no_cues():
    assert webvtt.parse("WEBVTT\n") == webvtt.parse("WEBVTT\n\nNOTE nothing\n") == ()


@pytest.mark.parametrize("text", ["", "<Error/>", "hello", "1\n00:00:01,000 --> 00:00:02,000\nx\n"])
def test_what_is_no_webvtt_is_refused(text):
    with pytest.raises(UnreadableTranscriptError, match="not WebVTT"):
        webvtt.parse(text)


def test_a_transcript_may_not_be_endless():
    with pytest.raises(UnreadableTranscriptError, match="over"):
        webvtt.parse("WEBVTT\n\n" + "x" * webvtt.MAX_CHARACTERS)


@given(
    st.lists(
        st.sampled_from(["00:01.000", " --> ", "\n", "\r", "<v", " A>", "</v>", "x", "&", ":"])
    )
)
def test_any_file_is_read_or_refused(pieces):
    for cue in webvtt.parse("WEBVTT\n\n" + "".join(pieces)):
        assert cue.text.isprintable()
        assert cue.end >= cue.start


def filled(gaps, cues, offset=0.0, heard=()):
    events = filling(gaps, cues, offset, heard, session_id="ses_1", at=AT)
    segments = [one for one in events if isinstance(one, SegmentHeard)]
    return segments, [one for one in events if isinstance(one, GapFilled)]


def texts_of(*given, **more):
    return [one.text for one in filled(*given, **more)[0]]


GAP = Gap("g1", 60.0, 90.0)


def cue(start, end, text="something new was said", speaker="Maria"):
    return Cue(start, end, speaker, text)


def test_a_lost_cue_becomes_a_segment_of_the_second_source():
    segments, gaps = filled([GAP], [cue(10.0, 12.5)], offset=60.0)
    assert segments == [
        SegmentHeard(
            session_id="ses_1",
            time=AT,
            segment_id=ids.segment_id("ses_1", "Maria", "webvtt", 70.0, "something new was said"),
            start=70.0,
            end=72.5,
            text="something new was said",
            speaker="Maria",
            track="webvtt",
        )
    ]
    assert gaps == [
        GapFilled(session_id="ses_1", time=AT, gap_id="g1", source="webvtt", segments=1)
    ]


def test_each_gap_is_told_of_also_with_nothing_in_it():
    other = Gap("g2", 200.0, 210.0)
    segments, gaps = filled([other, GAP], [cue(61.0, 62.0)])
    assert len(segments) == 1
    assert [(one.gap_id, one.segments) for one in gaps] == [("g2", 0), ("g1", 1)]
    assert filled([], [cue(61.0, 62.0)]) == ([], [])


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        (60.0, 90.0, True),
        (55.0, 65.0, True),
        (54.9, 65.0, False),
        (85.0, 95.0, True),
        (85.0, 95.1, False),
        (30.0, 120.0, False),
        (50.0, 60.0, False),
        (60.0, 60.0, True),
        (90.0, 90.0, True),
        (91.0, 91.0, False),
    ],
)
def test_half_of_a_cue_must_lie_in_the_gap(start, end, inside):
    assert bool(texts_of([GAP], [cue(start, end)])) == inside


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        ([Heard(58.0, 60.0, "Something NEW, was said!")], False),
        ([Heard(50.0, 65.0, "well something new was said by all")], False),
        ([Heard(58.0, 59.0, "and something new"), Heard(59.5, 60.0, "was said")], False),
        ([Heard(59.5, 60.0, "was said"), Heard(58.0, 59.0, "something new")], False),
        ([Heard(50.0, 56.9, "something new was said")], True),
        ([Heard(50.0, 57.0, "something new was said")], False),
        ([Heard(69.0, 70.0, "something new was said")], False),
        ([Heard(69.1, 70.0, "something new was said")], True),
        ([Heard(61.0, 62.0, "something new")], True),
        ([Heard(61.0, 62.0, "xsomething new was said")], True),
    ],
)
def test_what_was_heard_nearby_is_not_said_again(heard, left):
    assert bool(texts_of([GAP], [cue(62.0, 64.0)], heard=heard)) == left


def test_a_short_word_counts_as_heard_only_where_it_stood_alone():
    yes = cue(62.0, 62.5, "Yes.")
    assert texts_of([GAP], [yes], heard=[Heard(60.0, 61.0, "yes we can")]) == ["Yes."]
    assert texts_of([GAP], [yes], heard=[Heard(60.0, 61.0, "yes")]) == []


def test_two_who_say_the_same_at_once_both_said_it():
    cues = [cue(62.0, 63.0, "Yes", "Maria"), cue(62.0, 63.0, "Yes", "Tom")]
    assert [one.speaker for one in filled([GAP], cues)[0]] == ["Maria", "Tom"]
    assert len(filled([GAP], [cues[0], cues[0]])[0]) == 1


def test_a_cue_between_two_gaps_belongs_to_the_first():
    gaps = [GAP, Gap("g2", 90.0, 100.0)]
    segments, told = filled(gaps, [cue(85.0, 95.0)])
    assert len(segments) == 1
    assert [one.segments for one in told] == [1, 0]


def test_what_lies_before_the_meeting_starts_with_it():
    segments, _ = filled([Gap("g", 0.0, 5.0)], [cue(1.0, 3.0)], offset=-2.0)
    assert [(one.start, one.end) for one in segments] == [(0.0, 1.0)]


def test_words_are_needed():
    assert texts_of([GAP], [cue(61.0, 62.0, "... !")]) == []
    assert texts_of([GAP], [cue(61.0, 62.0, "\u4f60\u597d")]) == ["\u4f60\u597d"]


tenths = st.integers(0, 600).map(lambda tenth: tenth / 10)
spans = st.tuples(tenths, st.integers(0, 80).map(lambda tenth: tenth / 10))
WORDS = ("yes", "no", "we ship in may", "the plan is good enough", "who pays for it")
cues = st.builds(
    lambda span, text, speaker: Cue(span[0], span[0] + span[1], speaker, text),
    spans,
    st.sampled_from(WORDS),
    st.sampled_from([None, "Maria", "Tom"]),
)
heards = st.builds(
    lambda span, text: Heard(span[0], span[0] + span[1], text), spans, st.sampled_from(WORDS)
)
gap_lists = st.lists(spans, max_size=4).map(
    lambda found: [Gap(f"g{n}", s, s + 3 * length) for n, (s, length) in enumerate(found)]
)
meetings = st.tuples(
    gap_lists,
    st.lists(cues, max_size=12),
    st.integers(-50, 50).map(lambda tenth: tenth / 10),
    st.lists(heards, max_size=8),
)


@given(meetings)
def test_gaps_are_filled_with_what_they_swallowed_and_nothing_else(meeting):
    """Against the definition, cue by cue, for texts that are told apart as a whole."""
    gaps, given_cues, offset, heard = meeting

    def lost(one):
        start, end = max(0.0, round(one.start + offset, 3)), max(0.0, round(one.end + offset, 3))
        inside = any(
            min(end, gap.end) - max(start, gap.start) >= max(0.0, (end - start) / 2) for gap in gaps
        )
        known = any(
            near.text == one.text
            and near.start <= end + NEAR_SECONDS
            and near.end >= start - NEAR_SECONDS
            for near in heard
        )
        return (start, end, one.speaker, one.text) if inside and not known else None

    segments, told = filled(gaps, given_cues, offset, heard)
    keys = [(one.start, one.end, one.speaker, one.text) for one in segments]
    expected = {lost(one) for one in given_cues} - {None}
    assert {(start, speaker, text) for start, _, speaker, text in keys} == {
        (start, speaker, text) for start, _, speaker, text in expected
    }
    assert set(keys) <= expected
    assert [one.gap_id for one in told] == [gap.gap_id for gap in gaps]
    assert sum(one.segments for one in told) == len(segments)


@given(meetings)
def test_filling_again_adds_nothing(meeting):
    gaps, given_cues, offset, heard = meeting
    segments, _ = filled(gaps, given_cues, offset, heard)
    assert len({one.segment_id for one in segments}) == len(segments)
    known = [*heard, *(Heard(one.start, one.end, one.text) for one in segments)]
    assert filled(gaps, given_cues, offset, known)[0] == []


@given(meetings, st.randoms(use_true_random=False))
def test_the_order_of_what_was_heard_does_not_matter(meeting, random):
    gaps, given_cues, offset, heard = meeting
    shuffled = random.sample(heard, len(heard))
    assert filled(gaps, given_cues, offset, heard) == filled(gaps, given_cues, offset, shuffled)
