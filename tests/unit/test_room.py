"""The fold of a meeting, against histories that could have happened."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    ContextSummarised,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SegmentHeard,
    Usage,
)
from services.context import compaction
from services.context.compaction import FANOUT, Policy, due, request
from services.context.room import Room, fold, initial, state_hash
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
    stray = ContextSummarised(
        session_id="s1",
        time=at(),
        compaction_id="other",
        level=1,
        first_segment_id="seg0",
        last_segment_id="seg1",
        text="x",
        cited=(),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )
    assert state_hash(fold([(4, stray)], room)) == state_hash(room)


def test_a_question_in_a_recording_is_history():
    assert fold([(1, asked(copied_from="other"))]).questions == ()


def test_an_empty_meeting_is_empty():
    assert fold([]) == initial
