"""Questions and what came of them: their ids, and which summary may be given again. Asks nobody."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import Numbered, QueryAnswered, QueryAsked, QueryFailed, Task
from services.gateway import problems
from services.gateway.problems import ProblemError

Conclusion: TypeAlias = QueryAnswered | QueryFailed

MAX_QUERY = 4000
"""Characters of a question."""
MIN_BUDGET = 200
"""Tokens below which a context says nothing of a meeting."""
DEADLINE = timedelta(minutes=10)
"""How long a question is worth answering."""

_SUMMARY = "sum_"
_QUESTION = "qry_"

_FAILURES = {
    "timeout": (504, "The answer took too long"),
    "expired": (504, "The answer took too long"),
    "rate_limited": (429, "The model is asked too often"),
    "unavailable": (502, "The model is not available"),
    "gave_up": (502, "The model is not available"),
    "refused": (502, "The model gave no answer"),
    "malformed": (502, "The model gave no answer"),
}
_RETRY_AFTER = {"rate_limited": "10", "unavailable": "10"}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know; `budget_tokens` bounds the context, null for the default."""

    task: Task
    query: str = ""
    budget_tokens: int | None = None


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A question in the log, at `seq`, and its conclusion once there is one."""

    seq: int
    asked: QueryAsked
    conclusion: Conclusion | None = None


def new_id(random: str) -> str:
    """The id of a question nobody asked before."""
    return _QUESTION + random


def repeatable_id(session_id: str, caller: str, key: str) -> str:
    """The id of the question that a caller named with an idempotency key."""
    return _QUESTION + ids.digest("query", session_id, caller, key)


def summary_id(session_id: str, previous: Thread | None) -> str:
    """The id of the general summary after `previous`: who sees the same one asks for the same."""
    before = None if previous is None else previous.asked.query_id
    return _SUMMARY + ids.digest(session_id, before)


def asked(session_id: str, query_id: str, question: Question, now: datetime) -> QueryAsked:
    """The fact that the question was asked now."""
    return QueryAsked(
        session_id=session_id,
        time=now,
        query_id=query_id,
        task=question.task,
        query=question.query,
        budget_tokens=question.budget_tokens,
        deadline=now + DEADLINE,
    )


def is_same(thread: Thread, question: Question) -> bool:
    """Whether the thread is about this very question."""
    stored = thread.asked
    there = Question(task=stored.task, query=stored.query, budget_tokens=stored.budget_tokens)
    return there == question


def threads(events: Iterable[Numbered]) -> dict[str, Thread]:
    """Questions by id, in the order they were asked; the first conclusion counts."""
    found: dict[str, Thread] = {}
    for seq, event in events:
        match event:
            case QueryAsked(query_id=query_id):
                found.setdefault(query_id, Thread(seq=seq, asked=event))
            case QueryAnswered(query_id=query_id) | QueryFailed(query_id=query_id):
                thread = found.get(query_id)
                if thread is not None and thread.conclusion is None:
                    found[query_id] = replace(thread, conclusion=event)
            case _:
                continue
    return found


def newest_summary(found: Iterable[Thread]) -> Thread | None:
    """The general summary asked for last; one that was asked with wishes is not general."""
    general = (
        thread
        for thread in found
        if thread.asked.query_id.startswith(_SUMMARY) and thread.asked.copied_from is None
    )
    return max(general, key=lambda thread: thread.seq, default=None)


def serves(thread: Thread, since: datetime, min_seq: int) -> bool:
    """Whether a summary is to be given again, or waited for, instead of making another.

    It must have been made or begun after `since`, and not before the sequence somebody has seen.
    A failed one counts as made: it is not tried again sooner.
    """
    match thread.conclusion:
        case QueryAnswered(time=time, as_of_seq=seq):
            return time > since and seq >= min_seq
        case QueryFailed(time=time):
            return time > since
        case None:
            return thread.asked.time > since and thread.seq >= min_seq


def failure(failed: QueryFailed) -> ProblemError:
    """The problem that tells the asker why there is no answer."""
    status, title = _FAILURES[failed.reason]
    problem = problems.problem("no-answer", status, title, failed.detail or title)
    retry = _RETRY_AFTER.get(failed.reason)
    return ProblemError(
        replace(problem, query_id=failed.query_id, reason=failed.reason),
        {} if retry is None else {"Retry-After": retry},
    )


def no_answer_yet(query_id: str) -> ProblemError:
    """504: the question is in the log, its answer is not."""
    problem = problems.problem(
        "no-answer", 504, "The answer took too long", "it may still come: ask for it by query_id"
    )
    return ProblemError(
        replace(problem, query_id=query_id, reason="timeout"),
        {"Retry-After": str(problems.RETRY_SECONDS)},
    )
