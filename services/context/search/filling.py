"""Gives the windows of an index their vectors, behind what is found by its words.

Text is embedded again only where it changed. A text that the embedder never takes has none.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from services.context.embedding.seam import Embedder, EmbeddingError, UnfitTextError
from services.context.search import embedding
from services.context.search.embedding import Window
from services.context.search.store import Store

log = structlog.get_logger()

FILL_SECONDS = 1.0
GROWING_SECONDS = 10.0
"""How often windows are embedded that lines are still added to: each time is a call more."""
AWAY_SECONDS = 30.0


class Filling:
    """The vectors of one index."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store, self._embedder = store, embedder
        self._grown_at = time.monotonic() - GROWING_SECONDS

    async def run(self) -> None:
        """Embed for ever; raises StoreError."""
        await self._store.work(lambda held: embedding.use_model(held, self._embedder.model))
        while True:
            windows = await self._stale()
            try:
                await self._fill(windows)
            except EmbeddingError as error:
                log.warning("search.not_embedded", error=str(error))
                await asyncio.sleep(AWAY_SECONDS)
            if len(windows) < embedding.BATCH:
                await asyncio.sleep(FILL_SECONDS)

    async def _stale(self) -> list[Window]:
        growing = time.monotonic() - self._grown_at >= GROWING_SECONDS
        windows = await self._store.work(lambda held: embedding.stale(held, growing=growing))
        if growing and len(windows) < embedding.BATCH:
            self._grown_at = time.monotonic()
        return windows

    async def _fill(self, windows: Sequence[Window]) -> None:
        """Raises EmbeddingError where there are vectors for none."""
        told = [window for window in windows if window.text.strip()]
        blank = [window for window in windows if not window.text.strip()]
        if blank:
            await self._store.work(lambda held: embedding.leave(held, blank))
        if told:
            try:
                await self._embed(told)
            except UnfitTextError:
                await self._fill_one_by_one(told)

    async def _fill_one_by_one(self, windows: Sequence[Window]) -> None:
        """Leave those that are no good, if it is them and not the embedder."""
        unfit = []
        for window in windows:
            try:
                await self._embed([window])
            except UnfitTextError:
                unfit.append(window)
        if len(unfit) == len(windows):
            raise EmbeddingError("no text is taken")
        await self._store.work(lambda held: embedding.leave(held, unfit))

    async def _embed(self, windows: Sequence[Window]) -> None:
        vectors = await self._embedder.embed([window.text for window in windows])
        await self._store.work(lambda held: embedding.keep(held, windows, vectors))
