"""What a context says that it holds of a meeting, where a summary lacks a piece of its range."""

from contracts.events import SegmentCorrected
from services.context.covering import coverage
from services.context.room import fold
from tests.support.facts import at, heard, requested
from tests.support.histories import compaction, summarised

SEGMENTS = 8


def room_with(*made, room=None):
    """A room of eight segments after compactions of (level, first, last, text)."""
    room = room or fold([(1, requested()), *enumerate(map(heard, range(SEGMENTS)), 2)])
    for level, first, last, text in made:
        own, ends = f"cmp{room.seq}", (f"seg{first}", f"seg{last}")
        events = [compaction(level, *ends, own), summarised(level, *ends, own, text)]
        room = fold(enumerate(events, room.seq + 1), room)
    return room


def kinds(room, level):
    """Of each stretch: its kind, first and last segment number, when the level's first is shown."""
    covered = coverage(room, room.levels[level - 1][:1], (), ())
    return [(one.kind, one.from_seq - 2, one.to_seq - 2) for one in covered.ranges]


PAIRS = [(1, 0, 1, "one"), (1, 2, 3, "two"), (1, 4, 5, "three"), (1, 6, 7, "four")]


def test_a_summary_of_segments_stands_for_its_range():
    room = room_with(*PAIRS)
    assert kinds(room, 1) == [("summarised", 0, 1), ("not_covered", 2, 7)]


def test_a_summary_of_summaries_stands_for_all_of_theirs():
    room = room_with(*PAIRS, (2, 0, 5, "all three"))
    assert kinds(room, 2) == [("summarised", 0, 5), ("not_covered", 6, 7)]


def test_what_could_not_be_summarised_is_in_no_summary_above():
    room = room_with(PAIRS[0], (1, 2, 3, " "), *PAIRS[2:], (2, 0, 7, "the others"))
    assert kinds(room, 2) == [
        ("summarised", 0, 1),
        ("not_covered", 2, 3),
        ("summarised", 4, 7),
    ]


def test_what_failed_on_the_second_level_is_not_on_the_third():
    room = room_with(*PAIRS, (2, 0, 3, "first half"), (2, 4, 7, ""), (3, 0, 7, "both"))
    assert kinds(room, 3) == [("summarised", 0, 3), ("not_covered", 4, 7)]


def test_what_failed_on_the_first_level_is_not_on_the_third():
    first = [PAIRS[0], (1, 2, 3, ""), *PAIRS[2:]]
    room = room_with(*first, (2, 0, 3, "a"), (2, 4, 7, "b"), (3, 0, 7, "both"))
    assert kinds(room, 3) == [
        ("summarised", 0, 1),
        ("not_covered", 2, 3),
        ("summarised", 4, 7),
    ]


def test_what_was_summarised_anew_is_not_in_an_older_summary_above():
    room = room_with(*PAIRS, (2, 0, 7, "all"))
    corrected = {"segment_id": "seg2", "revision": 1, "text": "otherwise"}
    event = SegmentCorrected(session_id="s1", time=at(), **corrected)
    room = fold([(room.seq + 1, event)], room)
    room = room_with((2, 0, 7, "all but one"), (1, 2, 3, "two again"), room=room)
    assert [one.text for one in room.levels[0]] == ["one", "two again", "three", "four"]
    assert kinds(room, 2) == [
        ("summarised", 0, 1),
        ("not_covered", 2, 3),
        ("summarised", 4, 7),
    ]
