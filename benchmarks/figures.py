"""The figures, one function each: what Earshot does, beside the same work done raw."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks import rig
from benchmarks.measuring import Figure, latency, rate
from contracts import codec, ids, streams, subjects
from contracts.commands import AnswerQuery
from contracts.events import QueryAnswered
from services._runtime.app import Runtime
from services._runtime.outbox import Outbox
from services._runtime.projection import Batch, project
from services._runtime.pull import Pull
from services._runtime.settings import Settings
from services._runtime.spool import Spool
from services.context import assembly, room
from services.context.indexing import Indices
from services.context.retrieval.index import Index
from services.context.service import serve as context
from services.context.state import Room
from services.llm import extractive
from services.llm.service import serve as llm

SAMPLES = 300
EVENTS = 20_000
QUESTIONS = 100
MEETING = 150


async def durable(given: Settings) -> Figure:
    """From a final segment in hand to its acknowledgement by the log, through disk."""
    async with rig.runtime(given) as own:
        await rig.session(own)
        with Spool(given.data_dir / "spool") as spool:
            outbox = Outbox(spool, own.keyring, given.nats, given.spool_bytes)
            pumping = asyncio.create_task(outbox.run())
            await outbox.put(rig.segment(-1))
            await outbox.drained()
            ours = []
            for number in range(SAMPLES):
                start = time.perf_counter()
                await outbox.put(rig.segment(number))
                await outbox.drained()
                ours.append(time.perf_counter() - start)
            pumping.cancel()
            await asyncio.wait([pumping])
        raw = [await _published(own, number) for number in range(SAMPLES)]
    return latency("final segment to durable", "one plain publish and its ack", ours, raw)


async def _published(own: Runtime, number: int) -> float:
    event = rig.segment(SAMPLES + number)
    body = codec.encode(event)
    start = time.perf_counter()
    await own.js.publish(subjects.of(event), body, headers={"Nats-Msg-Id": ids.of_event(event)})
    return time.perf_counter() - start


async def live_fold(given: Settings) -> Figure:
    """From the append of a segment to its being in the folded room."""
    async with rig.runtime(given) as own, rig.runtime(given) as reading:
        await rig.session(own, "live")
        known, folded = room.initial, asyncio.Event()

        async def on_batch(batch: Batch) -> None:
            nonlocal known
            known = room.fold(batch.events, known)
            folded.set()

        filters = [subjects.session_events("live")]
        following = asyncio.create_task(project(reading.reader, filters, 0, on_batch))
        ours = []
        for number in range(SAMPLES):
            folded.clear()
            start = time.perf_counter()
            seq = await own.publisher.append(rig.segment(number, "live"))
            while known.seq < seq:
                await folded.wait()
                folded.clear()
            ours.append(time.perf_counter() - start)
        following.cancel()
        await asyncio.wait([following])
        raw = await _heard_by_core(own, reading)
    return latency("live fold", "publish, ack and a core subscriber's callback", ours, raw)


async def _heard_by_core(own: Runtime, reading: Runtime) -> list[float]:
    heard = asyncio.Event()

    async def on_message(_: object) -> None:
        heard.set()

    subscription = await reading.nc.subscribe(subjects.session_events("raw"), cb=on_message)
    await reading.nc.flush()
    taken = []
    for number in range(SAMPLES):
        event = rig.segment(number, "raw")
        heard.clear()
        start = time.perf_counter()
        await own.js.publish(subjects.of(event), codec.encode(event))
        await heard.wait()
        taken.append(time.perf_counter() - start)
    await subscription.unsubscribe()
    return taken


async def rebuild(given: Settings) -> Figure:
    """A long session's log to its room again: read, open, decode, fold."""
    async with rig.runtime(given) as own:
        await rig.session(own, "long")
        with Spool(given.data_dir / "spool-long") as spool:
            outbox = Outbox(spool, own.keyring, given.nats, given.spool_bytes)
            pumping = asyncio.create_task(outbox.run())
            for number in range(EVENTS):
                await outbox.put(rig.segment(number, "long"))
            await outbox.drained()
            pumping.cancel()
            await asyncio.wait([pumping])
        ours = await _timed(lambda: own.log.read("long"))
        events = await own.log.read("long")
        start = time.perf_counter()
        known = room.initial
        for at in range(0, len(events), MEETING):
            # A live room is compacted; without that the fold of a long tail would be measured.
            known = room.fold(events[at : at + MEETING], known)
            known = Room(seq=known.seq, requested=True)
        ours += time.perf_counter() - start
        raw = await _timed(lambda: _read_raw(own))
    return rate("rebuild", "the same messages read and thrown away", EVENTS, ours, raw)


async def _read_raw(own: Runtime) -> None:
    filters = [subjects.session_events("long")]
    async with Pull(own.nc, own.js, streams.MEETINGS.name, filters) as pull:
        async for _ in pull.stored():
            pass


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def question(given: Settings) -> Figure:
    """From a question in the log to its answer in the log, over what the assistant itself takes."""
    async with rig.serving(given, context=context, llm=llm), rig.runtime(given) as own:
        await rig.session(own)
        for number in range(MEETING):
            await own.publisher.append(rig.segment(number))
        answers: asyncio.Queue[None] = asyncio.Queue()

        async def on_answer(_: object) -> None:
            answers.put_nowait(None)

        await own.nc.subscribe(subjects.events_of_type(rig.SESSION, QueryAnswered), cb=on_answer)
        await own.publisher.append(rig.question(-1))
        await answers.get()
        ours = []
        for number in range(QUESTIONS):
            start = time.perf_counter()
            await own.publisher.append(rig.question(number))
            await answers.get()
            ours.append(time.perf_counter() - start)
        known = room.fold(await own.log.read(rig.SESSION))
    index = await Indices(1).of(rig.SESSION, known)
    raw = [_answered(known, index, number, given.context_tokens) for number in range(QUESTIONS)]
    return latency("question overhead", "the extractive assistant alone", ours, raw)


def _answered(known: Room, index: Index, number: int, budget: int) -> float:
    asked = rig.question(number)
    job = AnswerQuery(
        session_id=asked.session_id,
        query_id=asked.query_id,
        task=asked.task,
        query=asked.query,
        deadline=asked.deadline,
        context=assembly.assemble(known, asked.query, budget, index),
    )
    start = time.perf_counter()
    extractive.answered(job)
    return time.perf_counter() - start


EVERY: dict[str, Callable[[Settings], Awaitable[Figure]]] = {
    "durable": durable,
    "fold": live_fold,
    "rebuild": rebuild,
    "question": question,
}
