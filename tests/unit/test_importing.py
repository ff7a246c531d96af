import gzip
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import recording
from contracts.events import (
    CompactionRequested,
    ContextSummarised,
    Coverage,
    Event,
    ParticipantJoined,
    ParticipantLeft,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionEnding,
    SessionRequested,
    SessionStarted,
    SpeakerRenamed,
    SpeakersMerged,
    Usage,
    Word,
)
from contracts.recording import RecordedSession
from earshot import sample
from services.gateway import transcript
from services.gateway.importing import Recording, Target, UnreadableRecordingError, read, write
from services.gateway.importing.qmsum import clean

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
REPLAY = Target(session_id="new", mode="replay", uploaded_at=NOW)
IMPORT = Target(session_id="new", mode="import", uploaded_at=NOW)
MODES = st.sampled_from([REPLAY, IMPORT])

TEXT = st.text("abc deÄ水.,?'{}_<>&:-0123", max_size=30)
SPEAKERS = st.sampled_from([None, "Ann", "Bob", "PhD F", "The Chair (Hon. A. B.)"])
SECONDS = st.one_of(st.sampled_from([0.0, 1.0, 2.5]), st.floats(0, 5000))
TURNS = st.lists(st.tuples(SPEAKERS, TEXT, SECONDS, SECONDS), min_size=1, max_size=25)


def segments(recorded):
    return [event for event in recorded.events if isinstance(event, SegmentHeard)]


def jsonl(*rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def turn_file(turns):
    rows = [
        {"turn": n, "speaker": speaker, "text": text, "start": start, "end": start + length}
        for n, (speaker, text, start, length) in enumerate(turns)
    ]
    return jsonl({"meeting_id": "m1", "domain": "product"}, *rows)


def said(turn=0, speaker="Ann", text="Hello.", start=0.0, end=1.0):
    return {"turn": turn, "speaker": speaker, "text": text, "start": start, "end": end}


def one_turn(**changes):
    return jsonl({"meeting_id": "m1"}, said() | changes)


def rejected(data, match, target=IMPORT, **limits):
    with pytest.raises(UnreadableRecordingError, match=match):
        read(data, target, **limits)


@given(TURNS, MODES)
def test_a_turn_file_gives_exactly_its_turns_in_order(turns, target):
    recorded = read(turn_file(turns), target)
    assert [(s.speaker, s.text, s.start, s.end, s.track) for s in segments(recorded)] == [
        (speaker, text, start, start + length, f"turn-{n}")
        for n, (speaker, text, start, length) in enumerate(turns)
    ]
    assert len({s.segment_id for s in segments(recorded)}) == len(turns)
    assert {event.session_id for event in recorded.events} == {"new"}
    assert not recorded.derived


@given(TURNS, MODES)
def test_every_speaker_joins_once_before_their_first_turn(turns, target):
    recorded = read(turn_file(turns), target)
    present = {}
    for event in recorded.events:
        if isinstance(event, ParticipantJoined):
            assert event.participant_id not in present
            present[event.participant_id] = event.name
        elif event.speaker is None:
            assert event.speaker_id is None
        else:
            assert present[event.speaker_id] == event.speaker
    assert len(present) == len({speaker for speaker, *_ in turns if speaker})


@given(TURNS, MODES)
def test_times_never_go_back_and_an_import_ended_when_it_was_uploaded(turns, target):
    events = read(turn_file(turns), target).events
    times = [event.time for event in events]
    assert times == sorted(times)
    last = timedelta(seconds=max(start + length for _, _, start, length in turns))
    assert times[-1] == (NOW if target is IMPORT else NOW + last)


@given(TURNS, MODES)
def test_what_is_written_parses_back(turns, target):
    recorded = read(turn_file(turns), target)
    session, numbered = recording.parse(write(recorded).splitlines())
    assert session == recorded.session
    assert numbered == tuple(enumerate(recorded.events, 1))


def test_identical_turns_at_the_same_time_stay_two_segments():
    data = jsonl({"meeting_id": "m1"}, said(turn=0), said(turn=1))
    assert len({s.segment_id for s in segments(read(data, IMPORT))}) == 2


def test_a_turn_file_names_the_meeting():
    session = read(turn_file([("Ann", "Hi.", 0.0, 1.0)]), IMPORT).session
    assert session == RecordedSession(
        session_id="new",
        source="recording",
        requested_at=NOW,
        last_seq=2,
        metadata={"title": "m1", "domain": "product"},
    )


def test_control_characters_go_and_line_breaks_become_spaces():
    (segment,) = segments(
        read(one_turn(speaker=" A\x07nn\u202e\n", text="a\r\nb\tc\x00d\u2028e\x9f"), IMPORT)
    )
    assert (segment.speaker, segment.text) == ("Ann", "a b cd e")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"start": -0.1}, r"line 2: start is -0.1, not 0 to"),
        ({"start": 3.0}, r"line 2: end is 1.0, before start at 3.0"),
        ({"end": 1e12}, r"line 2: end is 1000000000000.0, not 0 to"),
        ({"end": "1"}, r"line 2: Expected `float`, got `str` - at `\$.end`"),
        ({"text": None}, r"line 2: Expected `str`, got `null` - at `\$.text`"),
        ({"text": "x" * 20_001}, r"line 2: text is over 20000 characters"),
        ({"speaker": "x" * 201}, r"line 2: speaker is over 200 characters"),
        ({"start": float("nan")}, r"line 2: JSON is malformed"),
    ],
)
def test_a_turn_that_cannot_be_is_refused_by_line_and_field(changes, match):
    rejected(one_turn(**changes), match)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \n\r\n", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (jsonl({"meeting_id": "m1"}), "nobody says a word"),
        (
            jsonl({"meeting_id": 3}, said()),
            r"line 1: Expected `str`, got `int` - at `\$.meeting_id`",
        ),
        (jsonl({"meeting_id": "m"}, said(turn=4), said(turn=4)), "line 3: turn 4 follows turn 4"),
        (jsonl({"meeting_transcripts": []}), "nobody says a word"),
        (
            b'{"meeting_transcripts": [{"speaker": "A"}]}',
            r"field `content` - at .*transcripts\[0\]",
        ),
        (jsonl({"earshot": 2, "session": {"session_id": "s"}}), r"line 1: .*at `\$.earshot`"),
        (b"hello", "not a format we know; accepted: an Earshot recording .* WebVTT or SubRip"),
        (b"[1, 2]", "not a format we know"),
        (b"WEBVTT\n\nnothing\n", "nobody says a word"),
        (b'{"meeting_id": "m"}\n{"text": "\xff"}', r"line 2: byte 30 is not UTF-8"),
        ("WEBVTT".encode("utf-16"), "line 1: byte 0 is not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b'{"meeting_transcripts":' + b"[" * 100_000, "nested too deeply"),
        (gzip.compress(b"hello", mtime=0)[:-9], "the gzip data is damaged"),
        (b"\x1f\x8bgarbage", "the gzip data is damaged"),
    ],
)
def test_what_cannot_be_read_says_why(data, match):
    rejected(data, match)


def test_packed_files_are_read_and_never_unpacked_beyond_the_limit():
    data = turn_file([("Ann", "Hi.", 0.0, 1.0)])
    assert read(gzip.compress(data), IMPORT) == read(data, IMPORT)
    assert read(gzip.compress(data), IMPORT, limit=len(data)) == read(data, IMPORT)
    rejected(gzip.compress(data), "holds more than", limit=len(data) - 1)
    rejected(data, "holds more than", limit=len(data) - 1)
    rejected(gzip.compress(bytes(70 << 20)), "holds more than 67108864 bytes")


def test_too_many_segments_are_refused():
    rows = [{"speaker": "A", "content": "x"}] * 200_001
    rejected(json.dumps({"meeting_transcripts": rows}).encode(), "200001 segments, 200000 are")


# QMSum


def test_a_qmsum_meeting_gives_its_turns_with_words_cleaned_and_timed():
    rows = [
        {"speaker": "A", "content": "Yeah , we {disfmarker} do n't know ."},
        {"speaker": "B", "content": "{vocalsound} ."},
        {"speaker": "B", "content": "Mm - hmm ?"},
        {"speaker": "A", "content": "{gap} Okay"},
    ]
    data = json.dumps({"topic_list": [], "meeting_transcripts": rows}, indent=2).encode()
    assert [(s.speaker, s.text, s.start, s.end, s.track) for s in segments(read(data, IMPORT))] == [
        ("A", "Yeah, we don't know.", 0.0, 1.54, "turn-0"),
        ("B", "Mm-hmm?", 1.94, 2.32, "turn-1"),
        ("A", "Okay", 2.72, 3.11, "turn-2"),
    ]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("the T_V_ and two L_C_D_s {gap}", "the TV and two LCDs"),
        ("You can tell if it 's {pause} fine .", "You can tell if it's fine."),
        ("Well , {vocalsound} 'cause I 'd say 5 % .", "Well, 'cause I'd say 5%."),
        ("Ge - {comment} At the end", "Ge - At the end"),
        ("snake_case stays", "snake_case stays"),
    ],
)
def test_transcription_marks_are_written_out(marked, plain):
    assert clean(marked) == plain


@given(st.text("ab {}_-'.n't\n", max_size=40))
def test_cleaning_leaves_one_line_without_outer_spaces(content):
    text = clean(content)
    assert text == " ".join(text.split())


# WebVTT and SubRip


def test_webvtt_voices_name_the_speakers():
    data = b"""WEBVTT - weekly

NOTE made by hand

1
00:01.000 --> 00:03.500 align:start
<v.loud Ann Lee>We ship &amp; <b>test</b>
on Monday.</v>

01:00:00.000 --> 01:00:01.000
<v Bob>Fine.</v> <v Ann Lee>Good.</v>

01:00:02.000 --> 01:00:03.000
Note: no name here

01:00:04.000 --> 01:00:05.000
<i></i>
"""
    recorded = read(data, IMPORT)
    assert [(s.speaker, s.text, s.start, s.end) for s in segments(recorded)] == [
        ("Ann Lee", "We ship & test on Monday.", 1.0, 3.5),
        ("Bob", "Fine.", 3600.0, 3601.0),
        ("Ann Lee", "Good.", 3600.0, 3601.0),
        (None, "Note: no name here", 3602.0, 3603.0),
    ]


def srt(*texts):
    cues = (
        f"{n}\r\n00:00:{n:02},000 --> 00:00:{n:02},900\r\n{text}\r\n"
        for n, text in enumerate(texts, 1)
    )
    return "\r\n".join(cues).encode()


def test_subrip_names_are_believed_when_every_cue_has_one_and_they_return():
    spoken = segments(
        read(srt("Ann: Hello.", "- Bob: Hi:\r\nwell.", "Ann: Bye.", "Bob: 1"), IMPORT)
    )
    assert [(s.speaker, s.text, s.start, s.end) for s in spoken] == [
        ("Ann", "Hello.", 1.0, 1.9),
        ("Bob", "Hi: well.", 2.0, 2.9),
        ("Ann", "Bye.", 3.0, 3.9),
        ("Bob", "1", 4.0, 4.9),
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("Ann: Hello.", "Bob: Hi.", "Ann: Bye.", "and more"),
        ("Note: one.", "Warning: two."),
        ("It ends at 10: late", "It ends at 11: later"),
        ("Ann: Hello.",),
    ],
)
def test_subrip_texts_that_only_look_like_names_stay_as_they_are(texts):
    spoken = segments(read(srt(*texts), IMPORT))
    assert [(s.speaker, s.text) for s in spoken] == [(None, text) for text in texts]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (
            b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n00:03,000 --> 00:04,000\nb\n",
            "line 6: the cue's times do not fit",
        ),
        (b"WEBVTT\n\n00:61.000 --> 00:62.000\na\n", "line 3: the cue's times do not fit"),
        (b"WEBVTT\n\n00:05.000 --> 00:02.000\na\n", "cue 1: end is 2.0, before start at 5.0"),
        (
            b"1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:03 --> 00:04\nb\n",
            "line 6: the cue's times",
        ),
        (b"00:00:01,000 --> 00:00:02,000\na\n", "SRT: Invalid format"),
        (srt("x" * 40_001), "cue 1: text is over 20000 characters"),
        (srt("x" * 20_001), "cue 1: text is over 20000 characters"),
        (
            b"1\n00:00:01,000 --> 00:00:02,000\na\n\n00:00:03,000 --> 00:00:04,000\nb\n",
            "1 of 2 cues",
        ),
        (b"1\n99999999:00:01,000 --> 99999999:00:02,000\na\n", "cue 1: start is"),
    ],
)
def test_a_cue_that_would_be_lost_is_an_error(data, match):
    rejected(data, match)


def test_captions_have_a_limit_of_their_own():
    rejected(b"WEBVTT" + bytes(16 << 20), "the captions hold more than 16777216 bytes")


# Earshot's own recordings

HEARD = SegmentHeard(
    session_id="old",
    time=NOW,
    segment_id="seg_1",
    start=1.0,
    end=2.0,
    text="a\nb",
    speaker="Ann",
    track="mic",
    confidence=0.5,
    words=(Word(text="a", start=1.0, end=1.2),),
)
ASKED = QueryAsked(session_id="old", time=NOW, query_id="q1", task="summary", deadline=NOW)
ANSWERED = QueryAnswered(
    session_id="old",
    time=NOW,
    query_id="q1",
    task="summary",
    answer="It.",
    citations=(),
    as_of_seq=3,
    coverage=Coverage(segments=1, verbatim=1, summarised=0, not_covered=0),
    model="extractive",
    prompt_version="1",
    usage=Usage(),
)
FAILED = QueryFailed(session_id="old", time=NOW, query_id="q2", task="query", reason="timeout")
COMPACTION = CompactionRequested(
    session_id="old",
    time=NOW,
    compaction_id="c1",
    level=1,
    first_segment_id="seg_1",
    last_segment_id="seg_1",
)
SUMMARISED = ContextSummarised(
    session_id="old",
    time=NOW,
    copied_from="older",
    compaction_id="c1",
    level=1,
    first_segment_id="seg_1",
    last_segment_id="seg_1",
    text="s",
    cited=(),
    model="m",
    prompt_version="1",
    usage=Usage(),
)
REQUESTED = SessionRequested(
    session_id="old",
    time=NOW - timedelta(hours=1),
    source="daily",
    room_url="https://rooms.test/a",
    metadata={"title": "Weekly"},
)
LIFE = {
    "session_id": "old",
    "time": NOW,
}
EVERYTHING: tuple[Event, ...] = (
    REQUESTED,
    RecordingAttached(**LIFE, recording_id="r", mode="import", items=1),
    SessionStarted(**LIFE),
    ParticipantJoined(**LIFE, participant_id="p1", name="Ann"),
    HEARD,
    ASKED,
    msgspec.structs.replace(ASKED, query_id="q2"),
    msgspec.structs.replace(ASKED, query_id="q3"),
    COMPACTION,
    SUMMARISED,
    ANSWERED,
    FAILED,
    ParticipantLeft(**LIFE, participant_id="p1"),
    SessionEnding(**LIFE),
    SessionEnded(**LIFE, reason="asked"),
)


CHANGES: tuple[Event, ...] = (
    SegmentCorrected(**LIFE, segment_id="seg_1", revision=1, text="a, b", words=HEARD.words),
    SegmentCorrected(**LIFE, segment_id="seg_1", revision=2, text="A, b."),
    SegmentSuppressed(**LIFE, segment_id="seg_2", reason="echo"),
    SegmentRedacted(**LIFE, segment_id="seg_3"),
    SpeakerRenamed(**LIFE, change_id="c1", speaker="Ann", name="Ann Lee"),
    SpeakersMerged(**LIFE, change_id="c2", speaker="p2", into="p1"),
)


def own(*events, **session):
    header = recording.render_header(RecordedSession(**{"session_id": "old"} | session))
    lines = (recording.render_line(seq, event) for seq, event in enumerate(events, 40))
    return header + b"".join(lines)


def copied(*events):
    return tuple(
        msgspec.structs.replace(
            event, session_id="new", copied_from=event.copied_from or event.session_id
        )
        for event in events
    )


def test_a_replay_takes_what_was_heard_and_what_was_made_of_it():
    recorded = read(own(*EVERYTHING), REPLAY)
    assert recorded.events == copied(EVERYTHING[3], HEARD, COMPACTION, SUMMARISED, EVERYTHING[12])
    assert recorded.derived


def test_an_import_takes_the_concluded_questions_too():
    q2 = EVERYTHING[6]
    assert read(own(*EVERYTHING), IMPORT).events == copied(
        EVERYTHING[3], HEARD, ASKED, q2, COMPACTION, SUMMARISED, ANSWERED, FAILED, EVERYTHING[12]
    )


def test_a_recording_keeps_the_room_and_the_metadata_of_its_session():
    expected = RecordedSession(
        session_id="new",
        source="recording",
        room_url="https://rooms.test/a",
        requested_at=NOW - timedelta(hours=1),
        last_seq=1,
        metadata={"title": "Weekly"},
    )
    assert read(own(REQUESTED, HEARD), IMPORT).session == expected
    header = {
        "room_url": expected.room_url,
        "requested_at": expected.requested_at,
        "metadata": expected.metadata,
    }
    assert read(own(HEARD, **header), IMPORT).session == expected


def test_nothing_but_the_address_of_a_segment_changes():
    (event,) = read(own(HEARD), REPLAY).events
    assert msgspec.structs.replace(event, session_id="old", copied_from=None) == HEARD
    assert event.copied_from == "old"


@pytest.mark.parametrize("target", [REPLAY, IMPORT], ids=["replay", "import"])
def test_what_was_changed_of_a_meeting_is_taken_for_the_same_segments_and_speakers(target):
    others = [
        msgspec.structs.replace(HEARD, segment_id=f"seg_{n}", speaker_id="p2") for n in (2, 3)
    ]
    data = own(HEARD, *others, *CHANGES, EVERYTHING[-1])
    recorded = read(data, target)
    assert recorded.events == copied(HEARD, *others, *CHANGES)
    played = transcript.fold(transcript.initial("new"), enumerate(recorded.events, 1))
    assert transcript.render_txt(played) == "[00:01] Ann Lee: A, b.\n"


def test_a_repeated_fact_is_taken_once_and_a_newer_type_is_left_out():
    data = own(HEARD, HEARD) + jsonl({"seq": 60, "type": "FromTheFuture", "x": 1})
    assert read(data, REPLAY).events == copied(HEARD)


def test_what_was_written_can_be_read_again():
    recorded = read(own(*EVERYTHING), IMPORT)
    again = read(write(recorded), Target(session_id="third", mode="import", uploaded_at=NOW))
    assert [e.copied_from for e in again.events] == [e.copied_from for e in recorded.events]
    assert len(again.events) == len(recorded.events)
    assert again.session == msgspec.structs.replace(recorded.session, session_id="third")


def test_the_sample_meeting_is_read_whole():
    recorded = read(sample.meeting(), REPLAY)
    assert len(segments(recorded)) == 150
    assert recorded.session.metadata == {"title": "Offline mode: launch planning"}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (own(HEARD) + b'{"seq": 1, "type": "SegmentHeard"}\n', "line 3: .*missing required field"),
        (own(REQUESTED), "nobody says a word"),
        (own(msgspec.structs.replace(HEARD, start=-1.0)), "seq 40: start is -1.0"),
        (own(msgspec.structs.replace(HEARD, end=0.5)), "seq 40: end is 0.5, before start"),
        (own(msgspec.structs.replace(HEARD, text="x" * 20_001)), "seq 40: text is over"),
        (own(msgspec.structs.replace(HEARD, segment_id="a\r\nb")), "seq 40: an id in it"),
        (own(msgspec.structs.replace(HEARD, copied_from="a b")), "seq 40: an id in it"),
        (
            own(HEARD, msgspec.structs.replace(CHANGES[0], text="x" * 20_001)),
            "seq 41: text is over",
        ),
        (own(HEARD, msgspec.structs.replace(CHANGES[0], segment_id="a b")), "seq 41: an id in it"),
        (
            own(HEARD, msgspec.structs.replace(CHANGES[4], name="x" * 201)),
            "seq 41: speaker is over",
        ),
        (own(HEARD, msgspec.structs.replace(CHANGES[4], change_id="a b")), "seq 41: an id in it"),
        (own(msgspec.structs.replace(HEARD, words=HEARD.words * 15_000)), "the event is over"),
        (own(msgspec.structs.replace(HEARD, time=datetime(2026, 1, 1))), "time has no time zone"),  # noqa: DTZ001 - the point of the row
        (own(HEARD, session_id="a b"), "line 1: session_id is not a plain id"),
        (own(HEARD, metadata={"a": "x" * 17_000}), "line 1: the header is over"),
        (own(HEARD, requested_at=datetime(2026, 1, 1)), "line 1: requested_at has no time zone"),  # noqa: DTZ001 - the point of the row
    ],
)
def test_a_damaged_recording_is_refused_by_line_or_sequence(data, match):
    rejected(data, match)


# Whatever comes

VALID = [
    turn_file([("Ann", "Hello there.", 0.0, 1.0), (None, "Yes.", 1.0, 1.0)]),
    json.dumps({"meeting_transcripts": [{"speaker": "A", "content": "Hi ."}]}).encode(),
    b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hi</v>\n\n00:03.000 --> 00:04.000\nWell\n",
    srt("Ann: Hello.", "Bob: Hi.", "Ann: Bye.", "Bob: Bye."),
    own(*EVERYTHING, *CHANGES),
    gzip.compress(srt("Hello."), mtime=0),
]
HEADS = st.sampled_from([b"", b"WEBVTT\n\n", b"1\n", b'{"meeting_id":"m"}\n', b"\x1f\x8b\x08\x00"])


@given(HEADS, st.binary(max_size=200), MODES)
@example(b"1\n", "²\n00:00:01,000 --> 00:00:02,000\nx".encode(), IMPORT)
def test_arbitrary_bytes_are_read_or_refused(head, tail, target):
    accept_or_refuse(head + tail, target)


@given(st.sampled_from(VALID), st.data(), MODES)
def test_damaged_files_are_read_or_refused(valid, data, target):
    start = data.draw(st.integers(0, len(valid)))
    length = data.draw(st.integers(0, 6))
    patch = data.draw(st.one_of(st.binary(max_size=4), st.text('0-9:,.>"<{}\n\\u', max_size=6)))
    patch = patch.encode() if isinstance(patch, str) else patch
    accept_or_refuse(valid[:start] + patch + valid[start + length :], target)


def accept_or_refuse(data, target):
    try:
        recorded = read(data, target)
    except UnreadableRecordingError:
        return
    assert isinstance(recorded, Recording)
    assert segments(recorded)
    recording.parse(write(recorded).splitlines())
