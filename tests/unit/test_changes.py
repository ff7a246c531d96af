"""What changed in a room since a sequence is what turns what was known then into what is known."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SegmentRedacted, SpeakerRenamed
from services.context import changes
from services.context.room import fold
from tests.support.facts import at, heard, requested
from tests.support.histories import stories

histories = stories(60).map(lambda story: story.events)


def known(room):
    """What somebody who read all of the room knows of it."""
    there = [one for one in room.segments() if not one.removed]
    return {one.segment_id: (room.ref(one), one.text) for one in there}


def texts(room):
    return {one.segment_id: one.text for one in room.segments()}


def summaries(room):
    """The summaries that there are, by level and place."""
    held = [one for level in room.levels for one in level]
    return {(one.level, one.first): one for one in held if one.text}


@given(histories, st.integers(0, 60))
def test_the_changes_lead_from_what_was_known_to_what_is(events, cut):
    past, room = fold(events[:cut]), fold(events)
    found, now = changes.since(room, past.seq), known(past)
    for segment_id in found.removed:
        del now[segment_id]
    assert not now.keys() & {one.segment_id for one in found.heard}
    assert now.keys() >= {one.segment_id for one in found.changed}
    for one in (*found.heard, *found.changed):
        now[one.segment_id] = one, texts(room)[one.segment_id]
    assert now == known(room)
    assert found.as_of_seq == room.seq


@given(stories(60), st.integers(0, 60))
def test_the_summaries_counted_are_those_that_are_new_or_gone(story, cut):
    past, room = fold(story.events[:cut]), fold(story.events)
    found, before, after = changes.since(room, past.seq), summaries(past), summaries(room)
    assert found.summarised == sum(before.get(place) != one for place, one in after.items())
    assert found.withdrawn >= len(before.keys() - after.keys())


@given(stories(60))
def test_since_the_end_nothing_changed(story):
    room = fold(story.events)
    found = changes.since(room, room.seq)
    assert (found.heard, found.changed, found.removed) == ((), (), ())
    assert (found.summarised, found.withdrawn) == (0, 0)


def test_who_is_called_otherwise_changes_what_they_said_before():
    said = [heard(0), heard(1, speaker="Grace", speaker_id="p2"), heard(2)]
    renamed = SpeakerRenamed(session_id="s1", time=at(), change_id="c", speaker="Ada", name="Liza")
    room = fold([(1, requested()), *enumerate(said, 2), (5, renamed), (6, heard(3))])
    found = changes.since(room, 4)
    assert [(one.segment_id, one.speaker) for one in found.changed] == [
        ("seg0", "Liza"),
        ("seg2", "Liza"),
    ]
    assert [one.segment_id for one in found.heard] == ["seg3"]
    assert changes.since(room, 5).changed == ()


def test_what_was_removed_before_is_not_removed_again():
    gone = [SegmentRedacted(session_id="s1", time=at(), segment_id=f"seg{n}") for n in range(2)]
    said = [heard(0), heard(1)]
    room = fold([(1, requested()), *enumerate([*said, *gone], 2)])
    assert changes.since(room, 3).removed == ("seg0", "seg1")
    assert changes.since(room, 4).removed == ("seg1",)
    assert changes.since(room, 5).removed == ()
    assert changes.since(room, 1).removed == ()
