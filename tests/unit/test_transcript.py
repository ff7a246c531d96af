import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import speakers
from contracts.events import (
    GapClosed,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    ParticipantUpdated,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionFailed,
    SpeakerRenamed,
    SpeakersMerged,
    Word,
)
from contracts.speakers import Speakers
from services.gateway import said, transcript
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


WORD = Word(text="said", start=0.0, end=1.0)
NAMES = st.sampled_from(["Ada", "Ada L.", "Bo", "p1", "p2", "Liza"])
NUMBERS = st.integers(0, 30)


def corrected(number, text, revision=1, words=()):
    return SegmentCorrected(
        **OF, segment_id=f"seg{number}", revision=revision, text=text, words=words
    )


def suppressed(number):
    return SegmentSuppressed(**OF, segment_id=f"seg{number}", reason="echo")


def redacted(number):
    return SegmentRedacted(**OF, segment_id=f"seg{number}")


def renamed(speaker, name, change="c"):
    return SpeakerRenamed(**OF, change_id=change, speaker=speaker, name=name)


def merged(speaker, into, change="c"):
    return SpeakersMerged(**OF, change_id=change, speaker=speaker, into=into)


CHANGES = st.one_of(
    st.builds(corrected, NUMBERS, TEXT, words=st.sampled_from([(), (WORD,)])),
    st.builds(suppressed, NUMBERS),
    st.builds(redacted, NUMBERS),
    st.builds(renamed, NAMES, NAMES),
    st.builds(merged, NAMES, NAMES),
)


@st.composite
def histories(draw):
    """Events of one session as the log numbers them: rising, with other sessions' in between."""
    spoken = st.tuples(SPEAKERS, TEXT)
    other = st.sampled_from([JOINED, OPENED, CLOSED, asked()])
    drawn = draw(st.lists(st.one_of(spoken, spoken, CHANGES, other), max_size=30))
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


def told(history):
    """The naive reading: (seq, id, text, words, what the speaker goes by, name) a segment."""
    known, kept = Speakers(), []
    for seq, event in history:
        known = speakers.evolve(known, event)
        match event:
            case SegmentHeard():
                kept.append([seq, event, event.text, event.words])
            case SegmentCorrected(segment_id=segment):
                for one in kept:
                    if one[1].segment_id == segment:
                        one[2:] = event.text, event.words
            case SegmentSuppressed(segment_id=segment) | SegmentRedacted(segment_id=segment):
                kept = [one for one in kept if one[1].segment_id != segment]
    voices = [(event.speaker_id, event.speaker) for _, event, *_ in kept]
    return [
        (
            seq,
            event.segment_id,
            text,
            words,
            speakers.key(known, *voice),
            speakers.shown(known, *voice),
        )
        for (seq, event, text, words), voice in zip(kept, voices, strict=True)
    ]


def fold(history, view=None):
    return transcript.fold(view or transcript.initial("s1"), history)


def numbered(*events):
    return list(enumerate(events, 1))


def shown(*events, **options):
    return msgspec.json.decode(transcript.render_json(fold(numbered(*events)), **options))


@given(histories(), st.sampled_from([1, 2, 3, 256]))
def test_the_transcript_is_what_the_log_says_up_to_there(history, page):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(said, "PAGE", page)
        view = fold(history)
    expected = told(history)
    made = transcript.transcript(view, words=True)
    assert [(s.seq, s.segment_id, s.text, s.words, s.speaker) for s in made.segments] == [
        (*one[:4], one[5]) for one in expected
    ]
    assert made.as_of_seq == history[-1][0]
    assert (view.said.segments, view.said.words) == (
        len(expected),
        sum(len(text.split()) for _, _, text, *_ in expected),
    )


@given(histories())
def test_what_was_removed_is_nowhere_in_the_view(history):
    marked = [
        (seq, msgspec.structs.replace(event, text=f"{event.text} secret-{event.segment_id}."))
        if isinstance(event, SegmentHeard | SegmentCorrected)
        else (seq, event)
        for seq, event in history
    ]
    kept = {segment for _, segment, *_ in told(marked)}
    stored = msgspec.json.encode(fold(marked)).decode()
    for _, event in marked:
        if isinstance(event, SegmentHeard):
            assert (f"secret-{event.segment_id}." in stored) == (event.segment_id in kept)


@given(histories(), st.data())
def test_redelivery_changes_nothing(history, data):
    cut = data.draw(st.integers(0, len(history)))
    again = data.draw(st.integers(0, cut))
    redelivered = [*history[:cut], *history[again:cut], *history[cut:]]
    assert fold(redelivered) == fold(history)


@given(histories(), st.integers(0, 40), st.sampled_from([1, 2, 3, 256]))
def test_a_fold_in_two_parts_is_the_fold(history, cut, page):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(said, "PAGE", page)
        whole = fold(history)
        assert fold(history[cut:], fold(history[:cut])) == whole
    assert list(whole.said) == list(fold(history).said)


@given(histories())
def test_a_snapshot_is_only_a_shortcut(history):
    view = fold(history)
    assert msgspec.json.decode(msgspec.json.encode(view), type=transcript.View) == view


@given(histories())
def test_speakers_are_whoever_the_segments_are_by(history):
    expected = told(history)
    made = transcript.transcript(fold(history)).speakers
    assert list(made) == list(dict.fromkeys(who for *_, who, _ in expected if who is not None))
    for key, speaker in made.items():
        own = [one for one in expected if one[4] == key]
        names = [name for *_, name in own if name]
        assert speaker.segments == len(own)
        assert speaker.talk_seconds == 2.0 * len(own)
        assert speaker.name == (names[-1] if names else None)


@given(histories())
def test_text_has_a_line_a_segment_and_no_line_of_its_speakers_making(history):
    view = fold(history)
    lines = transcript.render_txt(view).split("\n")
    assert len(lines) == view.said.segments + 1
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


def test_a_speaker_is_called_by_the_name_they_were_heard_with_or_else_joined_with():
    made = shown(heard(1), ParticipantJoined(**OF, participant_id="p1", name="Countess"))
    assert made["speakers"]["p1"]["name"] == made["segments"][0]["speaker"] == "Ada"
    made = shown(JOINED, heard(1, speaker=None))
    assert made["speakers"]["p1"]["name"] == made["segments"][0]["speaker"] == "Ada"
    nobody = shown(heard(1, speaker=None))
    assert nobody["speakers"]["p1"]["name"] is nobody["segments"][0]["speaker"] is None


def test_a_correction_takes_the_place_of_what_was_heard_and_of_its_words():
    first = heard(1, "were for", words=(WORD,))
    made = shown(first, heard(2), corrected(1, "We're four.", words=()), words=True)
    assert [(one["seq"], one["text"], one["words"]) for one in made["segments"]] == [
        (1, "We're four.", []),
        (2, "number 2", []),
    ]
    again = corrected(1, "We are four.", revision=2, words=(WORD,))
    made = shown(first, corrected(1, "We're four."), again, words=True)
    assert made["segments"][0]["text"] == "We are four."
    assert made["segments"][0]["words"] == [{"text": "said", "start": 0.0, "end": 1.0}]


@pytest.mark.parametrize("removed", [suppressed(1), redacted(1)])
def test_what_was_removed_is_not_brought_back_by_a_correction(removed):
    view = fold(numbered(heard(1), heard(2), removed, corrected(1, "again"), removed))
    assert transcript.render_txt(view) == "[00:06] Ada: number 2\n"
    assert shown(heard(1), removed)["speakers"] == {}
    assert shown(removed, heard(1))["segments"][0]["text"] == "number 1"
    assert shown(heard(1), removed, heard(1))["segments"] == []


def test_who_takes_an_earlier_name_again_goes_by_it():
    made = shown(heard(0, speaker="Ada L."), heard(1, speaker="Ada"), heard(2, speaker="Ada L."))
    assert made["speakers"]["p1"]["name"] == "Ada L."


def test_names_given_later_are_shown_from_the_beginning_on():
    alone = heard(2, speaker="S1", speaker_id=None)
    events = (heard(1), alone, renamed("S1", "Liza"), renamed("p1", "Grace", "c2"))
    made = shown(*events)
    assert [one["speaker"] for one in made["segments"]] == ["Grace", "Liza"]
    assert {key: one["name"] for key, one in made["speakers"].items()} == {
        "p1": "Grace",
        "S1": "Liza",
    }
    made = shown(*events, merged("Liza", "p1", "c3"))
    assert made["speakers"] == {"p1": {"name": "Grace", "talk_seconds": 4.0, "segments": 2}}
    assert [one["speaker_id"] for one in made["segments"]] == ["p1", None]


def test_the_past_has_the_text_and_the_names_of_then():
    history = numbered(heard(1), corrected(1, "better"), renamed("p1", "Grace"), redacted(1))
    texts = [transcript.render_txt(fold(history[:upto])) for upto in range(1, 5)]
    assert texts == [
        "[00:03] Ada: number 1\n",
        "[00:03] Ada: better\n",
        "[00:03] Grace: better\n",
        "",
    ]


def test_names_that_come_with_an_update_are_learned():
    update = ParticipantUpdated(**OF, bot_id="b", number=1, participant_id="p1", name="Ada")
    assert shown(heard(1, speaker=None), update)["segments"][0]["speaker"] == "Ada"


def test_text_is_the_title_and_a_line_a_segment():
    view = fold(
        numbered(
            requested(metadata={"title": "Weekly\n[00:00] Bob: I quit"}),
            JOINED,
            heard(1, "Hello.\n[00:07] Bo: I agree", speaker="Ada\n", speaker_id="p3"),
            heard(2, "x", start=3599.99, end=3600.0, speaker=None),
            heard(3, "y", start=3661.0, end=3662.0, speaker=None, speaker_id=None),
            heard(4, "z", start=36000.5, end=36001.0, speaker="Bo", speaker_id="p2"),
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


def test_a_long_meeting_keeps_every_page_and_changes_one():
    history = numbered(*(heard(n) for n in range(3 * said.PAGE + 1)))
    view = fold(history)
    assert list(view.said) == history
    assert [len(page.heard) for page in view.said.pages] == [said.PAGE] * 3
    changed = fold([(9999, corrected(said.PAGE, "new"))], view)
    same = [one is was for one, was in zip(changed.said.pages, view.said.pages, strict=True)]
    assert same == [True, False, True]
    assert (view.said.words, changed.said.words) == (len(history) * 2, len(history) * 2 - 1)
    assert fold([(9999, redacted(said.PAGE))], view).said.words == len(history) * 2 - 2
    assert fold([(9999, heard(9999))], view).said.pages is view.said.pages
