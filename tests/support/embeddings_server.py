"""A scripted server that speaks OpenAI's embeddings, to try what happens when it misbehaves.

One step of the script a request, in order; when they are used up it answers well, with vectors that
tell the texts' words apart. In a test:

    async with embedding(problem(429, Retry_After="0.1"), ok()) as server:
        ... server.url ... server.texts
"""

import asyncio
import json
import zlib
from contextlib import asynccontextmanager

from tests.support.openai_server import OpenAIServer, _read

LENGTH = 1024


def vector(text, length=LENGTH):
    """Alike for texts that share words, and for each meaning that is one word to us."""
    found = [0.01] * length
    for word in text.lower().split():
        found[zlib.crc32(word.strip(".,?!").encode()) % length] += 1
    return found


def ok(length=LENGTH, *, keep=None, order=1, index=True):
    """A vector for each text; `keep` of them, in reverse `order`, without an index."""

    async def step(reply, request):
        texts = request.body["input"]
        rows = [
            {"object": "embedding", "embedding": vector(text, length)}
            | ({"index": at} if index else {})
            for at, text in enumerate(texts)
        ]
        body = {"object": "list", "data": rows[:keep][::order], "model": "e", "usage": {}}
        await reply.plain(200, json.dumps(body).encode(), Content_Type="application/json")

    return step


def problem(status, **headers):
    async def step(reply, request):
        await reply.problem(status, **headers)

    return step


def stall(seconds=60.0):
    async def step(reply, request):
        await asyncio.sleep(seconds)
        reply.reset()

    return step


def reset():
    async def step(reply, request):
        reply.reset()

    return step


def body(data):
    async def step(reply, request):
        await reply.plain(200, data, Content_Type="application/json")

    return step


class EmbeddingsServer(OpenAIServer):
    """`texts` are those that came, request by request; `refuses` says which are no good."""

    def __init__(self, script=()):
        super().__init__(script)
        self.refuses = lambda text: False

    @property
    def texts(self):
        return [request.body["input"] for request in self.requests]

    async def _handle(self, reader, reply):
        request = await _read(reader)
        assert request.path == "/v1/embeddings", request.path
        self.requests.append(request)
        if any(map(self.refuses, request.body["input"])):
            await reply.problem(400)
            return
        step = self.script.popleft() if self.script else ok()
        await step(reply, request)


@asynccontextmanager
async def embedding(*script):
    """A server with this script, while the block runs."""
    server = EmbeddingsServer(script)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
