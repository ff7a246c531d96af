"""What is new or different in a room since a sequence. Pure."""

from itertools import chain

from contracts import speakers
from contracts.queries import ChangesServed
from services.context.state import Room, Segment


def since(room: Room, seq: int) -> ChangesServed:
    """What the facts after `seq` did to the room."""
    held = list(room.segments())
    there = [one for one in held if not one.removed]
    old = [one for one in there if one.seq <= seq]
    summaries = [one for one in chain.from_iterable(room.levels) if one.changed > seq]
    return ChangesServed(
        as_of_seq=room.seq,
        heard=tuple(room.ref(one) for one in there if one.seq > seq),
        changed=tuple(room.ref(one) for one in old if _is_changed(room, one, seq)),
        removed=tuple(
            one.segment_id for one in held if one.removed and one.seq <= seq < one.changed
        ),
        summarised=sum(bool(one.text) for one in summaries),
        withdrawn=sum(not one.text for one in summaries),
    )


def _is_changed(room: Room, segment: Segment, seq: int) -> bool:
    return segment.changed > seq or any(
        room.speakers_changed.get(name, 0) > seq for name in _names(room, segment)
    )


def _names(room: Room, segment: Segment) -> set[str]:
    """Every id and name a rename or merge of the segment's speaker may have used."""
    own = (segment.speaker_id, segment.speaker)
    names = (*own, speakers.key(room.speakers, *own), room.shown(segment))
    return {name for name in names if name is not None}
