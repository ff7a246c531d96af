"""Routes that ask: questions, summaries, and the context an answer would get."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import EventSourceResponse

from contracts.events import QueryAnswered, QueryFailed
from contracts.queries import AnswerDelta, ContextWanted
from services.gateway import contexts, dto, problems, questions
from services.gateway.asking import Plan
from services.gateway.http import sse
from services.gateway.http.gateway import ASK, READ, Gateway, IdempotencyKey, Key, Parts, SessionId
from services.gateway.http.models import NewQuery
from services.gateway.http.responses import body, shows
from services.gateway.problems import ProblemError
from services.gateway.questions import MAX_QUERY, MIN_BUDGET, Conclusion, Question

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["questions"])

Wish = Annotated[str, Query(description="Chooses what is quoted of the meeting.")]

FAILURES = (404, 429, 502, 504)


@router.post(
    "/query",
    dependencies=[ASK],
    responses=shows({200: dto.Answer}, 400, 409, 413, 422, *FAILURES),
)
async def post_query(
    request: Request,
    parts: Parts,
    key: Key,
    *,
    session_id: SessionId,
    wanted: NewQuery,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask about the meeting. With `Accept: text/event-stream`: `delta`s, then the `answer`.

    A summary without `budget_tokens` is the general one, as `GET .../summary` gives it.
    """
    _check_query(wanted)
    await _check_seq(parts, session_id, "min_seq", wanted.min_seq)
    if wanted.task == "summary" and wanted.budget_tokens is None and not wanted.query.strip():
        plan = await parts.asking.plan_summary(session_id, wanted.min_seq or 0)
    else:
        question = Question(
            task="summary" if wanted.task == "summary" else "query",
            query=wanted.query,
            budget_tokens=wanted.budget_tokens,
        )
        repeatable = None if idempotency_key is None else (key.name, idempotency_key)
        plan = await parts.asking.plan(session_id, question, repeatable)
    if sse.is_wanted(request):
        return await _stream(parts, plan)
    return body(_answer(await parts.asking.conclude(plan), cached=plan.is_summary_again))


@router.get(
    "/queries/{query_id}",
    dependencies=[READ],
    responses=shows({200: dto.Answer, 202: dto.PendingQuery}, *FAILURES),
)
async def get_query(parts: Parts, session_id: SessionId, query_id: str) -> Response:
    """The answer if it is there, 202 while it is not."""
    await parts.sessions.last_seq(session_id)
    thread = (await parts.asking.threads(session_id)).get(query_id)
    if thread is None:
        raise problems.missing("query", "no such question was asked in this session")
    if thread.conclusion is None:
        return body(dto.PendingQuery(query_id=query_id), 202)
    return body(_answer(thread.conclusion, cached=False))


@router.get("/summary", dependencies=[ASK], responses=shows({200: dto.Answer}, *FAILURES))
async def get_summary(parts: Parts, session_id: SessionId) -> Response:
    """The general summary, made at most once in a while however many ask; `Age` tells how old."""
    await parts.sessions.last_seq(session_id)
    plan = await parts.asking.plan_summary(session_id)
    concluded = await parts.asking.conclude(plan)
    age = max(0, int((parts.clock() - concluded.time).total_seconds()))
    lifetime = int(parts.runtime.settings.summary_seconds)
    return body(
        _answer(concluded, cached=plan.is_summary_again),
        headers={"Age": str(age), "Cache-Control": f"private, max-age={lifetime}"},
    )


@router.get(
    "/context", dependencies=[READ], responses=shows({200: dto.ContextView}, 404, 409, 413, 422)
)
async def get_context(
    parts: Parts,
    session_id: SessionId,
    query: Wish = "",
    budget_tokens: Annotated[int | None, Query(ge=MIN_BUDGET, le=1_000_000)] = None,
    at_seq: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The exact context an answer would get, now or at a sequence. `ETag` names the state.

    `query` chooses what is quoted; without one it is a context for the whole meeting.
    """
    _check_length(query)
    last = await _check_seq(parts, session_id, "at_seq", at_seq)
    wanted = ContextWanted(
        session_id=session_id,
        query=query,
        budget_tokens=budget_tokens,
        min_seq=last,
        at_seq=at_seq,
    )
    try:
        served = await contexts.context(parts.runtime, wanted)
    except ProblemError:
        if at_seq is None or await parts.runtime.log.read(session_id, upto=at_seq):
            raise
        return body(dto.empty_context(), headers={"ETag": '"0"'})
    timing = f"assembly;dur={served.assembly_seconds * 1000:.1f}"
    headers = {"ETag": f'"{served.state_hash}"', "Server-Timing": timing}
    return body(dto.context(served.context), headers=headers)


def _check_query(wanted: NewQuery) -> None:
    if wanted.task == "transcript":
        raise problems.unfit("task", "transcript: not in this release")
    _check_length(wanted.query)
    if wanted.task == "query" and not wanted.query.strip():
        raise problems.unfit("query", "must say what is asked")


def _check_length(query: str) -> None:
    if len(query) > MAX_QUERY:
        raise problems.too_large("query", f"is over {MAX_QUERY} characters")


async def _check_seq(parts: Gateway, session_id: str, field: str, seq: int | None) -> int:
    last = await parts.sessions.last_seq(session_id)
    if seq is not None and seq > last:
        raise problems.conflict(field, f"the session's log stands at {last}")
    return last


def _answer(concluded: Conclusion, *, cached: bool) -> dto.Answer:
    if isinstance(concluded, QueryFailed):
        raise questions.failure(concluded)
    return dto.answer(concluded, cached=cached)


async def _stream(parts: Gateway, plan: Plan) -> Response:
    arrivals = parts.asking.stream(plan)
    await anext(arrivals)  # what stops the question from being asked is still a plain problem
    return EventSourceResponse(_told(parts, plan, arrivals), headers=sse.HEADERS)


async def _told(
    parts: Gateway, plan: Plan, arrivals: AsyncGenerator[AnswerDelta | Conclusion | None, None]
) -> AsyncGenerator[bytes, None]:
    try:
        async for arrival in sse.beating(arrivals, parts.closing):
            match arrival:
                case AnswerDelta(offset=offset, text=text):
                    yield sse.event("delta", dto.Delta(offset=offset, text=text))
                case QueryAnswered():
                    yield sse.event("answer", dto.answer(arrival, cached=plan.is_summary_again))
                case QueryFailed():
                    raise questions.failure(arrival)
                case None:
                    yield sse.HEARTBEAT
    except ProblemError as error:
        yield sse.event("error", error.problem)
