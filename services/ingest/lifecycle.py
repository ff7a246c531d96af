"""Load a session's lifecycle, decide, append: again until nobody else moved it in between."""

import asyncio

import structlog

from contracts import subjects
from services._runtime.jetstream import ConflictError
from services._runtime.links import Links
from services._runtime.session_log import UnknownSessionError
from services._runtime.worker import TransientError
from services.ingest import session
from services.ingest.session import Command, Session

log = structlog.get_logger()

TRIES = 10
PAUSE_SECONDS = 0.02
"""Longer by as much with each try: a bot that sends what it had kept writes without a pause."""


class Lifecycle:
    """The sessions' Decider beside the log."""

    def __init__(self, runtime: Links) -> None:
        self._runtime = runtime

    async def state(self, session_id: str) -> Session:
        """The session as the log has it now."""
        state, _ = await self._read_on(session_id, session.initial, 0)
        return state

    async def decide(self, command: Command) -> Session:
        """Append what follows from the command and return the state after it.

        Raises RejectedError; TransientError when the session does not stand still.
        """
        state: Session = session.initial
        upto = 0
        for tried in range(TRIES):
            # The sequence is read before the state: what comes in between fails the comparison.
            expect = await self._last_seq(command.session_id)
            state, upto = await self._read_on(command.session_id, state, upto)
            decided = session.decide(command, state)
            try:
                for event in decided:
                    expect = await self._runtime.publisher.append(event, expect=expect)
                    log.info("session.moved", session=event.session_id, to=type(event).__name__)
            except ConflictError:
                await asyncio.sleep(tried * PAUSE_SECONDS)
                continue
            return session.fold(decided, state)
        raise TransientError("the session does not stand still")

    async def _read_on(self, session_id: str, state: Session, after: int) -> tuple[Session, int]:
        """The state with what came after a sequence, and the last sequence read."""
        filters = [subjects.events_of_type(session_id, one) for one in session.LIFECYCLE]
        async for batch in self._runtime.reader.read(filters, after):
            state, after = session.fold((event for _, event in batch.events), state), batch.upto
        return state, after

    async def _last_seq(self, session_id: str) -> int:
        try:
            return await self._runtime.log.last_seq(session_id)
        except UnknownSessionError:
            return 0
