"""The fold of a meeting, against histories that could have happened.

Planted and killed: the open page lost as it fills; an event folded again when it comes again; the
same within a run; a removed segment altered once more; summaries that outlive what they were made
of, of the first level, of those above, and under way; a late summary taken for the one that is
awaited; one taken that is none; a range that is given up asked for for ever; a summary that a later
one of its level swallows; pages that keep the digest of what they held; corrections in a run that
miss what the same run heard; a correction told to the first of two alike.
"""

from functools import reduce

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts import speakers
from contracts.events import (
    ContextSummarised,
    RecordingAttached,
    SegmentCorrected,
    SegmentRedacted,
    SessionEnded,
    Usage,
)
from services.context import compaction, condensing, overview, tokens
from services.context.compaction import FANOUT, Policy, due, request
from services.context.room import as_of, evolve, fold, initial, state_hash
from services.context.state import Room
from tests.support.facts import asked, at, heard, requested
from tests.support.histories import compaction as request_of
from tests.support.histories import histories, stories

TIGHT = Policy(high=60, low=30)


def segments_of(room):
    return [(one.segment_id, one.text, one.removed) for one in room.segments()]


@given(histories(), st.data())
def test_redelivery_changes_nothing(history, data):
    again = data.draw(st.lists(st.sampled_from(history), max_size=10))
    assert fold(again, fold(history)) == fold(history)


@given(histories(), st.data())
def test_what_comes_twice_in_a_row_is_folded_once(history, data):
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(history), max_size=len(history)))
    doubled = [one for one, n in zip(history, times, strict=True) for _ in range(n)]
    assert fold(doubled) == fold(history)


@given(histories())
def test_folding_at_once_is_folding_one_by_one(history):
    assert fold(history) == reduce(evolve, history, initial)


@given(histories(), st.integers(0, 40))
def test_a_snapshot_is_only_a_shortcut(history, cut):
    snapshot = msgspec.msgpack.encode(fold(history[:cut]))
    resumed = fold(history[cut:], msgspec.msgpack.decode(snapshot, type=Room))
    assert resumed == fold(history)


@given(stories(60))
def test_the_fold_holds_what_the_story_told(story):
    room = fold(story.events)
    told = [(one.segment_id, one.text, one.removed) for one in story.said]
    assert segments_of(room) == told
    assert room.count == len(told)
    held = [[(one.first, one.end, one.text, one.failed) for one in level] for level in room.levels]
    assert held == [[(o.first, o.end, o.text, o.failed) for o in level] for level in story.levels]
    assert room.compacted == story.compacted
    assert room.tail_units == sum(one.cost for one in room.segments(room.compacted))
    underway = room.compaction and (room.compaction.level, room.compaction.compaction_id)
    assert underway == (story.underway and (story.underway[0], story.underway[2]))
    assert [one.query_id for one in room.questions] == story.open_queries


@given(stories(60))
def test_in_each_level_the_summaries_lie_side_by_side_from_the_first_segment_on(story):
    room, below = fold(story.events), len(story.said)
    for level in room.levels:
        borders = [0, *(one.end for one in level)]
        assert [one.first for one in level] == borders[:-1]
        assert borders[-1] <= below
        below = borders[-1]


@given(stories(60))
def test_what_is_underway_can_be_worked_on(story):
    room = fold(story.events)
    work = compaction.job("s1", room)
    assert (work is None) == (room.compaction is None)
    if work is not None:
        assert any(part.text.strip() for part in work.source)
        gone = {one.segment_id for one in story.said if one.removed}
        assert not gone & {one.segment_id for part in work.source for one in part.segments}


@given(stories(60))
def test_who_speaks_is_read_as_everywhere_else(story):
    room = fold(story.events)
    told = reduce(speakers.evolve, (event for _, event in story.events), speakers.Speakers())
    assert room.speakers == told


@given(stories(60))
def test_what_may_be_due_is_known_without_the_pages(story):
    room = fold(story.events)
    bare = msgspec.structs.replace(room, pages=())
    if compaction.due(room, TIGHT) is not None:
        assert compaction.may_be_due(bare, TIGHT)


def test_a_level_that_does_not_exist_cannot_be_asked_for():
    room = fold([(1, requested()), (2, heard(0))])
    for level in (0, -1, 7):
        event = request_of(level, "seg0", "seg0", "cmp")
        assert fold([(3, event)], room).compaction is None


def test_a_segment_that_came_twice_is_removed_twice():
    gone = SegmentRedacted(session_id="s1", time=at(), segment_id="seg0")
    room = fold([(1, requested()), (2, heard(0)), (3, heard(1)), (4, heard(0)), (5, gone)])
    assert [one.text for one in room.segments()] == ["", "number 1", ""]


def test_a_segment_that_comes_again_and_again_is_corrected_as_often():
    def corrected(text):
        return SegmentCorrected(
            session_id="s1", time=at(), segment_id="seg0", revision=1, text=text
        )

    said = [heard(0), heard(1), corrected("one"), heard(0), corrected("two"), heard(0)]
    history = [(1, requested()), *enumerate(said, 2)]
    assert [one.text for one in fold(history).segments()] == ["two", "number 1", "two", "number 0"]
    assert fold(history) == reduce(evolve, history, initial)


@given(stories(60), st.integers(0, 60))
def test_the_past_is_as_it_was_but_for_what_was_redacted_since(story, cut):
    seq = story.events[min(cut, len(story.events) - 1)][0]
    past = as_of(story.events, seq)
    gone = {e.segment_id for s, e in story.events if isinstance(e, SegmentRedacted) and s > seq}
    then = segments_of(fold(e for e in story.events if e[0] <= seq))
    assert segments_of(past) == [(i, "", True) if i in gone else (i, t, r) for i, t, r in then]
    gone -= {segment_id for segment_id, _, removed in then if removed}
    for one in (summary for level in past.levels for summary in level if summary.text):
        assert not gone & {s.segment_id for s in past.segments(one.first, one.end)}


def test_what_was_removed_stays_so_though_its_source_repeats_it():
    gone = SegmentRedacted(session_id="s1", time=at(), segment_id="seg0")
    history = [(1, requested()), (2, heard(0)), (3, gone), (4, heard(0)), (5, heard(1))]
    for room in (fold(history), reduce(evolve, history, initial)):
        assert [one.text for one in room.segments()] == ["", "", "number 1"]
        assert room.tail_units == sum(one.cost for one in room.segments())


@given(stories(60))
def test_a_summary_never_outlives_what_it_was_made_of(story):
    """Whatever is cited is there, and nothing removed is behind a summary that is older."""
    room = fold(story.events)
    for one in (summary for level in room.levels for summary in level if summary.text):
        behind = list(room.segments(one.first, one.end))
        assert all(
            segment.changed < one.changed for segment in behind if segment.seq < segment.changed
        )
        assert all(one.first <= number < one.end for number in one.cited)


@given(histories(), st.integers(1, 1000))
def test_the_digest_depends_on_what_happened_and_not_on_where_it_is_stored(history, shift):
    moved = [(seq * 3 + shift, event) for seq, event in history]
    assert state_hash(fold(moved)) == state_hash(fold(history))


@given(histories())
def test_one_more_segment_is_another_digest(history):
    more = [*history, (history[-1][0] + 1, heard(999))]
    assert state_hash(fold(more)) != state_hash(fold(history))


def summarise(room, seq):
    """Play the llm's part once: request and summarise what is due."""
    wanted = due(room, TIGHT)
    if wanted is None:
        return room
    asked_for = request("s1", room, wanted, at())
    room = fold([(seq, asked_for)], room)
    work = compaction.job("s1", room)
    assert work is not None
    assert due(room, TIGHT) is None, "one at a time"
    done = ContextSummarised(
        session_id="s1",
        time=at(),
        compaction_id=work.compaction_id,
        level=work.level,
        first_segment_id=work.first_segment_id,
        last_segment_id=work.last_segment_id,
        text="so far",
        cited=(work.first_segment_id,),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )
    return fold([(seq + 1, done)], room)


def settled(texts, look_every):
    """A meeting compacted whenever somebody looks, and at the end until nothing is due."""
    room, seq = fold([(1, requested())]), 2
    for number, text in enumerate(texts):
        room, seq = fold([(seq, heard(number, text))], room), seq + 1
        if number % look_every == 0:
            room, seq = summarise(room, seq), seq + 2
    while due(room, TIGHT) is not None:
        room, seq = summarise(room, seq), seq + 2
    return room


texts = st.lists(st.text("ab é", min_size=1, max_size=60), max_size=80)


@given(texts, st.integers(1, 50), st.integers(1, 50))
def test_compaction_does_not_depend_on_when_somebody_looks(said, one, other):
    assert state_hash(settled(said, one)) == state_hash(settled(said, other))


@given(texts)
def test_a_settled_meeting_is_short_and_whole(said):
    room = settled(said, 1)
    assert room.count == len(said)
    assert room.tail_units <= tokens.units_in(TIGHT.high)
    assert all(len(condensing.unmerged(room, n)) < FANOUT for n in range(1, len(room.levels) + 1))


def test_a_summary_nobody_asked_for_changes_nothing():
    room = fold([(1, requested()), (2, heard(0)), (3, heard(1))])
    assert state_hash(fold([(4, summary_of("other"))], room)) == state_hash(room)


def test_a_question_in_a_recording_is_history():
    assert fold([(1, asked(copied_from="other"))]).questions == ()


def test_an_empty_meeting_is_empty():
    assert fold([]) == initial


def test_a_long_meeting_is_summarised_level_by_level():
    said = [f"this is sentence number {number} of a long meeting" for number in range(400)]
    room = settled(said, 1)
    assert room.count == 400
    assert len(room.levels) >= 3
    assert room.levels[-1][0].end > room.levels[0][0].end
    assert len(overview.frontier(room)) <= len(room.levels) * (FANOUT - 1)


def pending():
    """Three segments, of which the first two are being summarised."""
    room = fold([(1, requested()), (2, heard(0)), (3, heard(1)), (4, heard(2))])
    wanted = compaction.Due(1, 0, 2)
    return fold([(5, request("s1", room, wanted, at()))], room)


def summary_of(compaction_id, last="seg1"):
    return ContextSummarised(
        session_id="s1",
        time=at(),
        compaction_id=compaction_id,
        level=1,
        first_segment_id="seg0",
        last_segment_id=last,
        text="x",
        cited=(),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )


def test_another_summary_than_the_one_on_its_way_changes_nothing():
    room = pending()
    assert fold([(6, summary_of("another"))], room).levels == ()
    assert len(fold([(6, summary_of(room.compaction.compaction_id))], room).levels) == 1


def test_a_second_request_while_one_is_on_its_way_changes_nothing():
    room = pending()
    other = request("s1", room, compaction.Due(1, 0, 3), at())
    assert fold([(6, other)], room).compaction == room.compaction


def test_nobody_summarises_while_a_recording_brings_its_own_summaries():
    attached = {"recording_id": "r", "mode": "replay", "items": 9}
    brings = RecordingAttached(session_id="s1", time=at(), **attached, derived=True)
    said = [heard(number, "word " * 30) for number in range(9)]
    events = [requested(), brings, *said]
    room = fold(enumerate(events, 1))
    assert due(room, TIGHT) is None
    ended = SessionEnded(session_id="s1", time=at(), reason="source_ended")
    assert due(fold([(99, ended)], room), TIGHT) is not None
