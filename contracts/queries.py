"""Questions between services over core NATS and their replies. Nothing here is stored."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.commands import Context
from contracts.events import SegmentRef


class ContextWanted(msgspec.Struct, frozen=True, kw_only=True, tag="ContextWanted"):
    """The context an answer to `query` would get: as of `at_seq`, else as of at least `min_seq`."""

    session_id: str
    query: str = ""
    budget_tokens: int | None = None
    min_seq: int = 0
    at_seq: int | None = None


class ContextServed(msgspec.Struct, frozen=True, kw_only=True, tag="ContextServed"):
    """`state_hash` is the digest of the folded state: equal logs give equal digests.
    `assembly_seconds` is what it took to choose what the context holds."""

    context: Context
    state_hash: str
    assembly_seconds: float = 0.0


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="Refused"):
    """Why a query got no reply: no such session, a fold that is behind, or one that asks for what
    cannot be, such as too small a budget."""

    reason: Literal["unknown_session", "behind", "unfit"]
    detail: str = ""


ContextReply: TypeAlias = ContextServed | Refused


class ChangesWanted(msgspec.Struct, frozen=True, kw_only=True, tag="ChangesWanted"):
    """What is new or different in a session since a sequence; answered from `min_seq` on."""

    session_id: str
    since_seq: int
    min_seq: int = 0


class ChangesServed(msgspec.Struct, frozen=True, kw_only=True, tag="ChangesServed"):
    """Segments heard since then, those of before that were corrected, renamed or given another
    speaker, the ids of those that were removed, and the summaries made or withdrawn."""

    as_of_seq: int
    heard: tuple[SegmentRef, ...]
    changed: tuple[SegmentRef, ...]
    removed: tuple[str, ...]
    summarised: int
    withdrawn: int


ChangesReply: TypeAlias = ChangesServed | Refused


class SearchWanted(msgspec.Struct, frozen=True, kw_only=True, tag="SearchWanted"):
    """Segments that match `query` in the sessions of one partition, best first.

    `min_seq` is the stream sequence the model must have read to; `since` and `until` bound when it
    was said, by the clock.
    """

    query: str
    mode: Literal["keyword", "semantic", "hybrid"] = "keyword"
    limit: int = 20
    session_id: str | None = None
    speaker: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_seq: int = 0


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """One segment found. `snippet` is its text around the words found, which stand between the
    control characters U+0002 and U+0003; `score` grows with relevance, alike in every partition."""

    session_id: str
    segment: SegmentRef
    time: datetime
    snippet: str
    score: float


class SearchServed(msgspec.Struct, frozen=True, kw_only=True, tag="SearchServed"):
    """The best of one partition. `mode` is the one used: without embeddings it is "keyword"."""

    as_of_seq: int
    mode: Literal["keyword", "semantic", "hybrid"]
    hits: tuple[SearchHit, ...]


SearchReply: TypeAlias = SearchServed | Refused


class RoomWanted(msgspec.Struct, frozen=True, kw_only=True, tag="RoomWanted"):
    """A Daily room for a session, open until `expires_at`; asking again gives the same one."""

    session_id: str
    expires_at: datetime


class RoomOpened(msgspec.Struct, frozen=True, kw_only=True, tag="RoomOpened"):
    """The room, ready to be entered."""

    room_url: str


class RoomRefused(msgspec.Struct, frozen=True, kw_only=True, tag="RoomRefused"):
    """Why there is no room: Daily's key is missing or wrong, or Daily is away or said no."""

    reason: Literal["not_configured", "unauthorised", "unavailable", "refused"]
    detail: str = ""


RoomReply: TypeAlias = RoomOpened | RoomRefused


class Caption(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is saying right now: replaced by the next of the same `speaker_id` and `track`,
    and by the final segment. Times in seconds from the meeting's start."""

    session_id: str
    speaker_id: str | None
    speaker: str | None
    track: str | None
    text: str
    start: float


class AudioChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a participant's captured audio: mono, 16 bit little-endian. `at` is when it was
    heard, in seconds from the meeting's start; `number` counts the chunks of a capture from 1."""

    session_id: str
    participant_id: str
    source: str
    sample_rate: int
    number: int
    at: float
    samples: bytes


class AnswerDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer being written; `offset` in characters tells a reader what it missed.

    Offset 0 starts afresh: a second attempt replaces the first.
    """

    query_id: str
    offset: int
    text: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Is one instance of a service ready to work; `checks` name what is and is not."""

    service: str
    instance: str
    ready: bool
    checks: dict[str, bool]
