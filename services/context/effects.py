"""What follows from a room: questions are handed out and summaries asked for, each once.

When to act is not decided here; two who act do it to one effect, by its idempotency key.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import structlog

from contracts.commands import AnswerQuery, Context, Job
from contracts.events import Event, QueryFailed
from services._runtime.app import Runtime
from services._runtime.jetstream import ConflictError, RefusedError, TooLargeError
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import AWAY
from services.context import assembly, compaction, likeness
from services.context.compaction import Policy
from services.context.indexing import Indices
from services.context.likeness import Lookup, Place
from services.context.state import Question, Room

log = structlog.get_logger()

_NOT_OF_THE_QUESTION = (*AWAY, KeyGoneError, ConflictError, RefusedError)
"""What may go wrong while a context is made, with whatever is asked."""


class Effects:
    """One partition's; raises KeyGoneError, RefusedError and UnavailableError."""

    def __init__(
        self,
        runtime: Runtime,
        now: Callable[[], datetime],
        indices: Indices,
        lookup: Lookup | None = None,
    ) -> None:
        settings, self._publisher, self._now = runtime.settings, runtime.publisher, now
        self._indices, self._lookup = indices, lookup
        self._policy = Policy(settings.compact_above_tokens, settings.compact_down_to_tokens)
        self._budget = settings.context_tokens
        self._given_out: dict[str, set[str]] = {}

    def may_follow(self, known: Room) -> bool:
        """Whether a room may leave something to do; needs no page of it."""
        return known.unfinished or compaction.may_be_due(known, self._policy)

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session in memory."""
        self._given_out.pop(session_id, None)

    async def act(self, session_id: str, known: Room) -> None:
        """Have done what a room leaves to do."""
        given_out = self._given_out.setdefault(session_id, set())
        for question in known.questions:
            if question.query_id not in given_out:
                await self._hand_out(session_id, known, question)
                given_out.add(question.query_id)
        asked = known.compaction
        if asked is not None and asked.compaction_id not in given_out:
            await self._have_summarised(session_id, known)
            given_out.add(asked.compaction_id)
        if (wanted := compaction.due(known, self._policy)) is not None:
            await self._append(compaction.request(session_id, known, wanted, self._now()))
        if not known.unfinished:
            self.forget(session_id)

    async def _have_summarised(self, session_id: str, known: Room) -> None:
        if (work := compaction.job(session_id, known)) is None:
            return
        try:
            await self._enqueue(work)
        except TooLargeError:
            log.error("compaction.too_large", session=session_id, level=work.level)  # noqa: TRY400 - no trace
            await self._append(compaction.unmade(work, self._now()))

    async def _hand_out(self, session_id: str, known: Room, question: Question) -> None:
        job = await self._job(session_id, known, question)
        if isinstance(job, AnswerQuery):
            try:
                await self._enqueue(job)
            except TooLargeError:
                detail = "the context is larger than the message queue takes; ask with fewer tokens"
                job = self._failed(session_id, question, "refused", detail)
            else:
                return
        await self._append(job)

    async def _job(
        self, session_id: str, known: Room, question: Question
    ) -> AnswerQuery | QueryFailed:
        try:
            context = await self._context(session_id, known, question)
        except _NOT_OF_THE_QUESTION:
            raise
        except Exception:  # whatever somebody asks, the others are served
            log.exception("question.unfit", session=session_id, query=question.query_id)
            return self._failed(session_id, question, "gave_up", "no context could be made for it")
        return AnswerQuery(
            session_id=session_id,
            query_id=question.query_id,
            task=question.task,
            query=question.query,
            deadline=question.deadline,
            context=context,
        )

    async def _context(self, session_id: str, known: Room, question: Question) -> Context:
        budget = max(question.budget_tokens or self._budget, assembly.SMALLEST_BUDGET)
        place = Place(session_id, session_id, known, self._indices)
        index, alike = await likeness.found(self._lookup, place, question.query, budget)
        measure = self._indices.measure
        return assembly.assemble(known, question.query, budget, index, measure, alike=alike)

    def _failed(
        self, session_id: str, question: Question, reason: Literal["refused", "gave_up"], why: str
    ) -> QueryFailed:
        return QueryFailed(
            session_id=session_id,
            time=self._now(),
            query_id=question.query_id,
            task=question.task,
            reason=reason,
            detail=why,
        )

    async def _enqueue(self, job: Job) -> None:
        await self._publisher.enqueue(job)
        log.info("job.enqueued", session=job.session_id, job=type(job).__name__)

    async def _append(self, event: Event) -> None:
        await self._publisher.append(event)
        log.info("event.appended", session=event.session_id, type=type(event).__name__)
