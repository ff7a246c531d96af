"""Events in, hits out: the tables of the index say what the log says, however they were filled.

Planted and found here: a batch that is applied twice, a correction that brings a redacted line
back, a rename that forgets older lines, words that stay in the file after a redaction.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import ids
from contracts.events import (
    ChatReceived,
    ParticipantJoined,
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SpeakerRenamed,
    SpeakersMerged,
)
from services.context import room
from services.context.search import embedding, letters, ranking, rows, writing
from tests.support.facts import at, heard
from tests.support.search import Meanings, find, found, tables

WORDS = ["budget", "launch", "zebra", "Größe", "tuesday"]


@pytest.fixture
def index():
    with closing(tables()) as connection:
        yield connection


def write(index, *events, after=None):
    """Append events as one batch."""
    first = (writing.place(index).seq if after is None else after) + 1
    numbered = list(enumerate(events, first))
    upto = first + len(events) - 1
    writing.apply(index, numbered, upto, f"key{upto}")


def corrected(number, text, session_id="s1", revision=1):
    return SegmentCorrected(
        session_id=session_id,
        time=at(),
        segment_id=f"seg{number}",
        revision=revision,
        text=text,
    )


def redacted(number, session_id="s1"):
    return SegmentRedacted(session_id=session_id, time=at(), segment_id=f"seg{number}")


def suppressed(number, session_id="s1"):
    return SegmentSuppressed(session_id=session_id, time=at(), segment_id=f"seg{number}")


def renamed(speaker, name, session_id="s1"):
    return SpeakerRenamed(
        session_id=session_id, time=at(), change_id=f"{speaker}{name}", speaker=speaker, name=name
    )


def merged(speaker, into, session_id="s1"):
    return SpeakersMerged(
        session_id=session_id, time=at(), change_id=f"{speaker}{into}", speaker=speaker, into=into
    )


def chat(number, text, session_id="s1", **fields):
    given = {"sender_id": "p9", "name": "Liza"} | fields
    return ChatReceived(
        session_id=session_id, time=at(), bot_id="bot1", number=number, text=text, **given
    )


def test_a_hit_says_what_was_said_where_and_by_whom(index):
    write(index, heard(0, "We ship the budget on Tuesday."), heard(1, "Fine."))
    (hit,) = find(index, "budgets")
    assert hit.session_id == "s1"
    assert hit.segment.segment_id == "seg0"
    assert (hit.segment.seq, hit.segment.start, hit.segment.end) == (1, 0.0, 2.0)
    assert hit.segment.speaker == "Ada"
    assert hit.time == at(2)
    assert hit.snippet == "We ship the \x02budget\x03 on Tuesday."
    assert hit.score >= ranking.ALL_WORDS


def test_all_words_first_and_some_words_only_where_none_has_all(index):
    write(index, heard(0, "the budget"), heard(1, "the launch"), heard(2, "the budget launch"))
    assert found(index, "budget launch") == ["seg2"]
    assert sorted(found(index, "budget zebra")) == ["seg0", "seg2"]
    assert all(hit.score < ranking.ALL_WORDS for hit in find(index, "budget zebra"))


def test_phrases_prefixes_and_accents(index):
    write(
        index, heard(0, "launch the budget"), heard(1, "the budget launch"), heard(2, "die Größe")
    )
    assert found(index, '"budget launch"') == ["seg1"]
    assert sorted(found(index, "laun*")) == ["seg0", "seg1"]
    assert found(index, "grosse") == []
    assert found(index, "grOße") == ["seg2"]
    assert found(index, "!!!") == []


def test_a_correction_replaces_the_words(index):
    write(index, heard(0, "the budgie"), corrected(0, "the budget"))
    assert found(index, "budgie") == []
    assert found(index, "budget") == ["seg0"]


def test_an_event_that_comes_again_changes_nothing(index):
    events = [
        heard(0, "the budgie"),
        corrected(0, "the zebra"),
        corrected(0, "the budget", revision=2),
    ]
    write(index, *events)
    writing.apply(index, [(2, events[1]), (4, heard(1, "hello"))], 4, "")
    writing.apply(index, [(2, events[1])], 2, "")
    assert found(index, "zebra") == []
    assert found(index, "budget") == ["seg0"]


@pytest.mark.parametrize("remove", [redacted, suppressed])
def test_what_is_gone_is_not_found_and_not_brought_back(index, remove):
    write(index, heard(0, "the budget"))
    write(index, remove(0))
    write(index, corrected(0, "the budget again"), heard(0, "the budget"), remove(0), remove(7))
    assert found(index, "budget") == []
    assert writing.is_unpurged(index)


def test_speakers_go_by_their_present_names_in_every_line(index):
    write(index, heard(0, "budget one"), heard(1, "budget two", speaker="S2", speaker_id=None))
    write(index, renamed("p1", "Ada L."), merged("S2", "p1"))
    assert {hit.segment.speaker for hit in find(index, "budget")} == {"Ada L."}
    for name in ("ada l.", "P1"):
        assert sorted(found(index, "budget", speaker=name)) == ["seg0", "seg1"]
    assert found(index, "budget", speaker="S2") == []
    write(index, heard(2, "budget three"))
    assert len(found(index, "budget", speaker=" ADA L. ")) == 3


def test_a_name_that_is_learned_later_is_shown(index):
    write(index, heard(0, "budget", speaker=None))
    write(index, ParticipantJoined(session_id="s1", time=at(), participant_id="p1", name="Grace"))
    assert found(index, "budget", speaker="grace") == ["seg0"]


def test_lines_of_chat_are_found_where_the_meeting_was(index):
    write(index, chat(1, "first words"), heard(0, "hello"), chat(2, "see the budget"))
    (hit,) = find(index, "budget")
    assert hit.segment.segment_id == ids.chat_id("s1", "bot1", 2)
    assert (hit.segment.start, hit.segment.end, hit.segment.speaker) == (2.0, 2.0, "Liza")
    assert find(index, "first")[0].segment.start == 0.0
    write(index, chat(3, "last words"))
    assert find(index, "last")[0].segment.start == 2.0


def test_sessions_and_times_narrow_a_search(index):
    write(index, *(heard(number, "budget") for number in range(4)), heard(0, "budget", "s2"))
    assert len(found(index, "budget")) == 5
    assert len(found(index, "budget", session_id="s2")) == 1
    assert found(index, "budget", session_id="s1", since=at(5), until=at(11)) == ["seg1", "seg2"]
    east = at(5).astimezone(
        msgspec.json.decode('"2026-01-05T09:00:00+05:00"', type=type(at())).tzinfo
    )
    assert len(found(index, "budget", since=east)) == 3
    assert found(index, "budget", session_id="s3") == []
    assert len(found(index, "budget", limit=2)) == 2


def test_marks_and_other_controls_in_what_was_said_are_no_marks(index):
    write(index, heard(0, "the\x02 budget\x00 is\n\x03secret"))
    (hit,) = find(index, "budget")
    assert hit.snippet == "the \x02budget\x03 is secret"


def test_words_are_found_where_a_script_writes_none_apart(index):
    said = "来週の会議で予算を決める budget"
    write(index, heard(0, said), heard(1, "会合の議題"))
    assert found(index, "会議") == ["seg0"]
    assert found(index, "予算 budget") == ["seg0"]
    (hit,) = find(index, "会議")
    assert hit.snippet == "来週の\x02会議\x03で予算を決める budget"
    assert letters.shown(letters.clean(said)) == said
    assert letters.word_count(letters.clean("会議 ok")) > 2


def test_a_snippet_is_never_long(index):
    write(index, heard(0, "x" * 5000 + " budget " + "y" * 5000))
    (hit,) = find(index, "budget")
    assert len(hit.snippet) <= ranking.SNIPPET_CHARACTERS + 3
    assert "\x02budget\x03" in hit.snippet


def test_the_same_segment_heard_twice_is_one_line(index):
    write(index, heard(0, "budget"), heard(0, "budget"))
    assert found(index, "budget") == ["seg0"]


def test_forgetting_a_session_leaves_the_others(index):
    write(index, heard(0, "budget"), heard(0, "budget", "s2"))
    writing.forget(index, "s1")
    writing.forget(index, "unknown")
    assert [hit.session_id for hit in find(index, "budget")] == ["s2"]
    assert writing.sessions(index) == ["s2"]


TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
NUMBER = st.integers(0, 5)
SESSION = st.sampled_from(["s1", "s2"])
SPEAKER = st.sampled_from([("p1", "Ada"), ("p2", None), (None, "S1"), (None, None), ("p3", "S1")])
NAME = st.sampled_from(["p1", "p2", "S1", "Ada", "Bob"])
EVENT = st.one_of(
    st.builds(
        lambda number, text, session, who: heard(
            number, text, session, speaker_id=who[0], speaker=who[1]
        ),
        st.integers(0, 1000),
        TEXT,
        SESSION,
        SPEAKER,
    ),
    st.builds(chat, NUMBER, TEXT, SESSION),
    st.builds(corrected, st.integers(0, 1000), TEXT, SESSION),
    st.builds(redacted, st.integers(0, 1000), SESSION),
    st.builds(suppressed, st.integers(0, 1000), SESSION),
    st.builds(renamed, NAME, NAME, SESSION),
    st.builds(merged, NAME, NAME, SESSION),
)


@st.composite
def histories(draw):
    """Events that could have happened: a segment is heard once, and then changed."""
    events, heard_by = [], {}
    for drawn in draw(st.lists(EVENT, max_size=30)):
        event = drawn
        own = heard_by.setdefault(event.session_id, [])
        if hasattr(event, "start"):
            event = msgspec.structs.replace(event, segment_id=f"seg{len(own)}")
            own.append(event.segment_id)
        elif hasattr(event, "segment_id"):
            number = int(event.segment_id[3:]) % (len(own) + 1)
            event = msgspec.structs.replace(event, segment_id=f"seg{number}")
        elif isinstance(event, ChatReceived):
            event = msgspec.structs.replace(event, number=len(events))
        events.append(event)
    return events


@settings(max_examples=150)
@given(history=histories(), cuts=st.lists(st.integers(0, 30), max_size=4))
def test_what_is_found_is_what_the_fold_of_the_meeting_holds(history, cuts):
    """However the events came in batches, some of them twice."""
    numbered = list(enumerate(history, 1))
    with closing(tables()) as index:
        seq = 0
        for cut in [*sorted(cuts), len(history)]:
            upto = max(seq, min(cut, len(history)))
            writing.apply(index, numbered[max(0, seq - 3) : cut], upto, "")
            seq = upto
        hits = [find(index, word, limit=1000) for word in WORDS]
        index.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    for word, own in zip(WORDS, hits, strict=True):
        assert len(own) == len({hit.segment.segment_id + hit.session_id for hit in own})
        assert {(hit.session_id, hit.segment) for hit in own} == _held(numbered, word)


def _held(numbered, word):
    """The segments that the fold of each meeting holds with this word in them."""
    held = set()
    for session_id in {event.session_id for _, event in numbered}:
        known = room.fold(one for one in numbered if one[1].session_id == session_id)
        held |= {
            (session_id, known.ref(segment))
            for segment in known.segments()
            if word.lower() in segment.text.lower().split()
        }
    return held


@settings(max_examples=25)
@given(history=histories())
def test_what_was_gone_before_a_purge_is_off_the_disk(tmp_path_factory, history):
    canary = [heard(5000, "xylophonecanary said", "s9"), heard(5001, "hello", "s9")]
    path = tmp_path_factory.mktemp("index") / "index.sqlite"
    with closing(tables(path)) as index:
        for pragma in ("journal_mode = WAL", "secure_delete = ON", "synchronous = OFF"):
            index.execute(f"PRAGMA {pragma}")
        for events in (history, canary, history[:3], [redacted(5000, "s9")], history[3:6]):
            index.execute("BEGIN")
            write(index, *events)
            index.execute("COMMIT")
        while not writing.purge_step(index):
            pass
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not writing.is_unpurged(index)
        for part in path.parent.glob("index*"):
            assert b"ylophone" not in part.read_bytes()
        index.execute("INSERT INTO words (words) VALUES ('integrity-check')")


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_being_stored(time):
    assert rows.clock_time(rows.microseconds(time)) == time


def test_a_time_without_a_zone_is_utc():
    assert rows.microseconds(at().replace(tzinfo=None)) == rows.microseconds(at())
    assert rows.clock_time(rows.microseconds(at()) + 1) == at() + timedelta(microseconds=1)


async def embedded(index, embedder):
    """Give all windows their vectors; returns how many there were."""
    embedding.use_model(index, embedder.model)
    count = 0
    while windows := embedding.stale(index):
        embedding.keep(index, windows, await embedder.embed([one.text for one in windows]))
        count += len(windows)
    return count


async def test_meanings_find_what_words_do_not(index):
    embedder = Meanings("money budget costs", "launch ship release")
    write(
        index, heard(0, "costs " * 70), heard(1, "we ship and ship " * 20), heard(2, "hello " * 70)
    )
    assert await embedded(index, embedder) == 3
    (query,) = await embedder.embed(["money"])
    assert found(index, "money") == []
    hits = find(index, "money", query, mode="semantic")
    assert hits[0].segment.segment_id == "seg0"
    assert hits[0].score > 0.9 > 2 * hits[1].score
    assert "\x02" not in hits[0].snippet


async def test_both_kinds_of_evidence_beat_either(index):
    embedder = Meanings("money budget costs", "launch ship release")
    write(
        index,
        heard(0, "ship it " + "then " * 70),
        heard(1, "ship for money " + "costs " * 70),
        heard(2, "budget " * 70),
    )
    await embedded(index, embedder)
    (query,) = await embedder.embed(["money budget"])
    hits = find(index, "ship", query, mode="hybrid")
    assert [hit.segment.segment_id for hit in hits] == ["seg1", "seg2", "seg0"]
    assert "\x02ship\x03" in hits[0].snippet
    only = find(index, "ship", query, mode="hybrid", session_id="s2")
    assert only == ()
    assert len(find(index, "ship", query, mode="hybrid", limit=1)) == 1


async def test_a_window_grows_and_is_embedded_anew_and_full_ones_are_left_alone(index):
    embedder = Meanings("a")
    write(index, heard(0, "a " * 40))
    assert await embedded(index, embedder) == 1
    write(index, heard(1, "a " * 40))
    write(index, heard(2, "a " * 10))
    assert await embedded(index, embedder) == 2
    assert await embedded(index, embedder) == 0


async def test_vectors_of_what_is_gone_and_of_other_models_are_dropped(index):
    embedder = Meanings("money budget")
    write(index, heard(0, "budget " * 70), heard(1, "budget"))
    await embedded(index, embedder)
    write(index, redacted(0))
    held = "SELECT count(*) FROM windows WHERE vector IS NOT NULL"
    assert index.execute(held).fetchone() == (1,)
    (query,) = await embedder.embed(["money"])
    assert [hit.segment.segment_id for hit in find(index, "x", query, mode="semantic")] == ["seg1"]
    assert await embedded(index, embedder) == 1
    assert [hit.segment.segment_id for hit in find(index, "x", query, mode="semantic")] == ["seg1"]
    embedding.use_model(index, "another")
    assert find(index, "x", query, mode="semantic") == ()


async def test_a_vector_of_what_was_said_before_a_change_is_not_kept(index):
    embedder = Meanings("money")
    write(index, heard(0, "money"))
    windows = embedding.stale(index)
    write(index, redacted(0))
    embedding.keep(index, windows, await embedder.embed(["money"]))
    assert index.execute("SELECT vector FROM windows").fetchall() == [(None,)]


def test_a_cut_snippet_closes_its_marks():
    cut = ranking.bounded("a" * 398 + "\x02" + "b" * 50 + "\x03")
    assert cut.count("\x02") == cut.count("\x03") == 1
    assert np.isclose(ranking.semantic_score(-0.5), 0.0)


def test_nothing_else_than_our_tables_is_taken_for_an_index():
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.Error):
        writing.place(connection)


async def test_what_is_alike_is_told_window_by_window_up_to_a_sequence(index):
    embedder = Meanings("money budget", "ship")
    said = [heard(number, "money " * 64 if number == 3 else "ship " * 64) for number in range(6)]
    writing.apply(index, list(enumerate(said, 1)), 6, "k")
    await embedded(index, embedder)
    (query,) = await embedder.embed(["budget"])
    found = embedding.alike(index, "s1", query, 6)
    assert (found.first, found.last) == ((1, 2, 3, 4, 5, 6),) * 2
    assert int(np.argmax(found.cosines)) == 3
    assert embedding.alike(index, "s1", query, 4).last == (1, 2, 3, 4)
    assert embedding.alike(index, "s2", query, 6).last == ()
    assert embedding.alike(index, "s1", query[:2], 6).last == ()


async def test_a_corrected_line_takes_the_vector_of_its_window_with_it(index):
    embedder = Meanings("money budget")
    writing.apply(index, [(1, heard(1, "money " * 70)), (2, heard(2, "money"))], 2, "k")
    await embedded(index, embedder)
    corrected = SegmentCorrected(
        session_id="s1", time=at(), segment_id="seg1", revision=1, text="honey"
    )
    writing.apply(index, [(3, corrected)], 3, "k")
    (query,) = await embedder.embed(["budget"])
    assert embedding.alike(index, "s1", query, 9).last == (2,)


async def test_windows_that_grow_can_wait(index):
    writing.apply(index, [(1, heard(1, "money " * 70)), (2, heard(2, "money"))], 2, "k")
    assert len(embedding.stale(index, growing=False)) == 1
    assert len(embedding.stale(index)) == 2


async def test_vectors_of_another_length_drive_out_the_others(index):
    writing.apply(index, [(1, heard(1, "money " * 70)), (2, heard(2, "money"))], 2, "k")
    one, other = embedding.stale(index)
    embedding.keep(index, [one], np.eye(1, 4, dtype=np.float32))
    embedding.keep(index, [other], np.eye(1, 8, dtype=np.float32))
    assert [window.row for window in embedding.stale(index)] == [one.row]
    assert embedding.alike(index, "s1", np.eye(1, 8, dtype=np.float32)[0], 9).last == (2,)
