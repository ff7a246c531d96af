"""Give the bot in a call a command and wait for what comes of it. Does nothing in a call itself."""

import asyncio
import secrets
from contextlib import aclosing
from dataclasses import dataclass

from contracts.calls import CallCommand
from contracts.events import CommandDone, CommandFailed, CommandRequested
from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services.gateway import call_commands, problems
from services.gateway.call_commands import Conclusion, Thread

WAIT_SECONDS = 28.0
"""How long a request waits; the command may be done later still."""

_TYPES = (CommandRequested, CommandDone, CommandFailed)


@dataclass(frozen=True)
class Plan:
    """A command to give under an id; `thread` is there when the log has it already."""

    session_id: str
    command_id: str
    command: CallCommand
    thread: Thread | None = None


class Commanding:
    """Commands of one gateway. Planning changes nothing; concluding appends."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime, self._clock = runtime, clock

    async def plan(
        self, session_id: str, command: CallCommand, key: tuple[str, str] | None
    ) -> Plan:
        """How to give it; with a `key` (caller and idempotency key) it is given once.

        Raises ProblemError (422) when the key belongs to another command.
        """
        if key is None:
            return Plan(session_id, call_commands.new_id(secrets.token_hex(10)), command)
        command_id = call_commands.repeatable_id(session_id, *key)
        thread = await self._thread(session_id, command_id)
        if thread is not None and thread.requested.command != command:
            raise problems.unfit("Idempotency-Key", "was used for another command")
        return Plan(session_id, command_id, command, thread)

    async def conclude(self, plan: Plan) -> Conclusion | None:
        """Give the command where nobody has, and wait; None while it is not concluded.

        Raises ProblemError (504) when nothing is to be expected any more.
        """
        thread = plan.thread or await self._give(plan)
        if thread.conclusion is not None:
            return thread.conclusion
        call_commands.check_not_lost(thread, self._clock())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._followed(plan, thread.seq)
        except TimeoutError:
            return None

    async def outcome(self, session_id: str, command_id: str) -> Conclusion | None:
        """What came of a command, None while nothing did; raises ProblemError: 404, 504."""
        thread = await self._thread(session_id, command_id)
        if thread is None:
            raise problems.missing("command", "no such command was given in this session")
        call_commands.check_not_lost(thread, self._clock())
        return thread.conclusion

    async def _give(self, plan: Plan) -> Thread:
        requested = call_commands.requested(
            plan.session_id, plan.command_id, plan.command, self._clock()
        )
        seq = await self._runtime.publisher.append(requested)
        return Thread(seq=seq, requested=requested)

    async def _thread(self, session_id: str, command_id: str) -> Thread | None:
        events = await self._runtime.log.read(session_id, types=_TYPES)
        return call_commands.thread(events, command_id)

    async def _followed(self, plan: Plan, after: int) -> Conclusion:
        following = self._runtime.log.follow(plan.session_id, after, types=_TYPES[1:])
        async with aclosing(following) as batches:
            async for batch in batches:
                for _, event in batch.events:
                    match event:
                        case CommandDone(command_id=plan.command_id):
                            return event
                        case CommandFailed(command_id=plan.command_id):
                            return event
        raise AssertionError("a follower never ends by itself")
