"""Contexts for questions about long meetings: how soon there is one, and how small it is.

The context service and the assistant are processes of their own, asked as the gateway asks them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from benchmarks import rig
from benchmarks.measuring import Figure, latency
from benchmarks.talk import Talk
from contracts.events import CompactionRequested, ContextSummarised
from contracts.queries import ContextServed, ContextWanted
from services._runtime.app import Runtime
from services._runtime.settings import Settings
from services.context import room, tokens
from services.gateway import contexts

THREE_HOURS = 3600
"""Segments."""
MEETINGS = {"10 min": 200, "1 h": 1200, "3 h": THREE_HOURS, "8 h": 9600}
QUESTIONS = 1000
COLD = 5
LIVE_SECONDS = 60.0
SEGMENT_SECONDS = 0.5
"""While the meeting is live; four times as fast as people talk."""
JOIN_EVERY = 10
"""Segments from one participant to the next."""
ASK_SECONDS = 0.1
FINDABLE = 50
ASKED_OF_EACH = 20
REST_SECONDS = 1.5
SHARES = (0.5, 0.95, 0.99)
_EMPTY = "an empty NATS request"


async def latencies(given: Settings) -> list[Figure]:
    """Of contexts over three hours of a meeting: at rest, right after a start, and live."""
    talk = Talk()
    async with rig.runtime(given) as own:
        await _held(own, talk, THREE_HOURS)
        cold = [await _cold(own, question) for question in talk.questions(COLD)]
        async with rig.apart(own, "context"):
            await _took(own, "")
            warm = [await _took(own, question) for question in talk.questions(QUESTIONS)]
            live = await _live(own, talk)
            in_context = [await _in_context(own, talk, number) for number in range(FINDABLE)]
            async with rig.gateway(own) as http:
                in_search = [await _in_search(own, http, talk, n) for n in range(FINDABLE)]
        raw = await _empty(own)
    return [
        *_told("context over 3 h", warm, raw),
        *_told("context over 3 h, live", live, raw),
        latency("context over 3 h, first after a start", _EMPTY, cold, raw),
        *_findable("heard to findable in the context", in_context, raw),
        *_findable("heard to findable in GET /v1/search", in_search, raw),
    ]


async def prompt_tokens(given: Settings) -> list[Figure]:
    """What 20 questions cost in tokens, beside sending all that was said each time."""
    found = []
    async with rig.runtime(given) as own:
        for number, (name, segments) in enumerate(MEETINGS.items()):
            session_id = f"{rig.SESSION}{number}"
            talk = Talk(session_id)
            whole = await _held(own, talk, segments, session_id)
            async with rig.apart(own, "context"):
                spent = 0
                for question in talk.questions(ASKED_OF_EACH):
                    spent += (await _context(own, question, session_id)).context.tokens
            found.append(
                Figure(
                    name=f"prompt tokens of {ASKED_OF_EACH} questions over {name}",
                    unit="tokens",
                    ours=spent,
                    baseline=whole * ASKED_OF_EACH,
                    baseline_is="all that was said, each time",
                    runs=1,
                )
            )
    return found


def _told(name: str, taken: Sequence[tuple[float, float]], raw: Sequence[float]) -> list[Figure]:
    asked, chosen = zip(*taken, strict=True)
    return [
        *(latency(name, _EMPTY, asked, raw, share) for share in SHARES),
        *(latency(f"{name}: assembly", _EMPTY, chosen, raw, share) for share in SHARES),
    ]


def _findable(name: str, taken: Sequence[float], raw: Sequence[float]) -> list[Figure]:
    return [latency(name, _EMPTY, taken, raw, share) for share in (0.5, 1.0)]


async def _held(own: Runtime, talk: Talk, segments: int, session_id: str = rig.SESSION) -> int:
    """A meeting in the log, summarised as far as it is going to be; what all of it costs."""
    await rig.session(own, session_id)
    for segment in talk.segments(segments):
        await own.publisher.append(segment)
    async with rig.apart(own, "context", "llm"):
        while not await _is_at_rest(own, session_id):
            pass
        known = room.fold(await own.log.read(session_id))
    return tokens.of_units(sum(tokens.units(known.line(one)) for one in known.segments()))


async def _is_at_rest(own: Runtime, session_id: str) -> bool:
    before = await own.log.last_seq(session_id)
    await _context(own, "", session_id)
    await asyncio.sleep(REST_SECONDS)
    events = [event for _, event in await own.log.read(session_id)]
    wanted = sum(isinstance(event, CompactionRequested) for event in events)
    made = sum(isinstance(event, ContextSummarised) for event in events)
    return wanted == made and await own.log.last_seq(session_id) == before


async def _context(own: Runtime, question: str, session_id: str = rig.SESSION) -> ContextServed:
    last = await own.log.last_seq(session_id)
    wanted = ContextWanted(session_id=session_id, query=question, min_seq=last)
    return await contexts.context(own, wanted)


async def _took(own: Runtime, question: str) -> tuple[float, float]:
    """Seconds from question to context, and those of them that the assembly took."""
    start = time.perf_counter()
    served = await _context(own, question)
    return time.perf_counter() - start, served.assembly_seconds


async def _cold(own: Runtime, question: str) -> float:
    async with rig.apart(own, "context"):
        return (await _took(own, question))[0]


async def _live(own: Runtime, talk: Talk) -> list[tuple[float, float]]:
    """Questions while the meeting goes on and people join."""
    taken = []
    async with _going_on(own, talk):
        until = time.monotonic() + LIVE_SECONDS
        for question in talk.questions(int(LIVE_SECONDS / ASK_SECONDS)):
            if time.monotonic() > until:
                break
            taken.append(await _took(own, question))
            await asyncio.sleep(ASK_SECONDS)
    return taken


@asynccontextmanager
async def _going_on(own: Runtime, talk: Talk) -> AsyncIterator[None]:
    async def go_on() -> None:
        number = 0
        while True:
            for segment in talk.segments(JOIN_EVERY):
                await own.publisher.append(segment)
                await asyncio.sleep(SEGMENT_SECONDS)
            number += 1
            await own.publisher.append(talk.joined(number))

    going_on = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going_on.cancel()
        await asyncio.wait([going_on])


async def _in_context(own: Runtime, talk: Talk, number: int) -> float:
    segment = talk.segment(f"the zanzibar{number} came up")
    start = time.perf_counter()
    seq = await own.publisher.append(segment)
    wanted = ContextWanted(session_id=rig.SESSION, query=f"zanzibar{number}?", min_seq=seq)
    served = await contexts.context(own, wanted)
    took = time.perf_counter() - start
    quoted = {one.segment_id for part in served.context.parts for one in part.segments}
    assert segment.segment_id in quoted
    return took


async def _in_search(own: Runtime, http: httpx.AsyncClient, talk: Talk, number: int) -> float:
    segment = talk.segment(f"the xanadu{number} came up")
    start = time.perf_counter()
    await own.publisher.append(segment)
    while True:
        found = await http.get("/v1/search", params={"q": f"xanadu{number}"})
        if found.raise_for_status().json()["items"]:
            return time.perf_counter() - start


async def _empty(own: Runtime) -> list[float]:
    subject = "bench.empty"
    async with rig.runtime(own.settings) as other:

        async def reply(message: object) -> None:
            await message.respond(b"")  # type: ignore[attr-defined]

        await other.nc.subscribe(subject, cb=reply)
        await other.nc.flush()
        taken = []
        for _ in range(QUESTIONS):
            start = time.perf_counter()
            await own.nc.request(subject, b"", timeout=5)
            taken.append(time.perf_counter() - start)
    return taken
