"""A running gateway for a test, and a scripted stand-in for the services behind it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from contracts import subjects
from contracts.events import (
    Coverage,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SegmentRef,
    Usage,
)
from services._runtime.app import Runtime
from services._runtime.clock import now
from services.gateway.service import serve
from tests.support.facts import heard, requested, started


@dataclass
class Running:
    """A gateway that listens, its runtime, and a client of it."""

    runtime: Runtime
    port: int
    http: httpx.AsyncClient
    serving: asyncio.Task

    def socket_url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def session(self, session_id="s1", segments=0, **fields) -> int:
        """A live session with segments 0, 1, ...; returns its last sequence."""
        await self.runtime.keyring.create(session_id)
        await self.runtime.publisher.append(requested(session_id, **fields))
        last = await self.runtime.publisher.append(started(session_id))
        for number in range(segments):
            last = await self.runtime.publisher.append(heard(number, session_id=session_id))
        return last


@asynccontextmanager
async def gateway(server, **settings):
    """Start a gateway on a free port and stop it at the end."""
    async with server.runtime("gateway", port=0, **settings) as runtime:
        listening = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(runtime, listening.set_result))
        await asyncio.wait({listening, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        base_url = f"http://127.0.0.1:{listening.result()}"
        async with httpx.AsyncClient(base_url=base_url, timeout=20, trust_env=False) as http:
            yield Running(runtime, listening.result(), http, serving)
        serving.cancel()
        await asyncio.wait({serving}, timeout=10)


def answered(asked, **fields) -> QueryAnswered:
    """An answer to a question that cites one segment."""
    defaults = {
        "session_id": asked.session_id,
        "time": now(),
        "query_id": asked.query_id,
        "task": asked.task,
        "answer": "It was number one.",
        "citations": (SegmentRef(segment_id="seg1", seq=4, start=3.0, end=5.0, speaker="Ada"),),
        "as_of_seq": 5,
        "coverage": Coverage(segments=2, verbatim=2, summarised=0, not_covered=0),
        "model": "scripted",
        "prompt_version": "1",
        "usage": Usage(input_tokens=10, output_tokens=5),
    }
    return QueryAnswered(**defaults | fields)


def failed(asked, reason) -> QueryFailed:
    return QueryFailed(
        session_id=asked.session_id,
        time=now(),
        query_id=asked.query_id,
        task=asked.task,
        reason=reason,
    )


@asynccontextmanager
async def answering(runtime, reply):
    """Give each question to `reply`, which returns a conclusion or None; yields the questions."""

    seen = []

    async def work():
        filters = [subjects.type_in_every_session(QueryAsked)]
        async for batch in runtime.reader.follow(filters, 0):
            for _, asked in batch.events:
                seen.append(asked)
                if (conclusion := await reply(asked)) is not None:
                    await runtime.publisher.append(conclusion)

    working = asyncio.create_task(work())
    try:
        yield seen
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
