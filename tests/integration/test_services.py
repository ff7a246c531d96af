"""Ingest, context and llm together on a real nats-server."""

import asyncio
import random

from contracts import ids, recording, streams, subjects
from contracts.commands import EndSession, PlayRecording
from contracts.events import (
    CompactionRequested,
    ContextSummarised,
    QueryAnswered,
    QueryAsked,
    RecordingAttached,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
)
from contracts.recording import RecordedSession
from services._runtime.blobs import Blobs
from services._runtime.kv import Bucket
from services.context.room import fold, state_hash
from services.context.snapshots import Snapshots
from tests.support.facts import asked, at, heard, requested, started
from tests.support.stack import running, served, until


async def attach(runtime, events, session_id="s1", mode="replay", speed=None):
    """What the gateway does with an upload."""
    await runtime.keyring.create(session_id)
    await runtime.publisher.append(requested(session_id))
    stored = recording.render_header(RecordedSession(session_id=session_id))
    stored += b"".join(recording.render_line(n, event) for n, event in enumerate(events, 1))
    blobs = await Blobs.open(runtime.js, streams.RECORDINGS, runtime.keyring)
    await blobs.put(session_id, "rec", stored)
    common = {"session_id": session_id, "recording_id": "rec", "mode": mode, "speed": speed}
    await runtime.publisher.append(RecordingAttached(time=at(), items=len(events), **common))
    await runtime.publisher.enqueue(PlayRecording(**common))


def segments(events):
    return [event.segment_id for _, event in events if isinstance(event, SegmentHeard)]


async def ended(runtime, session_id="s1"):
    async def check():
        events = await runtime.log.read(session_id)
        return events if isinstance(events[-1][1], SessionEnded) else None

    return await until(check)


async def answered(runtime, query_id, session_id="s1"):
    async def check():
        events = await runtime.log.read(session_id)
        return [
            event
            for _, event in events
            if isinstance(event, QueryAnswered) and event.query_id == query_id
        ]

    (answer,) = await until(check)
    return answer


async def test_a_recording_is_played_once_in_order_and_the_session_ends(server, runtime):
    said = [heard(number) for number in range(200)]
    async with running(server, "ingest"):
        await attach(runtime, said)
        events = await ended(runtime)
    assert segments(events) == [event.segment_id for event in said]
    assert events[-1][1].reason == "source_ended"


async def test_a_playback_resumes_after_ingest_vanished(server, runtime):
    said = [heard(number, time=at(number / 20)) for number in range(100)]
    await attach(runtime, said, speed=1.0)
    async with running(server, "ingest"):
        await until(lambda: _at_least(runtime, 20))
    # The server shall not recognise repetitions: resuming must not depend on it.
    meetings = (await runtime.js.stream_info(streams.MEETINGS.name)).config
    meetings.duplicate_window = 0.1
    await runtime.js.update_stream(meetings)
    async with running(server, "ingest"):
        events = await ended(runtime)
    assert segments(events) == [event.segment_id for event in said]


async def _at_least(runtime, count):
    return len(await runtime.log.read("s1")) >= count


async def test_a_live_playback_ends_when_asked(server, runtime):
    said = [heard(number, time=at(number)) for number in range(1000)]
    async with running(server, "ingest"):
        await attach(runtime, said, speed=1.0)
        await until(lambda: _at_least(runtime, 3))
        await runtime.publisher.enqueue(EndSession(session_id="s1"))
        events = await ended(runtime)
    assert events[-1][1].reason == "asked"
    assert len(segments(events)) < 10


async def test_a_question_is_answered_from_all_that_was_said_before_it(server, runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    await runtime.publisher.append(started())
    async with running(server, "context", "llm"):
        seq = await runtime.publisher.append(heard(1, "The launch code is marzipan."))
        await runtime.publisher.append(asked("q1", "What about the marzipan?"))
        answer = await answered(runtime, "q1")
    assert answer.as_of_seq > seq
    assert [one.segment_id for one in answer.citations] == ["seg1"]
    assert "marzipan" in answer.answer
    assert answer.model == "extractive"
    assert answer.coverage.verbatim == answer.coverage.segments == 1


async def long_meeting(runtime, count=300):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    for number in range(count):
        await runtime.publisher.append(heard(number, f"point {number} is about topic {number % 7}"))


def timeless(reply):
    """All of a reply but how long it took to make."""
    return reply.context, reply.state_hash


async def quiet(runtime):
    """Wait until compaction has come to rest: as many summaries as requests, twice in a row."""

    async def check():
        events = [event for _, event in await runtime.log.read("s1")]
        wanted = sum(isinstance(event, CompactionRequested) for event in events)
        made = sum(isinstance(event, ContextSummarised) for event in events)
        return events if made == wanted > 0 else None

    events = await until(check)
    await asyncio.sleep(0.5)
    return events if await check() == events else await quiet(runtime)


SMALL = {"compact_above_tokens": 400, "compact_down_to_tokens": 200}


async def test_a_long_meeting_is_compacted_and_nothing_is_left_out(server, runtime):
    async with running(server, "context", "llm", **SMALL):
        await long_meeting(runtime)
        await quiet(runtime)
        seq = await runtime.log.last_seq("s1")
        reply = await served(runtime, min_seq=seq, budget_tokens=1500)
    coverage = reply.context.coverage
    assert reply.context.tokens <= 1500
    assert (coverage.segments, coverage.not_covered) == (300, 0)
    assert coverage.summarised > 150
    assert reply.state_hash == state_hash(fold(await runtime.log.read("s1")))


async def test_without_snapshots_a_restart_gives_equal_state_and_asks_no_model(server, runtime):
    async with running(server, "context", "llm", **SMALL):
        await long_meeting(runtime, 120)
        await runtime.publisher.append(asked("q1", "topic 3"))
        await answered(runtime, "q1")
        await quiet(runtime)
        seq = await runtime.log.last_seq("s1")
        before = await served(runtime, min_seq=seq)
    await runtime.js.purge_stream(f"KV_{streams.CTX}")
    queued = (await runtime.js.stream_info(streams.JOBS.name)).state.last_seq
    async with running(server, "context", **SMALL):
        after = await served(runtime, min_seq=seq)
        await asyncio.sleep(1)
    assert timeless(after) == timeless(before)
    assert await runtime.log.last_seq("s1") == seq
    assert (await runtime.js.stream_info(streams.JOBS.name)).state.last_seq == queued


async def test_snapshots_spare_the_reading_and_change_nothing(server, runtime):
    async with running(server, "context", "llm", **SMALL):
        await long_meeting(runtime, 120)
        await quiet(runtime)
        seq = await runtime.log.last_seq("s1")
        before = await served(runtime, min_seq=seq)
    bucket = Bucket(runtime.nc, runtime.js, streams.CTX)
    assert (await bucket.get(subjects.snapshot("s1"))).revision > 0
    async with running(server, "context", **SMALL):
        assert timeless(await served(runtime, min_seq=seq)) == timeless(before)


async def test_a_question_asked_while_context_and_llm_are_away_is_answered_once(server, runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    await runtime.publisher.append(heard(1, "We meet on Tuesday."))
    await runtime.publisher.append(asked("q1", "When do we meet, Tuesday?"))
    async with running(server, "context"):
        await served(runtime, min_seq=await runtime.log.last_seq("s1"))
        await asyncio.sleep(0.3)
    async with running(server, "context", "llm"):
        await answered(runtime, "q1")
        await asyncio.sleep(0.5)
    events = await runtime.log.read("s1")
    assert sum(isinstance(event, QueryAnswered) for _, event in events) == 1


async def test_a_question_folded_before_a_crash_is_handed_out_after_it(server, runtime):
    """The job was lost with its queue; the snapshot still says that the question is open."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    await runtime.publisher.append(heard(1, "We meet on Tuesday."))
    asked_at = await runtime.publisher.append(asked("q1", "When do we meet, Tuesday?"))
    async with running(server, "context"):
        await served(runtime, min_seq=asked_at)
    await runtime.js.delete_stream(streams.JOBS.name)
    await server.provision()
    async with running(server, "context", "llm"):
        assert (await answered(runtime, "q1")).query_id == "q1"


async def test_context_as_of_an_earlier_sequence(server, runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    first = await runtime.publisher.append(heard(1))
    await runtime.publisher.append(heard(2))
    async with running(server, "context"):
        now = await served(runtime, min_seq=first + 1)
        then = await served(runtime, at_seq=first)
    assert (now.context.coverage.segments, then.context.coverage.segments) == (2, 1)
    assert then.context.as_of_seq == first


async def test_what_nobody_can_read_is_skipped_and_stops_nothing(server, runtime):
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    for body in (b"garbage", b"{}", b""):
        await runtime.js.publish(subjects.events_of_type("s1", SegmentHeard), body)
    last = await runtime.publisher.append(heard(1))
    async with running(server, "context"):
        reply = await served(runtime, min_seq=last)
    assert reply.context.coverage.segments == 1


async def test_a_rolled_back_log_is_folded_anew(server, runtime):
    """After a power loss the server may reuse sequences; a snapshot of the lost ones is void."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    lost = await runtime.publisher.append(heard(1, "lost"))
    async with running(server, "context"):
        await served(runtime, min_seq=lost)
    await runtime.js.delete_stream(streams.MEETINGS.name)
    await server.provision()
    await runtime.publisher.append(requested())
    last = await runtime.publisher.append(heard(2, "kept"))
    assert last == lost
    async with running(server, "context"):
        reply = await served(runtime, min_seq=last)
    assert [one.segment_id for part in reply.context.parts for one in part.segments] == ["seg2"]


async def test_ids_of_questions_keep_them_single(runtime):
    await runtime.keyring.create("s1")
    first = await runtime.publisher.append(asked("q1"))
    assert await runtime.publisher.append(asked("q1", time=at(5))) == first
    assert ids.of_event(asked("q1")) == ids.of_event(asked("q1", time=at(5)))
    assert isinstance((await runtime.log.read("s1"))[0][1], QueryAsked)


async def test_a_meeting_too_large_for_a_snapshot_stops_nothing(server, runtime):
    """Forty thousand long segments at once: no snapshot can hold them until they are condensed."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    large = " ".join(random.Random(1).randbytes(4).hex() for _ in range(100_000))
    for number in range(12):
        await runtime.publisher.append(heard(number, large))
    last = await runtime.log.last_seq("s1")
    async with running(server, "context", compact_above_tokens=10**9):
        assert (await served(runtime, min_seq=last)).context.coverage.segments == 12
        await asyncio.sleep(1.5)
        last = await runtime.publisher.append(heard(99))
        assert (await served(runtime, min_seq=last)).context.coverage.segments == 13
    async with running(server, "context", compact_above_tokens=10**9):
        assert (await served(runtime, min_seq=last)).context.coverage.segments == 13


async def test_a_session_asked_for_during_the_start_is_whole(server, runtime, monkeypatch):
    """Its snapshot is gone and the checkpoint is not: asking early must not fold a hole."""
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    for number in range(10):
        last = await runtime.publisher.append(heard(number))
    async with running(server, "context"):
        await served(runtime, min_seq=last)
    await runtime.js.purge_stream(f"KV_{streams.CTX}", subject="$KV.CTX.s.>")
    slow = Snapshots.checkpoint

    async def later(self):
        await asyncio.sleep(0.5)
        return await slow(self)

    monkeypatch.setattr(Snapshots, "checkpoint", later)
    async with running(server, "context"):
        assert (await served(runtime)).context.coverage.segments == 10
        last = await runtime.publisher.append(heard(10))
        assert (await served(runtime, min_seq=last)).context.coverage.segments == 11


async def test_a_slow_rebuild_does_nothing_about_the_past(server, runtime, monkeypatch):
    async with running(server, "context", "llm", **SMALL):
        await long_meeting(runtime, 200)
        await quiet(runtime)
        seq = await runtime.log.last_seq("s1")
    await runtime.js.purge_stream(f"KV_{streams.CTX}")
    queued = (await runtime.js.stream_info(streams.JOBS.name)).state.last_seq
    jobs = (await runtime.js.stream_info(streams.JOBS.name)).config
    jobs.duplicate_window = 0.1
    await runtime.js.update_stream(jobs)
    monkeypatch.setattr("services.context.partition.SETTLE_SECONDS", -1.0)
    monkeypatch.setattr("services._runtime.pull.BATCH", 3)
    async with running(server, "context", **SMALL):
        await served(runtime, min_seq=seq)
        await asyncio.sleep(0.5)
    assert await runtime.log.last_seq("s1") == seq
    assert (await runtime.js.stream_info(streams.JOBS.name)).state.last_seq == queued


async def test_a_player_asked_to_end_before_it_began_plays_nothing(server, runtime):
    await attach(runtime, [heard(number) for number in range(2000)])
    await runtime.publisher.append(SessionEnding(session_id="s1", time=at()))
    async with running(server, "ingest"):
        events = await ended(runtime)
    assert segments(events) == []


async def test_context_outlives_a_long_absence_of_nats(server, runtime, monkeypatch):
    monkeypatch.setattr("services._runtime.jetstream.LIMIT_SECONDS", 0.5)
    await runtime.keyring.create("s1")
    await runtime.publisher.append(requested())
    async with running(server, "context", "llm"):
        await served(runtime, min_seq=await runtime.publisher.append(heard(1, "about zebras")))
        server.kill()
        await asyncio.sleep(4)
        await server.start()
        await until(lambda: back(runtime))
        await runtime.publisher.append(asked("q1", "what about zebras?"))
        assert (await answered(runtime, "q1")).citations


async def back(runtime):
    return runtime.nc.is_connected
