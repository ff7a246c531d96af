"""A scripted server that speaks OpenAI's chat completions, to try what happens when it misbehaves.

One step of the script a request, in order; when they are used up it answers well. In a test:

    async with serving(rate_limited(1), ok("It is ", "done [1].")) as server:
        ... server.url ... server.requests

As a process, printing its URL:

    python -m tests.support.openai_server --port 0 --script ok,429:2,500

Steps: ok[:text] 429[:seconds] 500 (any status) reset drop stall[:seconds] hang[:seconds] malformed
garbage refusal filter empty bare[:text] cut[:text] report.
"""

import argparse
import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

ANSWER = ("As far as ", "the meeting goes, ", "yes [1].")
USAGE = {"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333}
_TOO_MANY = 429

Step = Callable[["Reply"], Awaitable[None]]


class Request(msgspec.Struct, frozen=True):
    """A chat request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Reply:
    """Writes one HTTP response, well or badly."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def plain(self, status: int, body: bytes, **headers: str) -> None:
        given = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        given += f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        await self._write(f"HTTP/1.1 {status} -\r\n{given}\r\n".encode() + body)

    async def problem(self, status: int, **headers: str) -> None:
        error = {"error": {"message": "scripted", "type": "scripted", "code": None}}
        await self.plain(
            status, json.dumps(error).encode(), Content_Type="application/json", **headers
        )

    async def open(self, kind: str = "text/event-stream") -> None:
        head = f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close"
        await self._write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())

    async def raw(self, data: bytes) -> None:
        await self._write(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, data: object) -> None:
        await self.raw(b"data: " + json.dumps(data).encode() + b"\n\n")

    async def delta(self, finish: str | None = None, **delta: str) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        await self.event(_chunk(choices=[choice]))

    async def pieces(self, texts: Iterable[str]) -> None:
        await self.open()
        await self.delta(role="assistant", content="", reasoning_content="thinking")
        for text in texts:
            await self.delta(content=text)

    async def done(self, *, usage: bool = True) -> None:
        if usage:
            await self.event(_chunk(choices=[], usage=USAGE))
        await self.raw(b"data: [DONE]\n\n")
        await self._write(b"0\r\n\r\n")

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    def reset(self) -> None:
        self._writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _chunk(**fields: object) -> dict[str, object]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", **fields}


def ok(*texts: str, usage: bool = True, finish: str = "stop") -> Step:
    """Stream these pieces, then the usage, which some servers leave out."""

    async def step(reply: Reply) -> None:
        await reply.pieces(texts or ANSWER)
        await reply.delta(finish=finish)
        await reply.done(usage=usage)

    return step


def error(status: int = 500) -> Step:
    return lambda reply: reply.problem(status)


def rate_limited(retry_after: float | str | None = None) -> Step:
    headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return lambda reply: reply.problem(_TOO_MANY, **headers)


def reset(*texts: str) -> Step:
    """Reset the connection after these pieces; without any, before the response."""

    async def step(reply: Reply) -> None:
        if texts:
            await reply.pieces(texts)
        reply.reset()

    return step


def stall(seconds: float = 60.0, *texts: str) -> Step:
    """Say nothing for so long, after these pieces or before the response, then reset."""

    async def step(reply: Reply) -> None:
        if texts:
            await reply.pieces(texts)
        await asyncio.sleep(seconds)
        reply.reset()

    return step


def cut(*texts: str) -> Step:
    """End the stream in good order before the answer does."""

    async def step(reply: Reply) -> None:
        await reply.pieces(texts or ANSWER[:1])
        await reply.end()

    return step


def malformed(data: bytes = b'data: {"choices": [{"delta": {"con\n\n', *texts: str) -> Step:
    """Send these bytes in the midst of a stream."""

    async def step(reply: Reply) -> None:
        await reply.pieces(texts or ANSWER[:1])
        await reply.raw(data)
        await reply.done()

    return step


def garbage(body: bytes = b"<html>It works!</html>", kind: str = "text/html") -> Step:
    """Answer 200 with something that is no stream."""
    return lambda reply: reply.plain(200, body, Content_Type=kind)


def refusal() -> Step:
    async def step(reply: Reply) -> None:
        await reply.open()
        await reply.delta(role="assistant", refusal="I would rather not.")
        await reply.delta(finish="stop")
        await reply.done()

    return step


def empty() -> Step:
    return ok("", " \n")


def content_filter() -> Step:
    return ok(ANSWER[0], finish="content_filter")


def report(code: str = "rate_limit_exceeded") -> Step:
    """Report an error inside the stream."""

    async def step(reply: Reply) -> None:
        await reply.pieces(ANSWER[:1])
        await reply.event({"error": {"message": "scripted", "code": code}})
        await reply.end()

    return step


class OpenAIServer:
    """Listens on loopback; `requests` are those that came, `script` the steps still to come."""

    def __init__(self, script: Iterable[Step] = ()) -> None:
        self.script = deque(script)
        self.requests: list[Request] = []
        self.url = ""
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._handle(reader, Reply(writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._handlers.discard(task)
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, reply: Reply) -> None:
        request = await _read(reader)
        if not request.path.endswith("/chat/completions"):
            await reply.plain(200, b'{"object":"list","data":[]}', Content_Type="application/json")
            return
        self.requests.append(request)
        step = self.script.popleft() if self.script else ok()
        await step(reply)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    path = head[0].split(" ")[1]
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(path, headers, json.loads(body) if body else {})


@asynccontextmanager
async def serving(*script: Step) -> AsyncIterator[OpenAIServer]:
    """A server with this script, while the block runs."""
    server = OpenAIServer(script)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


NAMED: dict[str, Callable[[str], Step]] = {
    "ok": lambda text: ok(*filter(None, (text,))),
    "bare": lambda text: ok(*filter(None, (text,)), usage=False),
    "cut": lambda text: cut(*filter(None, (text,))),
    "429": lambda seconds: rate_limited(float(seconds) if seconds else None),
    "reset": lambda _: reset(*ANSWER[:1]),
    "drop": lambda _: reset(),
    "stall": lambda seconds: stall(float(seconds or 60), *ANSWER[:1]),
    "hang": lambda seconds: stall(float(seconds or 60)),
    "malformed": lambda _: malformed(),
    "garbage": lambda _: garbage(),
    "refusal": lambda _: refusal(),
    "filter": lambda _: content_filter(),
    "empty": lambda _: empty(),
    "report": lambda _: report(),
}


def parse(script: str) -> list[Step]:
    """Steps from a comma-separated list; a number is an HTTP status."""
    named = (step.partition(":") for step in script.split(",") if step)
    return [
        error(int(name)) if name.isdigit() and name not in NAMED else NAMED[name](argument)
        for name, _, argument in named
    ]


async def _main(port: int, script: str) -> None:
    server = OpenAIServer(parse(script))
    await server.start(port)
    print(server.url, flush=True)  # noqa: T201  (a process says where it listens)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="A scripted OpenAI-compatible server.")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--script", default="")
    given = arguments.parse_args()
    asyncio.run(_main(given.port, given.script))
