"""What facts are made of."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

Source: TypeAlias = Literal["daily", "stream", "recording"]
Task: TypeAlias = Literal["query", "summary"]
PartKind: TypeAlias = Literal["summary", "excerpt", "tail"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What every event carries.

    `copied_from` is the id of the session a recording was taken from: such a fact is history, and
    nobody acts on it again.
    """

    session_id: str
    time: datetime
    copied_from: str | None = None


class CallFact(Fact, frozen=True, kw_only=True):
    """What a bot saw of its call; `number` counts what this bot told of it, from 1."""

    bot_id: str
    number: int


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recognised word; `start` and `end` in seconds from the meeting's start."""

    text: str
    start: float
    end: float
    confidence: float | None = None


class SegmentRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the log and in the meeting a segment stands; also the shape of a citation."""

    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a model call took; `cost_usd` is null where the model's price is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class CoverageRange(msgspec.Struct, frozen=True, kw_only=True):
    """Segments from `from_seq` to `to_seq`, inclusive, and how an answer saw them."""

    kind: Literal["verbatim", "summarised", "not_covered"]
    from_seq: int
    to_seq: int
    segments: int


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many segments of the meeting a context holds verbatim, summarised, or not at all."""

    segments: int
    verbatim: int
    summarised: int
    not_covered: int
    ranges: tuple[CoverageRange, ...] = ()
