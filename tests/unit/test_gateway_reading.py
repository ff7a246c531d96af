"""The cache of folds: never older than the log, never larger than its bound."""

import asyncio

import pytest

from contracts.events import ParticipantJoined, SegmentRedacted, SpeakerRenamed
from services._runtime.session_log import UnknownSessionError
from services.gateway import reading
from services.gateway.reading import Sessions
from tests.support.facts import at, heard, requested


class Log:
    """A log in memory that counts what is read from it."""

    def __init__(self):
        self.events, self.reads, self.skipped = {}, [], 0

    def append(self, event):
        seq = 1 + sum(map(len, self.events.values()))
        self.events.setdefault(event.session_id, []).append((seq, event))

    async def last_seq(self, session_id):
        await asyncio.sleep(0)
        if session_id not in self.events:
            raise UnknownSessionError(session_id)
        return self.events[session_id][-1][0] + self.skipped

    async def read(self, session_id, after=0, upto=None):
        await asyncio.sleep(0)
        self.reads.append((session_id, after))
        events = self.events.get(session_id, [])
        return tuple(one for one in events if one[0] > after and (upto is None or one[0] <= upto))


@pytest.fixture
def log():
    made = Log()
    made.append(requested("s1"))
    return made


async def test_each_read_sees_the_last_event_and_reads_only_what_is_new(log):
    sessions = Sessions(log)
    for number in range(5):
        log.append(heard(number))
        view = await sessions.view("s1")
        assert view.counts.segments == number + 1
        assert (await sessions.transcript("s1")).seq == view.last_seq
    assert log.reads == [("s1", after) for after in (0, 2, 3, 4, 5)]


async def test_the_session_shows_how_much_is_left_and_what_people_are_called_by_now(log):
    sessions, of = Sessions(log), {"session_id": "s1", "time": at()}
    log.append(ParticipantJoined(**of, participant_id="p1", name="Ada"))
    log.append(heard(0, "one two three"))
    log.append(heard(1, "four"))
    view = await sessions.view("s1")
    assert (view.counts.segments, view.counts.words) == (2, 4)
    log.append(SegmentRedacted(**of, segment_id="seg0"))
    log.append(SpeakerRenamed(**of, change_id="c", speaker="p1", name="Liza"))
    view = await sessions.view("s1")
    assert (view.counts.segments, view.counts.words) == (1, 1)
    assert [one.name for one in view.participants] == ["Liza"]
    log.append(SpeakerRenamed(**of, change_id="d", speaker="p1", name="Grace"))
    assert [one.name for one in (await sessions.view("s1")).participants] == ["Grace"]


async def test_concurrent_readers_share_one_read(log):
    sessions = Sessions(log)
    views = await asyncio.gather(*(sessions.view("s1") for _ in range(10)))
    assert len(set(map(id, views))) == 1
    assert log.reads == [("s1", 0)]


async def test_an_event_nobody_can_read_is_passed_over_once(log):
    sessions = Sessions(log)
    log.skipped = 3
    await sessions.view("s1")
    await sessions.view("s1")
    assert log.reads == [("s1", 0)]


async def test_the_past_is_folded_up_to_its_sequence(log):
    for number in range(3):
        log.append(heard(number))
    past = await Sessions(log).transcript_at("s1", 3)
    assert [one.segment_id for _, one in past.said] == ["seg0", "seg1"]
    assert past.seq == 3


async def test_what_was_read_longest_ago_is_forgotten_first(log, monkeypatch):
    monkeypatch.setattr(reading, "MAX_SESSIONS", 2)
    for name in ("s2", "s3"):
        log.append(requested(name))
    sessions = Sessions(log)
    for name in ("s1", "s2", "s1", "s3", "s1", "s2"):
        await sessions.view(name)
    assert [name for name, _ in log.reads] == ["s1", "s2", "s3", "s2"]


async def test_long_meetings_make_room_but_the_one_being_read_stays(log, monkeypatch):
    monkeypatch.setattr(reading, "MAX_SEGMENTS", 3)
    log.append(requested("s2"))
    for number in range(5):
        log.append(heard(number))
        log.append(heard(number, session_id="s2"))
    sessions = Sessions(log)
    for name in ("s1", "s1", "s2", "s1"):
        assert (await sessions.view(name)).counts.segments == 5
    assert [name for name, _ in log.reads] == ["s1", "s2", "s1"]


async def test_an_unknown_session_is_not_kept(log):
    sessions = Sessions(log)
    with pytest.raises(UnknownSessionError):
        await sessions.view("nobody")
    assert len(sessions._kept) == 0
