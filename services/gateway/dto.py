"""The bodies that routes answer with, made from facts and folds. Knows no web framework."""

from typing import Any, Literal

import msgspec

from contracts.commands import Context
from contracts.events import Coverage, PartKind, QueryAnswered, SegmentRef, Task, Usage
from services.gateway.session_view import SessionView, Status


class SessionCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The session that was made, or the live one of the room."""

    session_id: str
    room_url: str | None
    status: Status


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sessions, newest first; `next_cursor` is null on the last page."""

    items: tuple[SessionView, ...]
    next_cursor: str | None


class RecordingAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The recording is stored and about to be played; `items` counts its events.

    `speed` is a factor on the recording's own pace, null for as fast as it goes.
    """

    recording_id: str
    items: int
    mode: Literal["replay", "import"]
    speed: float | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answered question; `cached` says that it was made before it was asked for."""

    query_id: str
    task: Task
    answer: str
    citations: tuple[SegmentRef, ...]
    as_of_seq: int
    coverage: Coverage
    cached: bool
    model: str
    usage: Usage


class PendingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A question that has no answer yet."""

    query_id: str
    status: Literal["pending"] = "pending"


class CommandOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was done; `result` is what Daily said, null where it says nothing."""

    command_id: str
    status: Literal["done"] = "done"
    result: Any = None


class PendingCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command of which nothing came yet."""

    command_id: str
    status: Literal["pending"] = "pending"


class FileAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The file is stored; `size` in bytes."""

    file_id: str
    media_type: str
    size: int


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer being written; `offset` in characters, 0 starts afresh."""

    offset: int
    text: str


class ContextPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of context and the segments it holds or rests on."""

    kind: PartKind
    text: str
    from_seq: int
    to_seq: int
    segment_ids: tuple[str, ...]


class ContextView(msgspec.Struct, frozen=True, kw_only=True):
    """The context an answer would get."""

    as_of_seq: int
    tokens: int
    parts: tuple[ContextPart, ...]
    coverage: Coverage


def answer(answered: QueryAnswered, *, cached: bool) -> Answer:
    """The answer's body."""
    return Answer(
        query_id=answered.query_id,
        task=answered.task,
        answer=answered.answer,
        citations=answered.citations,
        as_of_seq=answered.as_of_seq,
        coverage=answered.coverage,
        cached=cached,
        model=answered.model,
        usage=answered.usage,
    )


def context(served: Context) -> ContextView:
    """The context's body."""
    return ContextView(
        as_of_seq=served.as_of_seq,
        tokens=served.tokens,
        parts=tuple(
            ContextPart(
                kind=part.kind,
                text=part.text,
                from_seq=part.from_seq,
                to_seq=part.to_seq,
                segment_ids=tuple(ref.segment_id for ref in part.segments),
            )
            for part in served.parts
        ),
        coverage=served.coverage,
    )


def empty_context() -> ContextView:
    """The context before a session's first event."""
    nothing = Coverage(segments=0, verbatim=0, summarised=0, not_covered=0)
    return ContextView(as_of_seq=0, tokens=0, parts=(), coverage=nothing)


def created(view: SessionView) -> SessionCreated:
    """What whoever asked for a session gets to know at once."""
    return SessionCreated(session_id=view.session_id, room_url=view.room_url, status=view.status)
