"""What is kept of a room for questions is what would be made of it anew, at less work."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import ParticipantJoined, SegmentCorrected, SegmentRedacted, SpeakerRenamed
from services.context import indexing, tokens
from services.context.indexing import Indices
from services.context.room import fold, state_hash
from tests.support.facts import at, heard, requested
from tests.support.histories import stories

LONG = 1000


class Priced:
    """A measure that counts what it is asked."""

    def __init__(self):
        self.lines = 0

    def __call__(self, text):
        self.lines += 1
        return tokens.units(text)


def long_room(count=LONG):
    spoken = (heard(n, f"word{n} plan", speaker_id=f"p{n % 4}") for n in range(count))
    return fold([(1, requested()), *enumerate(spoken, 2)])


def then(room, event):
    return fold([(room.seq + 1, event)], room)


def joined(**fields):
    return ParticipantJoined(session_id="s1", time=at(), joined_at=at(), **fields)


def index_of(indices, room):
    return asyncio.run(indices.of("s1", room))


def content(index):
    stems = sorted(
        {stem for found in index.stems([one.text for one in index.lines]) for stem in found}
    )
    held = {stem: sorted(zip(*index.holding(stem), strict=True)) for stem in stems}
    numbers = [one.tolist() for one in (index.upto, index.middle, index.start, index.end)]
    return index.lines, held, numbers, index.speakers, index.length


@given(stories(60), st.lists(st.integers(0, 60), max_size=3).map(sorted))
def test_what_grew_is_what_would_be_made_anew(story, cuts):
    indices = Indices(1)
    for cut in (*cuts, len(story.events)):
        room = fold(story.events[:cut])
        assert content(index_of(indices, room)) == content(index_of(Indices(1), room))
        assert indices.state_hash("s1", room) == state_hash(room)


@given(stories(60), st.integers(0, 60))
def test_each_line_is_its_segment(story, cut):
    indices, room = Indices(1), fold(story.events[:cut])
    index_of(indices, room)
    room = fold(story.events[cut:], room)
    lines = [(one.speaker, one.text, one.tokens) for one in index_of(indices, room).lines]
    assert lines == [
        (room.label(one), one.text.strip(), tokens.units(room.line(one)) / tokens.UNITS)
        for one in room.segments()
    ]


def test_a_line_that_begins_with_a_lot_of_nothing_is_one_all_the_same():
    text = " \n" * indexing.INDEXED_CHARS + "marzipan"
    room = fold([(1, requested()), (2, heard(0, text))])
    index = index_of(Indices(1), room)
    assert index.costs[0] > 0
    assert index.holding("marzipan")[0].tolist() == [0]


def test_who_joins_costs_no_line():
    measure = Priced()
    indices, room = Indices(1, measure), long_room()
    before, priced = index_of(indices, room).lines, measure.lines
    assert priced == LONG
    room = then(room, joined(participant_id="p9", name="Liza"))
    after = index_of(indices, room).lines
    assert measure.lines == priced
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_a_new_segment_costs_one_line():
    measure = Priced()
    indices, room = Indices(1, measure), long_room()
    index_of(indices, room)
    assert len(index_of(indices, then(room, heard(LONG))).lines) == LONG + 1
    assert measure.lines == LONG + 1


def test_a_correction_costs_one_line():
    measure = Priced()
    indices, room = Indices(1, measure), long_room()
    index_of(indices, room)
    corrected = {"segment_id": "seg500", "revision": 1, "text": "otherwise"}
    room = then(room, SegmentCorrected(session_id="s1", time=at(), **corrected))
    assert index_of(indices, room).lines[500].text == "otherwise"
    assert measure.lines == LONG + 1


def test_a_new_name_costs_the_lines_of_who_has_it():
    measure = Priced()
    indices, room = Indices(1, measure), long_room()
    index_of(indices, room)
    renamed = SpeakerRenamed(session_id="s1", time=at(), change_id="c", speaker="p1", name="Liza")
    room = then(then(room, joined(participant_id="p1", name="Ada L")), renamed)
    lines = index_of(indices, room).lines
    assert {one.number % 4 for one in lines if one.speaker == "Liza"} == {1}
    assert measure.lines == LONG + LONG // 4


def test_of_a_redacted_segment_nothing_is_kept():
    indices, room = Indices(1), long_room(100)
    index_of(indices, room)
    room = then(room, SegmentRedacted(session_id="s1", time=at(), segment_id="seg50"))
    index = index_of(indices, room)
    assert index.lines[50].text == ""
    assert not len(index.holding("word50")[0])


def test_the_digest_follows_a_change_on_any_page_and_forgets_what_is_past():
    indices, room = Indices(1), long_room(300)
    index_of(indices, room)
    for number in (0, 100, 299):
        corrected = {"segment_id": f"seg{number}", "revision": 1, "text": "otherwise"}
        changed = then(room, SegmentCorrected(session_id="s1", time=at(), **corrected))
        assert indices.state_hash("s1", changed) == state_hash(changed) != state_hash(room)
        assert indices.state_hash("s1", room) == state_hash(room)
    short = long_room(100)
    assert indices.state_hash("s1", short) == state_hash(short)


async def test_others_get_their_turn_while_a_long_meeting_is_indexed():
    indices, room, turns = Indices(1), long_room(), 0
    making = asyncio.create_task(indices.of("s1", room))
    while not making.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= LONG // indexing.AT_ONCE


async def test_two_that_see_different_names_both_get_the_index_they_asked_for():
    indices, room = Indices(1), long_room()
    renamed = SpeakerRenamed(session_id="s1", time=at(), change_id="c", speaker="Ada", name="Liza")
    rooms = [room, then(room, renamed)] * 3

    async def speakers(known):
        return (await indices.of("s1", known)).speakers

    async with asyncio.timeout(20):
        found = await asyncio.gather(*(speakers(known) for known in rooms))
    assert found == [{"Ada"}, {"Liza"}] * 3


def test_the_one_not_asked_for_the_longest_goes_first():
    indices, room = Indices(2), long_room(10)
    for session_id in ("a", "b", "a", "c"):
        asyncio.run(indices.of(session_id, room))
    assert [*indices._held] == ["a", "c"]
    indices.forget("a")
    assert [*indices._held] == ["c"]
    assert indices.state_hash("a", room) == state_hash(room)
