"""What a running system answers, as far as commands look into it; the rest is kept raw."""

import msgspec

from contracts.events import Coverage, SegmentRef


class Progress(msgspec.Struct, frozen=True):
    """Events of the recording that are in the log, of all it has."""

    played: int
    total: int


class View(msgspec.Struct, frozen=True):
    """A session as `GET /v1/sessions/{id}` shows it; what no command looks at stays raw."""

    session_id: str
    status: str
    source: str | None = None
    room_url: str | None = None
    reason: str | None = None
    detail: str | None = None
    participants: msgspec.Raw = msgspec.Raw(b"[]")
    requested_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    last_seq: int = 0
    counts: dict[str, int] = {}
    gaps: msgspec.Raw = msgspec.Raw(b"[]")
    language: str | None = None
    metadata: dict[str, str] = {}
    progress: Progress | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can happen in it."""
        return self.status in {"ended", "failed", "erased"}


class Page(msgspec.Struct, frozen=True):
    """A part of a list; `next_cursor` asks for the part after it."""

    items: tuple[View, ...]
    next_cursor: str | None = None


class Created(msgspec.Struct, frozen=True):
    """A new session."""

    session_id: str
    status: str
    room_url: str | None = None


class Delta(msgspec.Struct, frozen=True):
    """A piece of an answer; offset 0 starts afresh."""

    offset: int
    text: str


class Answer(msgspec.Struct, frozen=True):
    """What was answered, and what it rests on."""

    answer: str
    query_id: str | None = None
    task: str = "query"
    citations: tuple[SegmentRef, ...] = ()
    as_of_seq: int = 0
    coverage: msgspec.Raw = msgspec.Raw(b"null")
    cached: bool = False
    model: str = ""
    usage: msgspec.Raw = msgspec.Raw(b"null")


class ContextPart(msgspec.Struct, frozen=True):
    """A piece of a context, and the segments it quotes or rests on."""

    kind: str
    text: str
    from_seq: int
    to_seq: int
    segment_ids: tuple[str, ...]


class ContextView(msgspec.Struct, frozen=True):
    """The context that an answer would get."""

    as_of_seq: int
    tokens: int
    parts: tuple[ContextPart, ...]
    coverage: Coverage
