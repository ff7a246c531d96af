"""The vectors of what is asked: each made once, in time or not at all.

A question waits for its vector only so long, and for none while the embedder is away. What it
was is not kept, only a digest.
"""

import asyncio
from collections import OrderedDict
from hashlib import blake2b

import structlog

from services.context.embedding.seam import Embedder, EmbeddingError, Vectors

log = structlog.get_logger()

WAIT_SECONDS = 0.6
"""How long a question waits; a later vector serves the next that asks the same."""
AWAY_SECONDS = 30.0
"""After a failure, or while a vector is late, nothing is asked of the embedder for so long."""
HELD = 512
AT_ONCE = 32


class Questions:
    """Asks an embedder, remembers what it said last, and spares it while it is away."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._known: OrderedDict[bytes, Vectors] = OrderedDict()
        self._making: dict[bytes, asyncio.Task[None]] = {}
        self._away_until = 0.0

    async def vector(self, text: str) -> Vectors | None:
        """The vector, or None where there is none in time."""
        key = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        if key not in self._known and self._may_ask(key) and text.strip():
            making = self._making.get(key) or self._begin(key, text)
            done, _ = await asyncio.wait({making}, timeout=WAIT_SECONDS)
            if not done:
                self._rest("late")
        if (found := self._known.get(key)) is not None:
            self._known.move_to_end(key)
        return found

    async def aclose(self) -> None:
        """Give up what is under way, and let go of the embedder."""
        for making in self._making.values():
            making.cancel()
        if self._making:
            await asyncio.wait(self._making.values())
        await self.embedder.aclose()

    def _may_ask(self, key: bytes) -> bool:
        if asyncio.get_running_loop().time() < self._away_until:
            return False
        return key in self._making or len(self._making) < AT_ONCE

    def _begin(self, key: bytes, text: str) -> asyncio.Task[None]:
        making = self._making[key] = asyncio.create_task(self._make(key, text))
        making.add_done_callback(lambda _: self._making.pop(key))
        return making

    async def _make(self, key: bytes, text: str) -> None:
        try:
            found = await self.embedder.embed([text])
        except EmbeddingError as error:
            self._rest(str(error))
            return
        self._known[key], self._away_until = found[0], 0.0
        while len(self._known) > HELD:
            self._known.popitem(last=False)

    def _rest(self, cause: str) -> None:
        self._away_until = asyncio.get_running_loop().time() + AWAY_SECONDS
        log.warning("embedder.rests", seconds=AWAY_SECONDS, cause=cause)
