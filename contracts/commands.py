"""Commands: work for exactly one handler, kept in the work queue until it is done or given up."""

from datetime import datetime
from typing import Literal, TypeAlias, get_args

import msgspec

from contracts.events import Coverage, PartKind, SegmentRef, Task

UNKNOWN_SPEAKER = "Unknown speaker"
"""How a line of context calls whoever nobody knows."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of context. `text` is one line a segment in the order of `segments`, except in a
    summary, where `segments` are those the summary rests on."""

    kind: PartKind
    text: str
    from_seq: int
    to_seq: int
    segments: tuple[SegmentRef, ...]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is given to know of a meeting as of one sequence; `tokens` are the parts'."""

    as_of_seq: int
    tokens: int
    parts: tuple[Part, ...]
    coverage: Coverage


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What every command carries."""

    session_id: str


class AnswerQuery(Command, frozen=True, kw_only=True, tag="AnswerQuery"):
    """Answer from this context and nothing else, then append the answer."""

    query_id: str
    task: Task
    query: str
    deadline: datetime
    context: Context


class CompactContext(Command, frozen=True, kw_only=True, tag="CompactContext"):
    """Summarise `source` in at most `target_tokens` tokens, then append the summary."""

    compaction_id: str
    level: int
    first_segment_id: str
    last_segment_id: str
    source: tuple[Part, ...]
    target_tokens: int


class PlayRecording(Command, frozen=True, kw_only=True, tag="PlayRecording"):
    """Bring the session's attached recording into the log, from wherever the log stands."""

    recording_id: str
    mode: Literal["replay", "import"]
    speed: float | None = None


class EndSession(Command, frozen=True, kw_only=True, tag="EndSession"):
    """Close the session's source."""


class HostSession(Command, frozen=True, kw_only=True, tag="HostSession"):
    """Send an assistant into the session's room and keep one there until the session is over.

    `token` is the meeting token to join with, null to make one or to do without.
    """

    token: str | None = None


Job: TypeAlias = AnswerQuery | CompactContext | PlayRecording | EndSession | HostSession
JOB_TYPES: tuple[type[Command], ...] = get_args(Job)
