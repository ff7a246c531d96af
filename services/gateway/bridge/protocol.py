"""The app messages of Daily's meeting assistant demo: what asks us, and what we say. Pure.

In: `{"kind": "assist", "task": "summary" | "query" | "transcript" | "latest", "query"?,
"broadcast"?}`. Out: `{"kind": "ai-" + task, "data" | "error"}`.
"""

import re
from datetime import timedelta
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from contracts.events import AppMessageReceived, QueryFailed

Task: TypeAlias = Literal["summary", "query", "transcript", "latest"]

MAX_QUERY = 2000
"""Characters of a question."""
MAX_ERROR = 500
"""Characters of an error: it goes in one message."""
WORTH = timedelta(seconds=60)
"""How long who asked waits for an answer."""

_TASKS: tuple[str, ...] = get_args(Task)
_WORD = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MAX_SENDER = 200

_FAILURES = {
    "timeout": "the answer took too long",
    "expired": "the answer took too long",
    "rate_limited": "the model is asked too often just now: try again in a while",
    "unavailable": "the model is not available: try again in a while",
    "gave_up": "the model is not available: try again in a while",
    "refused": "the model gave no answer",
    "malformed": "the model gave no answer",
}


class Asked(msgspec.Struct, frozen=True):
    """A request; `query` is empty but for a question. Answers go to all with `broadcast`."""

    task: Task
    query: str = ""
    broadcast: bool = False


class Mistaken(msgspec.Struct, frozen=True):
    """A request that cannot be understood: why, and the kind of the reply that says so."""

    kind: str
    error: str


Request: TypeAlias = Asked | Mistaken


def parse(message: Any) -> Request | None:  # noqa: ANN401 - any JSON
    """What a message asks of us; None when it is not for us."""
    if not isinstance(message, dict) or message.get("kind") != "assist":
        return None
    task, broadcast = message.get("task"), message.get("broadcast")
    if task not in _TASKS:
        return Mistaken(_kind_of_unknown(task), "task: must be one of " + ", ".join(_TASKS))
    if not isinstance(broadcast, bool | None):
        return Mistaken(kind(task), "broadcast: must be true or false")
    if task != "query":
        return Asked(task, broadcast=broadcast is True)
    return _question(message.get("query"), broadcast=broadcast is True)


def sender_of(received: AppMessageReceived) -> str | None:
    """Who can be answered; None for a message from Daily's REST interface."""
    sender = received.sender_id
    return sender if sender and len(sender) <= _MAX_SENDER else None


def kind(task: str) -> str:
    """The kind of the replies to a task."""
    return f"ai-{task}"


def error(reply_kind: str, text: str) -> dict[str, str]:
    """A reply that says why there is no answer."""
    return {"kind": reply_kind, "error": text[:MAX_ERROR]}


def failure(failed: QueryFailed) -> str:
    """Why nobody could answer, for who asked."""
    return _FAILURES[failed.reason]


def _question(query: object, *, broadcast: bool) -> Request:
    if not isinstance(query, str) or not (text := query.strip()):
        return Mistaken(kind("query"), "query: must be a question")
    if len(text) > MAX_QUERY:
        return Mistaken(kind("query"), f"query: longer than {MAX_QUERY} characters")
    return Asked("query", text, broadcast)


def _kind_of_unknown(task: object) -> str:
    return kind(task if isinstance(task, str) and _WORD.fullmatch(task) else "error")
