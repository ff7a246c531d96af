"""Give names to a session's speakers: decided on what the log says now, then appended to it.

Only the first change is compared with the log's end; the few that follow come at once.
"""

import asyncio
from collections.abc import Mapping

from contracts import subjects
from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services._runtime.jetstream import ConflictError
from services.gateway import naming, problems
from services.gateway.naming import Change, Naming
from services.gateway.reading import Sessions

TRIES = 10


class Renaming:
    """Names and merges speakers."""

    def __init__(self, runtime: Runtime, sessions: Sessions, clock: Clock) -> None:
        self._runtime, self._sessions, self._clock = runtime, sessions, clock

    async def rename(
        self, session_id: str, names: Mapping[str, str], key: tuple[str, str] | None
    ) -> None:
        """Have speakers called so; with a `key` (caller and idempotency key) it is done once.

        Raises UnknownSessionError, and ProblemError: 422 for a name that cannot be given, or when
        the key belongs to other names.
        """
        for _ in range(TRIES):
            last = await self._sessions.last_seq(session_id)
            token = (
                naming.once_token(session_id, last)
                if key is None
                else naming.repeatable_token(session_id, *key)
            )
            given = Naming(session_id, token, names, self._clock())
            if (key is not None and await self._finished(given)) or await self._done(given, last):
                return
        raise problems.unavailable("the session changes too fast")

    async def _finished(self, given: Naming) -> bool:
        """Whether it was begun before; what is missing is done now, as it was decided then."""
        filters = [subjects.events_of_type(given.session_id, one) for one in naming.CHANGES]
        batches = [batch.events async for batch in self._runtime.reader.read(filters)]
        begun = naming.begun((one for events in batches for one in events), given)
        if not begun:
            return False
        decided_on = min(begun.values()) - 1
        view = await self._sessions.transcript_at(given.session_id, decided_on)
        for change in await asyncio.to_thread(naming.plan, view, given):
            if change.change_id not in begun:
                await self._runtime.publisher.append(change)
        return True

    async def _done(self, given: Naming, last: int) -> bool:
        """Whether it is so now; False when the session moved on in between."""
        view = await self._sessions.transcript(given.session_id)
        # of hundreds of speakers it takes long enough to keep others waiting
        changes = await asyncio.to_thread(naming.plan, view, given)
        try:
            await self._append(changes, last)
        except ConflictError:
            return False
        return True

    async def _append(self, changes: tuple[Change, ...], last: int) -> None:
        for number, change in enumerate(changes):
            expect = last if number == 0 else None
            await self._runtime.publisher.append(change, expect=expect)
