"""The fold of a meeting, against histories that could have happened."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    ContextSummarised,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    SegmentHeard,
    SessionEnded,
    Usage,
)
from services.context import compaction
from services.context.compaction import FANOUT, Policy, due, request
from services.context.room import fold, initial, state_hash
from services.context.state import Room
from tests.support.facts import asked, at, heard, requested
from tests.support.histories import histories

TIGHT = Policy(high=60, low=30)


def heard_ids(history):
    return [event.segment_id for _, event in history if isinstance(event, SegmentHeard)]


def represented(room):
    """How many segments the room stands for: in summaries, then verbatim."""
    return sum(one.segments for one in room.summaries) + len(room.tail)


@given(histories(), st.data())
def test_redelivery_changes_nothing(history, data):
    again = data.draw(st.lists(st.sampled_from(history), max_size=10))
    assert fold(again, fold(history)) == fold(history)


@given(histories(), st.integers(0, 40))
def test_a_snapshot_is_only_a_shortcut(history, cut):
    snapshot = msgspec.msgpack.encode(fold(history[:cut]))
    resumed = fold(history[cut:], msgspec.msgpack.decode(snapshot, type=Room))
    assert resumed == fold(history)


@given(histories())
def test_every_segment_is_in_the_tail_or_behind_a_summary(history):
    room, said = fold(history), heard_ids(history)
    assert represented(room) == len(said)
    assert [one.segment_id for one in room.tail] == said[len(said) - len(room.tail) :]
    assert room.tail_tokens == sum(one.cost for one in room.tail)
    border = 0
    for summary in room.summaries:
        assert summary.first.segment_id == said[border]
        border += summary.segments
        assert summary.last.segment_id == said[border - 1]


@given(histories())
def test_what_is_asked_and_not_concluded_is_open(history):
    concluded = {
        event.query_id for _, event in history if isinstance(event, QueryAnswered | QueryFailed)
    }
    open_queries = [
        event.query_id
        for _, event in history
        if isinstance(event, QueryAsked) and event.query_id not in concluded
    ]
    assert [one.query_id for one in fold(history).questions] == open_queries


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
    asked_for = request("s1", wanted, at())
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
    assert represented(room) == len(said)
    levels = [one.level for one in room.summaries]
    assert levels == sorted(levels, reverse=True)
    assert all(levels.count(level) < FANOUT for level in levels)


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
    assert represented(room) == 400
    assert max(one.level for one in room.summaries) >= 3
    assert room.summaries[0].segments > room.summaries[-1].segments


def pending():
    """Three segments, of which the first two are being summarised."""
    room = fold([(1, requested()), (2, heard(0)), (3, heard(1)), (4, heard(2))])
    wanted = compaction.Due(1, "seg0", "seg1")
    return fold([(5, request("s1", wanted, at()))], room)


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
    assert fold([(6, summary_of("another"))], room).summaries == ()
    assert len(fold([(6, summary_of(room.compaction.compaction_id))], room).summaries) == 1


def test_a_second_request_while_one_is_on_its_way_changes_nothing():
    room = pending()
    other = request("s1", compaction.Due(1, "seg0", "seg2"), at())
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
