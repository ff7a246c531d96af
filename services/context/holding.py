"""The verbatim part of the fold: segments heard, corrected, removed, and whose they are. Pure."""

import sys
from collections.abc import Sequence
from typing import TypeAlias

from msgspec.structs import replace

from contracts import ids, speakers
from contracts.events import (
    ChatReceived,
    Event,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SpeakerRenamed,
    SpeakersMerged,
)
from contracts.speakers import Speakers
from services.context import condensing
from services.context.state import PAGE, Page, Room, Segment

Alteration: TypeAlias = SegmentCorrected | SegmentSuppressed | SegmentRedacted
Verbatim: TypeAlias = SegmentHeard | Alteration
"""A fact about what one segment says."""
VERBATIM = (SegmentHeard, SegmentCorrected, SegmentSuppressed, SegmentRedacted)


def told(room: Room, facts: Sequence[tuple[int, Verbatim]]) -> Room:
    """The room after facts about its segments, in order: much cheaper than one by one.

    A segment says something else, or nothing, and summaries of it are withdrawn; one that nobody
    heard, or that is gone already, stays as it is.
    """
    altered = {event.segment_id for _, event in facts if not isinstance(event, SegmentHeard)}
    places = _places(room, altered) if altered else {}
    said: list[tuple[int, SegmentHeard]] = []
    for seq, event in facts:
        if isinstance(event, SegmentHeard):
            if event.segment_id in places:
                places[event.segment_id].append(room.count + len(said))
            said.append((seq, event))
            continue
        room, said = _heard(room, said), []
        room = _altered(room, places[event.segment_id], seq, event)
    return _heard(room, said)


def written(room: Room, seq: int, event: ChatReceived) -> Room:
    """The room with a line of chat, which stands where the meeting was when it came."""
    at = room.segment(room.count - 1).end if room.count else 0.0
    own = ids.chat_id(event.session_id, event.bot_id, event.number)
    line = Segment(own, seq, at, at, event.name, event.text, event.sender_id, seq, chat=True)
    return _with(room, [line], room.speakers)


def respoken(room: Room, seq: int, event: SpeakerRenamed | SpeakersMerged) -> Room:
    """The room in which a speaker is called, or is, somebody else."""
    named = (event.speaker, event.name if isinstance(event, SpeakerRenamed) else event.into)
    return replace(
        room,
        speakers=speakers.evolve(room.speakers, event),
        speakers_changed={**room.speakers_changed, **dict.fromkeys(named, seq)},
    )


def _heard(room: Room, said: Sequence[tuple[int, SegmentHeard]]) -> Room:
    if not said:
        return room
    segments = [_segment(seq, event) for seq, event in said]
    if gone := _removed(room):
        # A source may repeat itself long after: what was removed stays so.
        segments = [
            replace(one, text="", removed=True) if one.segment_id in gone else one
            for one in segments
        ]
    for seq, event in said:
        # As most are known already, the call is spared.
        if room.speakers.known.get(event.speaker_id or event.speaker or "") != (
            event.speaker or ""
        ):
            room = met(room, seq, event, event.speaker_id)
    return _with(room, segments, room.speakers)


def met(room: Room, seq: int, event: Event, speaker_id: str | None) -> Room:
    """The room that knows somebody's name; what they said before may be shown by it from now on."""
    known = speakers.evolve(room.speakers, event)
    if known is room.speakers:
        return room
    changed = room.speakers_changed
    if speaker_id in room.speakers.known:
        changed = {**changed, str(speaker_id): seq}
    return replace(room, speakers=known, speakers_changed=changed)


def _removed(room: Room) -> set[str]:
    """The ids of what was removed; where nothing was altered, nothing was."""
    if not room.withdrawals:
        return set()
    return {one.segment_id for page in room.all_pages() for one in page if one.removed}


def _segment(seq: int, event: SegmentHeard) -> Segment:
    # All that a person says holds their name: once is enough.
    who, speaker_id = _shared(event.speaker), _shared(event.speaker_id)
    where = event.segment_id, seq, event.start, event.end
    return Segment(*where, who, event.text, speaker_id, seq)


def _shared(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


def _with(room: Room, segments: list[Segment], known: Speakers) -> Room:
    last, pages = [*room.last_page, *segments], room.pages
    full = len(last) // PAGE * PAGE
    if full:
        pages = (*pages, *(tuple(last[at : at + PAGE]) for at in range(0, full, PAGE)))
    return replace(
        room,
        pages=pages,
        last_page=tuple(last[full:]),
        tail_units=room.tail_units + sum(one.cost for one in segments),
        speakers=known,
    )


def _places(room: Room, segment_ids: set[str]) -> dict[str, list[int]]:
    """The numbers of these segments: more than one where a source repeated itself long after."""
    places: dict[str, list[int]] = {segment_id: [] for segment_id in segment_ids}
    for at, page in enumerate(room.all_pages()):
        if segment_ids.isdisjoint([segment.segment_id for segment in page]):
            continue  # as in most pages
        for number, segment in enumerate(page, at * PAGE):
            if segment.segment_id in places:
                places[segment.segment_id].append(number)
    return places


def _altered(room: Room, numbers: Sequence[int], seq: int, event: Alteration) -> Room:
    for number in numbers:
        was, gone = room.segment(number), not isinstance(event, SegmentCorrected)
        if was.removed:
            continue
        text = event.text if isinstance(event, SegmentCorrected) else ""
        now = replace(was, text=text, removed=gone, changed=seq)
        changed = _replaced(room, number, now)
        if number >= room.compacted:
            changed = replace(changed, tail_units=room.tail_units - was.cost + now.cost)
        room = condensing.withdrawn(changed, number, seq)
    return room


def _replaced(room: Room, number: int, segment: Segment) -> Room:
    at, offset = divmod(number, PAGE)
    if at == len(room.pages):
        return replace(room, last_page=_put(room.last_page, offset, segment))
    changed = _put(room.pages[at], offset, segment)
    return replace(room, pages=(*room.pages[:at], changed, *room.pages[at + 1 :]))


def _put(page: Page, offset: int, segment: Segment) -> Page:
    return (*page[:offset], segment, *page[offset + 1 :])
