"""Questions between services over core NATS and their replies. Nothing here is stored."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.commands import Context


class ContextWanted(msgspec.Struct, frozen=True, kw_only=True, tag="ContextWanted"):
    """The context an answer to `query` would get: as of `at_seq`, else as of at least `min_seq`."""

    session_id: str
    query: str = ""
    budget_tokens: int | None = None
    min_seq: int = 0
    at_seq: int | None = None


class ContextServed(msgspec.Struct, frozen=True, kw_only=True, tag="ContextServed"):
    """`state_hash` is the digest of the folded state: equal logs give equal digests."""

    context: Context
    state_hash: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="Refused"):
    """Why a query got no reply: no such session, a fold that is behind, or too small a budget."""

    reason: Literal["unknown_session", "behind", "unfit"]
    detail: str = ""


ContextReply: TypeAlias = ContextServed | Refused


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
