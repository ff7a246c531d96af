"""Load a session's lifecycle, decide, append: again until nobody else moved it in between."""

import structlog

from contracts import subjects
from contracts.events import Event
from services._runtime.app import Runtime
from services._runtime.jetstream import ConflictError
from services._runtime.session_log import UnknownSessionError
from services._runtime.worker import TransientError
from services.ingest import session
from services.ingest.session import Command, Session

log = structlog.get_logger()

TRIES = 10


class Lifecycle:
    """The sessions' Decider beside the log."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def state(self, session_id: str) -> Session:
        """The session as the log has it now."""
        filters = [subjects.events_of_type(session_id, one) for one in session.LIFECYCLE]
        events: list[Event] = []
        async for batch in self._runtime.reader.read(filters):
            events += [event for _, event in batch.events]
        return session.fold(events)

    async def decide(self, command: Command) -> Session:
        """Append what follows from the command and return the state after it.

        Raises RejectedError; TransientError when the session does not stand still.
        """
        for _ in range(TRIES):
            # The sequence is read before the state: what comes in between fails the comparison.
            expect = await self._last_seq(command.session_id)
            state = await self.state(command.session_id)
            decided = session.decide(command, state)
            try:
                for event in decided:
                    expect = await self._runtime.publisher.append(event, expect=expect)
                    log.info("session.moved", session=event.session_id, to=type(event).__name__)
            except ConflictError:
                continue
            return session.fold(decided, state)
        raise TransientError("the session does not stand still")

    async def _last_seq(self, session_id: str) -> int:
        try:
            return await self._runtime.log.last_seq(session_id)
        except UnknownSessionError:
            return 0
