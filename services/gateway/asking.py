"""Ask about a meeting and wait for what comes of it. The log is the only witness of an answer.

Pieces of an answer being written come over core NATS and may be lost; the answer may not.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import msgspec
from nats.aio.msg import Msg

from contracts import subjects
from contracts.events import QueryAnswered, QueryAsked, QueryFailed
from contracts.queries import AnswerDelta
from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services.gateway import problems, questions
from services.gateway.questions import Conclusion, Question, Thread

MAX_DELTAS = 256
"""Pieces kept for a reader who is slower than the writer; later ones are then left out."""

_TYPES = (QueryAsked, QueryAnswered, QueryFailed)
_delta = msgspec.json.Decoder(AnswerDelta)

Arrivals: TypeAlias = asyncio.Queue[AnswerDelta | None]


@dataclass(frozen=True)
class Plan:
    """A question to ask under an id; `thread` is there when the log has it already."""

    session_id: str
    query_id: str
    question: Question
    thread: Thread | None = None

    @property
    def is_summary_again(self) -> bool:
        """Whether this is a summary that was there before it was asked for now."""
        thread = self.thread
        return self.question.task == "summary" and thread is not None and bool(thread.conclusion)


class Asking:
    """Questions of one gateway. Planning changes nothing; asking appends."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime, self._clock = runtime, clock

    async def plan(
        self, session_id: str, question: Question, key: tuple[str, str] | None = None
    ) -> Plan:
        """How to ask; with a `key` (caller and idempotency key) the same question is asked once.

        Raises ProblemError (422) when the key belongs to another question.
        """
        if key is None:
            return Plan(session_id, questions.new_id(secrets.token_hex(10)), question)
        query_id = questions.repeatable_id(session_id, *key)
        thread = (await self.threads(session_id)).get(query_id)
        if thread is not None and not questions.is_same(thread, question):
            raise problems.unfit("Idempotency-Key", "was used for another question")
        return Plan(session_id, query_id, question, thread)

    async def plan_summary(self, session_id: str, min_seq: int = 0) -> Plan:
        """How to get the general summary: the newest one, the one being made, or a new one.

        At most one is begun in `summary_seconds`, save for who has seen a later sequence.
        """
        found = await self.threads(session_id)
        since = self._clock() - timedelta(seconds=self._runtime.settings.summary_seconds)
        newest, question = questions.newest_summary(found.values()), Question(task="summary")
        if newest is not None and questions.serves(newest, since, min_seq):
            return Plan(session_id, newest.asked.query_id, question, newest)
        return Plan(session_id, questions.summary_id(session_id, newest), question)

    async def threads(self, session_id: str) -> dict[str, Thread]:
        """Every question of the session, by id."""
        return questions.threads(await self._runtime.log.read(session_id, types=_TYPES))

    async def conclude(self, plan: Plan) -> Conclusion:
        """Ask where nobody has and wait; raises ProblemError (504) after `answer_seconds`."""
        return await self._conclusion(plan, await self._thread(plan))

    async def stream(self, plan: Plan) -> AsyncGenerator[AnswerDelta | Conclusion | None, None]:
        """As `conclude`: first None once the question is in the log, then pieces of the answer as
        they come, then its conclusion."""
        arrivals: Arrivals = asyncio.Queue()
        async with self._deltas(plan, arrivals):
            thread = await self._thread(plan)
            yield None
            concluding = asyncio.create_task(self._conclusion(plan, thread))
            concluding.add_done_callback(lambda _: arrivals.put_nowait(None))
            try:
                while (delta := await arrivals.get()) is not None:
                    yield delta
                yield concluding.result()
            finally:
                concluding.cancel()

    async def _thread(self, plan: Plan) -> Thread:
        if plan.thread is not None:
            return plan.thread
        asked = questions.asked(plan.session_id, plan.query_id, plan.question, self._clock())
        return Thread(seq=await self._runtime.publisher.append(asked), asked=asked)

    async def _conclusion(self, plan: Plan, thread: Thread) -> Conclusion:
        if thread.conclusion is not None:
            return thread.conclusion
        try:
            async with asyncio.timeout(self._runtime.settings.answer_seconds):
                return await self._followed(plan, thread.seq)
        except TimeoutError:
            raise questions.no_answer_yet(plan.query_id) from None

    async def _followed(self, plan: Plan, after: int) -> Conclusion:
        following = self._runtime.log.follow(plan.session_id, after, types=_TYPES[1:])
        async with aclosing(following) as batches:
            async for batch in batches:
                for _, event in batch.events:
                    match event:
                        case QueryAnswered(query_id=plan.query_id):
                            return event
                        case QueryFailed(query_id=plan.query_id):
                            return event
        raise AssertionError("a follower never ends by itself")

    @asynccontextmanager
    async def _deltas(self, plan: Plan, arrivals: Arrivals) -> AsyncIterator[None]:
        async def on_message(message: Msg) -> None:
            if arrivals.qsize() < MAX_DELTAS:
                arrivals.put_nowait(_delta.decode(message.data))

        subject = subjects.answer_tokens(plan.session_id, plan.query_id)
        subscription = await self._runtime.nc.subscribe(subject, cb=on_message)
        try:
            yield
        finally:
            await subscription.unsubscribe()
