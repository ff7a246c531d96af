"""Facts: past tense, immutable, one order per session. A tag is a promise to every stored byte.

Times are UTC; offsets inside a meeting are seconds from its start. A fact refers to other facts by
their ids, never by stream sequence, so that a recording means the same in another log; the
sequences in an answer say where it stood when it was given. Every field added later has a default.
"""

from datetime import datetime
from typing import Literal, TypeAlias, get_args

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


class SessionRequested(Fact, frozen=True, kw_only=True, tag="SessionRequested"):
    """Somebody asked for an assistant; the session exists from here on."""

    source: Source
    room_url: str | None = None
    language: str | None = None
    redact_pii: bool = False
    vocabulary: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class RecordingAttached(Fact, frozen=True, kw_only=True, tag="RecordingAttached"):
    """A stored recording is to be played into the session.

    `speed` is a factor on the recording's own pace, null for as fast as it goes; `import` keeps the
    recorded times, `replay` gives the present ones. `derived` says that what models made of the
    meeting is in the recording too, so that nobody has to make it again.
    """

    recording_id: str
    mode: Literal["replay", "import"]
    items: int
    speed: float | None = None
    derived: bool = False


class SessionStarted(Fact, frozen=True, kw_only=True, tag="SessionStarted"):
    """The source delivers from here on."""


class SessionEnding(Fact, frozen=True, kw_only=True, tag="SessionEnding"):
    """Somebody asked for the end; what was heard until then is still on its way into the log."""

    reason: Literal["asked"] = "asked"


class SessionEnded(Fact, frozen=True, kw_only=True, tag="SessionEnded"):
    """The source is closed: no segment follows."""

    reason: Literal["asked", "source_ended"]


class SessionFailed(Fact, frozen=True, kw_only=True, tag="SessionFailed"):
    """The source could not be opened or kept; what was heard until then stays readable."""

    reason: Literal["recording_missing", "recording_unreadable"]
    detail: str = ""


class ParticipantJoined(Fact, frozen=True, kw_only=True, tag="ParticipantJoined"):
    """A person entered; `name` is what they call themselves, null when unknown.

    `participant_id` is one visit: who leaves and returns gets another.
    """

    participant_id: str
    name: str | None = None


class ParticipantLeft(Fact, frozen=True, kw_only=True, tag="ParticipantLeft"):
    """A person went."""

    participant_id: str


class GapOpened(Fact, frozen=True, kw_only=True, tag="GapOpened"):
    """From `start` on, what is said is not heard."""

    gap_id: str
    cause: str
    start: float


class GapClosed(Fact, frozen=True, kw_only=True, tag="GapClosed"):
    """Hearing resumed at `end`."""

    gap_id: str
    end: float


class SegmentHeard(Fact, frozen=True, kw_only=True, tag="SegmentHeard"):
    """One final transcription segment. `speaker` is the name known then; null stays null."""

    segment_id: str
    start: float
    end: float
    text: str
    speaker: str | None = None
    speaker_id: str | None = None
    track: str | None = None
    language: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


class QueryAsked(Fact, frozen=True, kw_only=True, tag="QueryAsked"):
    """A question about the meeting up to this fact; not worth answering after `deadline`."""

    query_id: str
    task: Task
    deadline: datetime
    query: str = ""
    budget_tokens: int | None = None


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


Event: TypeAlias = (
    SessionRequested
    | RecordingAttached
    | SessionStarted
    | SessionEnding
    | SessionEnded
    | SessionFailed
    | ParticipantJoined
    | ParticipantLeft
    | GapOpened
    | GapClosed
    | SegmentHeard
    | QueryAsked
    | QueryAnswered
    | QueryFailed
    | CompactionRequested
    | ContextSummarised
)
Numbered: TypeAlias = tuple[int, Event]
"""An event and its stream sequence."""

EVENT_TYPES: tuple[type[Fact], ...] = get_args(Event)
DERIVED: tuple[type[Fact], ...] = (CompactionRequested, ContextSummarised)
"""What models made of a meeting and later context rests on: it travels with a recording."""
