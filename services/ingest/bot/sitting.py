"""One bot's time in one call: what comes in goes through the fold, what comes out is carried out.

Decides nothing: that is `meeting`'s. Facts go through the disk into the log, so that an outage of
NATS costs no word; requests to Daily run beside the fold and come back into it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import nats.errors
import structlog

from contracts import codec, subjects
from contracts.events import (
    BotAssigned,
    BotJoined,
    BotJoining,
    BotLeft,
    CommandRequested,
    Event,
    SessionEnded,
    SessionEnding,
    SessionFailed,
)
from services._runtime.links import Links
from services._runtime.outbox import Outbox
from services.ingest.bot import meeting
from services.ingest.bot.meeting import Bot
from services.ingest.bot.performing import Performing
from services.ingest.bot.seam import (
    Call,
    Callback,
    CallRefusedError,
    CallUnansweredError,
    Request,
)
from services.ingest.bot.steps import (
    Answered,
    Ask,
    Effect,
    Input,
    Joined,
    Leave,
    Ordered,
    Perform,
    Ticked,
)
from services.ingest.bot.wire import Assignment, Dismissed, Entered, Going, Gone, Report

log = structlog.get_logger()

INPUTS = 1000
"""What may wait for the fold before the sources have to."""
ERRANDS = 64
"""Requests on their way at once; one more is refused."""
TICK_SECONDS = 0.5
LAST_WORDS_SECONDS = 1.5
"""After transcription was stopped, finals may still be on their way."""
DRAIN_SECONDS = 8.0


class ReplacedError(Exception):
    """Another bot is the session's by now."""


class Sitting:
    """Runs one bot from its knock at the door to its last word in the log."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        links: Links,
        outbox: Outbox,
        call: Call,
        performing: Performing,
        say: Callable[[Report], None],
        now: Callable[[], datetime],
    ) -> None:
        self._assignment, self._charge = assignment, assignment.charge
        self._links, self._outbox, self._call = links, outbox, call
        self._performing, self._say, self._now = performing, say, now
        self._inputs: asyncio.Queue[Input] = asyncio.Queue(INPUTS)
        self._errands: set[asyncio.Task[None]] = set()
        self._recalled: asyncio.Future[Going] = asyncio.get_running_loop().create_future()
        self._put_out = False
        self.inside = False
        """Whether the bot is in the room, and has to leave it."""

    def recall(self, reason: Going) -> None:
        """Have the bot leave; the first reason counts."""
        if not self._recalled.done():
            self._recalled.set_result(reason)

    async def run(self, bot: Bot, orders: Sequence[Ordered], after: int) -> Gone:
        """Join, sit, leave. `after` is the sequence `bot` was folded up to, `orders` are open then.

        Raises ReplacedError; what the log or the disk raises ends the bot as well.
        """
        self._bot = bot
        await self._outbox.put(BotJoining(**self._head()))
        joining = asyncio.ensure_future(self._knock())
        either: set[asyncio.Future[Any]] = {joining, self._recalled}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not joining.done():
            # Nobody can call a join off; the end of this process does.
            joining.cancel()
            return await self._gone()
        try:
            data = joining.result()
        except (CallRefusedError, CallUnansweredError) as error:
            return Gone("join_failed", str(error))
        async with asyncio.TaskGroup() as self._group:
            group = self._group
            await self._enter(data)
            beside = [group.create_task(one) for one in (self._hear(), self._follow(after))]
            beside.append(group.create_task(self._tick()))
            working = group.create_task(self._work(orders))
            await asyncio.wait([self._recalled])
            await self._wind_up()
            for task in (*beside, working, *self._errands):
                task.cancel()
        return await self._gone()

    async def _knock(self) -> dict[str, Any]:
        """Join under our name, which not every token says."""
        await self._call.request(Request("set_user_name", (self._charge.name,), completes=False))
        return await self._call.join(self._assignment.room_url, self._assignment.token, {})

    async def _enter(self, data: dict[str, object]) -> None:
        self.inside = True
        own = meeting.own_place(data)
        await self._outbox.put(
            BotJoined(**self._head(), participant_id=own.participant_id, meeting_id=own.meeting_id)
        )
        self._say(Entered())
        await self._take(Joined(data))

    async def _hear(self) -> None:
        while True:
            await self._inputs.put(await self._call.next())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self._inputs.put(Ticked())

    async def _follow(self, after: int) -> None:
        async for batch in self._links.log.follow(self._charge.session_id, after):
            for _, event in batch.events:
                await self._notice(event)

    async def _notice(self, event: Event) -> None:
        match event:
            case CommandRequested(command_id=command_id, command=command, deadline=deadline):
                await self._inputs.put(Ordered(command_id, command, deadline))
            case SessionEnding() | SessionEnded() | SessionFailed():
                self.recall("ended")
            case BotAssigned(bot_id=bot_id) if bot_id != self._charge.bot_id:
                raise ReplacedError
            case _:
                return

    async def _work(self, orders: Sequence[Ordered]) -> None:
        for order in orders:
            await self._take(order)
        while True:
            await self._take(await self._inputs.get())
            self._inputs.task_done()

    async def _take(self, taken: Input) -> None:
        at = taken.at if isinstance(taken, Callback) else self._now()
        self._bot, outcome = meeting.step(self._bot, taken, at)
        self._performing.count_from(meeting.started_at(self._bot))
        for fact in outcome.facts:
            await self._outbox.put(fact)
        for caption in outcome.captions:
            with suppress(nats.errors.Error):  # a caption is of no use later
                subject = subjects.captions(self._charge.session_id)
                await self._links.nc.publish(subject, codec.encode_reply(caption))
        for effect in outcome.effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Leave(why="dismissed"):
                self._say(Dismissed())  # the session's end is the host's to decide
            case Leave():
                self._put_out = True
                self.recall("ended")
            case Ask() | Perform():
                errand = self._group.create_task(self._run_errand(effect))
                self._errands.add(errand)
                errand.add_done_callback(self._errands.discard)

    async def _run_errand(self, effect: Ask | Perform) -> None:
        if len(self._errands) > ERRANDS:
            await self._inputs.put(Answered(effect.ref, error="too many requests at once"))
            return
        try:
            if isinstance(effect, Ask):
                result = await self._call.request(effect.request)
            else:
                result = await self._performing.perform(effect.command, self._take_fact)
        except CallRefusedError as error:
            await self._inputs.put(Answered(effect.ref, error=str(error)))
        except CallUnansweredError:
            await self._inputs.put(Answered(effect.ref, unanswered=True))
        else:
            await self._inputs.put(Answered(effect.ref, result))

    async def _take_fact(self, fact: Event) -> None:
        self._bot, counted = meeting.counted(self._bot, fact)
        await self._outbox.put(counted)

    async def _wind_up(self) -> None:
        await self._performing.stop()
        if self._put_out:
            self.inside = False
            return
        self._bot = meeting.leaving(self._bot)
        for request in meeting.farewell(self._bot):
            with suppress(CallRefusedError, CallUnansweredError):
                await self._call.request(request)
                await asyncio.sleep(LAST_WORDS_SECONDS)
        try:
            await self._call.leave()
        except (CallRefusedError, CallUnansweredError) as error:
            log.info("bot.leave_failed", error=type(error).__name__)
        self.inside = False
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._inputs.join()

    async def _gone(self) -> Gone:
        if self._put_out:
            return Gone("put_out")
        await self._outbox.put(BotLeft(**self._head(), reason=self._recalled.result()))
        return Gone("left")

    def _head(self) -> dict[str, Any]:
        session_id, bot_id = self._charge.session_id, self._charge.bot_id
        return {"session_id": session_id, "time": self._now(), "bot_id": bot_id}
