"""Server-sent events: when a client wants them, what one looks like, and a beat while none come."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

import msgspec
from fastapi import Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

T = TypeVar("T")

BEAT_SECONDS = 15.0
HEARTBEAT = KEEPALIVE_COMMENT
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def is_wanted(request: Request) -> bool:
    """Whether the client accepts server-sent events by name."""
    return "text/event-stream" in request.headers.get("accept", "")


def event(name: str, content: msgspec.Struct) -> bytes:
    """One event with a struct as its data."""
    return raw_event(name, msgspec.json.encode(content).decode())


def raw_event(name: str, data: str, event_id: int | None = None) -> bytes:
    """One event; `data` is written as it is."""
    identity = None if event_id is None else str(event_id)
    return format_sse_event(data_str=data, event=name, id=identity)


async def beating(
    source: AsyncGenerator[T, None], closing: asyncio.Event, seconds: float | None = None
) -> AsyncGenerator[T | None, None]:
    """What `source` gives, and None whenever it gave nothing for so long; ends when closing."""
    closed = asyncio.create_task(closing.wait())
    upcoming: asyncio.Task[T] | None = None
    try:
        while not closed.done():
            upcoming = upcoming or asyncio.create_task(_next(source))
            await asyncio.wait(
                {upcoming, closed},
                timeout=seconds or BEAT_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not upcoming.done():
                yield None
                continue
            try:
                item = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield item
    finally:
        await _stop(closed, upcoming)
        await source.aclose()


async def _next(source: AsyncGenerator[T, None]) -> T:
    return await anext(source)


async def _stop(*tasks: asyncio.Task[T] | asyncio.Task[bool] | None) -> None:
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)
