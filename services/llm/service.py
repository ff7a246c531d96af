"""The llm service: take questions and compactions off the queue, append what became of them.

Only wiring here. What a model is told lies in `prompt`, what answers without one in `extractive`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from contracts import subjects
from contracts.codec import encode_reply
from contracts.commands import AnswerQuery, CompactContext
from contracts.events import Fact, QueryAnswered, QueryFailed
from contracts.queries import AnswerDelta
from services._runtime.app import Runtime
from services._runtime.clock import now
from services._runtime.settings import Settings
from services._runtime.worker import Worker
from services.llm import replies
from services.llm.assistant import Assistant, AssistantError, Draft, Emit
from services.llm.compacting import compacted
from services.llm.offline import Extractive
from services.llm.openai_chat import OpenAIChat

log = structlog.get_logger()

ANSWER_SHARE = 0.8
"""How much of the asker's patience the model may use up; the rest is for the way there and back."""
ANSWERS_AT_ONCE = 8
COMPACTIONS_AT_ONCE = 4


async def serve(runtime: Runtime, clock: Callable[[], datetime] = now) -> None:
    """Answer and condense until cancelled."""
    assistant = _assistant(runtime.settings)
    service = _Llm(runtime, assistant, clock)
    answers = Worker(
        runtime.js,
        runtime.keyring,
        AnswerQuery,
        service.answer,
        concurrency=ANSWERS_AT_ONCE,
        given_up=service.give_up,
    )
    compactions = Worker(
        runtime.js,
        runtime.keyring,
        CompactContext,
        service.compact,
        concurrency=COMPACTIONS_AT_ONCE,
        given_up=service.give_up_compacting,
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(answers.run())
            group.create_task(compactions.run())
    finally:
        if isinstance(assistant, OpenAIChat):
            await assistant.aclose()


def _assistant(settings: Settings) -> Assistant:
    if settings.openai_api_key is None:
        return Extractive()
    return OpenAIChat(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.openai_model,
        limit_seconds=settings.answer_seconds * ANSWER_SHARE,
    )


class _Llm:
    def __init__(
        self, runtime: Runtime, assistant: Assistant, clock: Callable[[], datetime]
    ) -> None:
        self._runtime, self._assistant, self._clock = runtime, assistant, clock
        self._plain = assistant if isinstance(assistant, Extractive) else Extractive()

    async def answer(self, job: AnswerQuery) -> None:
        """Append the answer, or why there is none; what is concluded already stays so."""
        if await self._concluded(job):
            return
        if replies.expired(job, self._clock()):
            expired = AssistantError("expired", "the question waited for too long")
            await self._fail(job, expired)
            return
        try:
            draft = await self._assistant.answer(job, self._emitter(job))
        except AssistantError as error:
            await self._fail(job, error)
            return
        await self._runtime.publisher.append(replies.answered(job, draft, self._clock()))
        log.info(
            "query.answered",
            session=job.session_id,
            query=job.query_id,
            model=draft.model,
            citations=len(draft.citations),
        )

    async def give_up(self, job: AnswerQuery) -> None:
        """Tell the asker that nobody could."""
        if not await self._concluded(job):
            await self._fail(job, AssistantError("gave_up", "answering failed again and again"))

    async def compact(self, job: CompactContext) -> None:
        """Append a summary; where the model makes none that is faithful, the extractive one.

        The log takes the first of an id, so a job that comes again changes nothing.
        """
        await self._condense(job, await compacted(self._assistant, self._plain, job))

    async def give_up_compacting(self, job: CompactContext) -> None:
        """Append the extractive summary, so that the session's next compaction can be asked for."""
        await self._condense(job, await self._plain.compact(job))

    async def _condense(self, job: CompactContext, draft: Draft) -> None:
        await self._runtime.publisher.append(replies.summarised(job, draft, self._clock()))
        log.info("context.summarised", session=job.session_id, level=job.level, model=draft.model)

    async def _fail(self, job: AnswerQuery, error: AssistantError) -> None:
        await self._runtime.publisher.append(replies.failed(job, error, self._clock()))
        log.warning("query.failed", session=job.session_id, query=job.query_id, reason=error.reason)

    def _emitter(self, job: AnswerQuery) -> Emit:
        subject = subjects.answer_tokens(job.session_id, job.query_id)

        async def emit(offset: int, text: str) -> None:
            delta = AnswerDelta(query_id=job.query_id, offset=offset, text=text)
            await self._runtime.nc.publish(subject, encode_reply(delta))

        return emit

    async def _concluded(self, job: AnswerQuery) -> bool:
        conclusions = await self._logged(job.session_id, QueryAnswered, QueryFailed)
        return any(getattr(one, "query_id", None) == job.query_id for one in conclusions)

    async def _logged(self, session_id: str, *types: type[Fact]) -> list[Fact]:
        return [event for _, event in await self._runtime.log.read(session_id, types=types)]
