"""The directory of all sessions, kept up to the log. Holds no session's content."""

import asyncio

from services._runtime.projection import Batch, Reader, project
from services.gateway import directory
from services.gateway.directory import Directory

WAIT_SECONDS = 2.0


class Listing:
    """Follows every session's lifecycle; `caught_up` once it has seen the log's end."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._moved = asyncio.Condition()
        self.directory, self.caught_up = Directory(), False

    async def run(self) -> None:
        """Follow until cancelled."""
        await project(self._reader, directory.FILTERS, self.directory.upto, self._on_batch)

    async def seen(self, seq: int) -> bool:
        """Wait a little until the directory holds a sequence; False when it still does not."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._moved:
                await self._moved.wait_for(lambda: self.directory.upto >= seq)
        except TimeoutError:
            return False
        return True

    async def _on_batch(self, batch: Batch) -> None:
        async with self._moved:
            self.directory = directory.fold(self.directory, batch.events, batch.upto)
            self.caught_up = self.caught_up or batch.at_tip
            self._moved.notify_all()
