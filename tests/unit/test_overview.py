"""Which summaries stand for the past of a meeting, when some of them are gone."""

from contracts.events import SegmentCorrected
from services.context import overview, tokens
from services.context.room import fold
from tests.support.contexts import served
from tests.support.facts import at, heard, requested
from tests.support.histories import compaction, summarised

COUNT = 40
PLENTY = 100_000


def room_with(*made):
    """A meeting of forty lines after compactions of (level, first, last, text)."""
    said = [heard(number, f"{number} " + "word " * 20) for number in range(COUNT)]
    room = fold([(1, requested()), *enumerate(said, 2)])
    for level, first, last, text in made:
        own, ends = f"cmp{room.seq}", (f"seg{first}", f"seg{last}")
        events = [compaction(level, *ends, own), summarised(level, *ends, own, text)]
        room = fold(enumerate(events, room.seq + 1), room)
    return room


def corrected(room, number):
    told = {"segment_id": f"seg{number}", "revision": 1, "text": "otherwise"}
    return fold([(room.seq + 1, SegmentCorrected(session_id="s1", time=at(), **told))], room)


def shown(room, question, budget=400):
    parts = served(room, question, budget).parts
    return [part.text for part in parts if part.kind == "summary"]


def texts(summaries):
    return [one.text for one in summaries]


FIRST, SECOND, THIRD = (1, 0, 9, "one"), (1, 10, 19, "two"), (1, 20, 29, "three")
ABOVE = (2, 0, 29, "all three")


def test_where_a_summary_was_withdrawn_those_it_was_made_of_are_shown_again():
    room = room_with(FIRST, SECOND, THIRD, ABOVE)
    assert shown(room, "what about number 7?") == ["all three"]
    room = corrected(room, 15)
    assert texts(overview.frontier(room)) == ["one", "three"]
    assert shown(room, "what about number 7?") == shown(room, "") == ["one", "three"]


def test_below_one_withdrawn_on_the_third_level_those_of_the_second_are_shown():
    fourth, other = (1, 30, 39, "four"), (2, 20, 39, "second half")
    room = room_with(FIRST, SECOND, THIRD, fourth, (2, 0, 19, "first half"), other, (3, 0, 39, "*"))
    assert texts(overview.frontier(room)) == ["*"]
    assert texts(overview.frontier(corrected(room, 35))) == ["first half", "three"]


def test_a_summary_is_shown_by_those_it_was_made_of_where_they_fit():
    room = room_with(FIRST, SECOND, THIRD, ABOVE)
    found = overview.finest(room, PLENTY, tokens.units)
    assert texts(found) == ["one", "two", "three"]


def test_a_summary_stays_where_a_piece_of_what_it_was_made_of_is_missing():
    room = room_with(FIRST, (1, 10, 19, " "), THIRD, ABOVE)
    found = overview.finest(room, PLENTY, tokens.units)
    assert texts(found) == ["all three"]
    assert shown(room, "") == ["all three"]
