"""Whole meetings, logged as the services would have done it, many at a time. Measures nothing.

One meeting is made and compacted by the real fold; the others differ from it in ids and words.
"""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from benchmarks import rig
from contracts import codec, ids, streams, subjects
from contracts.events import ContextSummarised, Event, SessionEnded, SessionRequested
from contracts.events.base import Usage
from services._runtime.app import Runtime
from services._runtime.jetstream import KEY
from services._runtime.publishing import event_headers
from services.context import compaction, room
from services.context.compaction import Policy
from services.context.state import Room

LENGTH = 6
WINDOW = 2000
"""Messages on their way to the server at a time."""
SUMMARY_CHARS = 1200


class _Stored(msgspec.Struct, frozen=True):
    """An event before it is sealed, with `_TEMPLATE` for its session."""

    kind: type[Event]
    body: bytes
    headers: dict[str, str]


_TEMPLATE = "s" + LENGTH * "x"


class Meetings:
    """`count` meetings of `events` events each."""

    def __init__(self, count: int, events: int, policy: Policy) -> None:
        self.ids = tuple(f"s{number:0{LENGTH}d}" for number in range(count))
        self._stored = tuple(_stored(event) for event in _history(events, policy))

    def expected(self, session_id: str, seqs: Sequence[int]) -> Room:
        """The room that a meeting makes whose events stand at these places in the log."""
        told = (self._told(one, session_id) for one in self._stored)
        return room.fold(zip(seqs, told, strict=True))

    async def log(self, own: Runtime, *, interleaved: bool) -> None:
        """Log all of them, at the same time or one after the other."""
        keys = {one: await own.keyring.create(one) for one in self.ids}
        places = range(len(self._stored))
        pairs = (
            ((one, place) for place in places for one in self.ids)
            if interleaved
            else ((one, place) for one in self.ids for place in places)
        )
        sent = 0
        for one, place in pairs:
            stored = self._stored[place]
            sealed = codec.seal(_renamed(stored.body, one), keys[one])
            headers = {name: _told(value, one) for name, value in stored.headers.items()}
            await own.nc.publish(subjects.events_of_type(one, stored.kind), sealed, headers=headers)
            sent += 1
            if sent % WINDOW == 0:
                await _stored_all(own, sent - WINDOW)
        await _stored_all(own, sent)

    @staticmethod
    def _told(stored: _Stored, session_id: str) -> Event:
        event = codec.events.decode(_renamed(stored.body, session_id))
        assert event is not None
        return event


async def _stored_all(own: Runtime, count: int) -> None:
    await own.nc.flush(60)
    while True:
        state = (await own.js.stream_info(streams.MEETINGS.name)).state
        if state.messages >= count:
            return
        await asyncio.sleep(0.01)


def _renamed(body: bytes, session_id: str) -> bytes:
    return body.replace(_TEMPLATE.encode(), session_id.encode())


def _told(text: str, session_id: str) -> str:
    return text.replace(_TEMPLATE, session_id)


def _stored(event: Event) -> _Stored:
    headers = event_headers(event) | {KEY: ids.of_event(event)}
    return _Stored(type(event), codec.encode(event), headers)


def _history(count: int, policy: Policy) -> Iterator[Event]:
    """A meeting of `count` events: requested, heard and summarised by turns, and ended."""
    known, number = room.initial, 0
    waiting: list[Event] = [
        SessionRequested(session_id=_TEMPLATE, time=rig.START, source="recording")
    ]
    while known.seq < count - 1:
        if not waiting:
            waiting.append(rig.segment(number, _TEMPLATE))
            number += 1
        event = waiting.pop(0)
        known = room.evolve(known, (known.seq + 1, event))
        waiting += _summing_up(known, policy)
        yield event
    yield SessionEnded(session_id=_TEMPLATE, time=rig.START, reason="source_ended")


def _summing_up(known: Room, policy: Policy) -> tuple[Event, ...]:
    if (wanted := compaction.due(known, policy)) is None:
        return ()
    asked = compaction.request(_TEMPLATE, known, wanted, rig.START)
    work = compaction.job(_TEMPLATE, room.evolve(known, (known.seq + 1, asked)))
    assert work is not None
    text = "".join(part.text for part in work.source)[:SUMMARY_CHARS]
    made = ContextSummarised(
        session_id=_TEMPLATE,
        time=rig.START,
        compaction_id=asked.compaction_id,
        level=asked.level,
        first_segment_id=asked.first_segment_id,
        last_segment_id=asked.last_segment_id,
        text=text,
        cited=(asked.first_segment_id, asked.last_segment_id),
        model="extractive",
        prompt_version="1",
        usage=Usage(),
    )
    return asked, made
