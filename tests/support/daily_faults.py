"""How Daily's REST interface speaks HTTP in a test, well or badly; `daily_rest` is what it says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A request as it came; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply:
    """Writes one HTTP response, well or badly."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.done = False

    async def plain(self, status: int, body: bytes, **headers: str) -> None:
        given = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        given += f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        self.done = True
        self._writer.write(f"HTTP/1.1 {status} -\r\n{given}\r\n".encode() + body)
        await self._writer.drain()

    async def json(self, status: int, body: object, **headers: str) -> None:
        await self.plain(
            status, json.dumps(body).encode(), Content_Type="application/json", **headers
        )

    async def raw(self, data: bytes) -> None:
        self.done = True
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        self.done = True
        self._writer.transport.abort()


Fault = Callable[[Reply], Awaitable[None]]
"""What happens to a request; where it writes nothing, the request is answered as usual after it."""


def error(status: int = 500, code: str = "server-error", info: str = "scripted", **headers: str):
    """Answer with Daily's error body; header names with _ for -."""
    return lambda reply: reply.json(status, {"error": code, "info": info}, **headers)


def rate_limited(retry_after: float | str | None = None) -> Fault:
    headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return error(429, "rate-limit-error", **headers)


def answered(body: bytes, status: int = 200, **headers: str) -> Fault:
    """Answer with these bytes, whatever was asked."""
    return lambda reply: reply.plain(status, body, **headers)


def malformed() -> Fault:
    return answered(b'{"name": "wee')


def raw(data: bytes) -> Fault:
    """Send these bytes and close: no HTTP, or half of it."""
    return lambda reply: reply.raw(data)


def reset() -> Fault:
    """Reset the connection before the response."""

    async def fault(reply: Reply) -> None:
        reply.reset()

    return fault


def slow(seconds: float) -> Fault:
    """Answer as usual, but so much later."""
    return lambda _: asyncio.sleep(seconds)


async def read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, body)
