"""Questions, answers and what the context service had condensed."""

from datetime import datetime
from typing import Literal

from contracts.events.base import Coverage, Fact, SegmentRef, Task, Usage


class QueryAsked(Fact, frozen=True, kw_only=True, tag="QueryAsked"):
    """A question about the meeting up to this fact; not worth answering after `deadline`.

    `asked_by` is the participant who asked from inside the call and gets the answer there, or
    everybody with `broadcast`; null when it was asked over HTTP.
    """

    query_id: str
    task: Task
    deadline: datetime
    query: str = ""
    budget_tokens: int | None = None
    asked_by: str | None = None
    broadcast: bool = False


class QueryAnswered(Fact, frozen=True, kw_only=True, tag="QueryAnswered"):
    """What a model said, with all it went by. `model` is "extractive" where no model was asked."""

    query_id: str
    task: Task
    answer: str
    citations: tuple[SegmentRef, ...]
    as_of_seq: int
    coverage: Coverage
    model: str
    prompt_version: str
    usage: Usage


class QueryFailed(Fact, frozen=True, kw_only=True, tag="QueryFailed"):
    """Nobody could answer, and why. `detail` never quotes the meeting or the model."""

    query_id: str
    task: Task
    reason: Literal[
        "timeout", "rate_limited", "unavailable", "refused", "malformed", "expired", "gave_up"
    ]
    detail: str = ""


class CompactionRequested(Fact, frozen=True, kw_only=True, tag="CompactionRequested"):
    """The segments from first to last, inclusive, are to be stood in for by one summary.

    Level 1 summarises segments; level n + 1 summarises summaries of level n.
    """

    compaction_id: str
    level: int
    first_segment_id: str
    last_segment_id: str


class ContextSummarised(Fact, frozen=True, kw_only=True, tag="ContextSummarised"):
    """The summary that answers a compaction request; `cited` are the segments it rests on."""

    compaction_id: str
    level: int
    first_segment_id: str
    last_segment_id: str
    text: str
    cited: tuple[str, ...]
    model: str
    prompt_version: str
    usage: Usage
