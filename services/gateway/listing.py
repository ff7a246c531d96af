"""The directory of all sessions, kept up to the log. Holds no session's content."""

import asyncio
from collections.abc import Callable

from services._runtime.projection import Batch, Reader, project
from services.gateway import directory, problems
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

    async def whole(self) -> Directory:
        """The directory once it has read the log; raises ProblemError (503) while it has not."""
        if not await self._wait(lambda: self.caught_up):
            raise problems.unavailable("the list of sessions is still being read")
        return self.directory

    async def shows(self, session_id: str) -> bool:
        """Wait a little until the session is listed; False when it still is not."""
        return await self._wait(lambda: session_id in self.directory.entries)

    async def _wait(self, holds: Callable[[], bool]) -> bool:
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._moved:
                return await self._moved.wait_for(holds)
        except TimeoutError:
            return False

    async def _on_batch(self, batch: Batch) -> None:
        async with self._moved:
            self.directory = directory.fold(self.directory, batch.events, batch.upto)
            self.caught_up = self.caught_up or batch.at_tip
            self._moved.notify_all()
