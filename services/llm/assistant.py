"""What the service asks of an assistant, whoever it is; it decides nothing and calls nobody."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

import msgspec

from contracts.commands import AnswerQuery, CompactContext
from contracts.events import SegmentRef, Usage

Reason: TypeAlias = Literal[
    "timeout", "rate_limited", "unavailable", "refused", "malformed", "expired", "gave_up"
]
Emit: TypeAlias = Callable[[int, str], Awaitable[None]]
"""Takes a piece of an answer and its offset in characters; offset 0 starts afresh."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an assistant made, with all it went by."""

    text: str
    citations: tuple[SegmentRef, ...]
    model: str
    prompt_version: str
    usage: Usage


class AssistantError(Exception):
    """Nobody could answer. `detail` never quotes the meeting, the prompt or the model."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class Assistant(Protocol):
    """Answers from the context of a job and nothing else."""

    async def answer(self, job: AnswerQuery, emit: Emit) -> Draft:
        """Hand pieces to `emit` as they come, then return the whole; raise AssistantError."""
        ...

    async def compact(self, job: CompactContext, fault: str | None = None) -> Draft:
        """Summarise the job's source; raise AssistantError. `fault` is what the last one had."""
        ...
