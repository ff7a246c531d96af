"""Questions between services over core NATS and their replies. Nothing here is stored."""

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
