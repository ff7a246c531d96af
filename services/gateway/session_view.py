"""What `GET /v1/sessions/{id}` shows of a session, folded from its events. Knows no transcript."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import (
    DERIVED,
    Event,
    Fact,
    GapClosed,
    GapOpened,
    Numbered,
    ParticipantJoined,
    ParticipantLeft,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionRequested,
    SessionStarted,
    Source,
)
from services.gateway.gaps import Gap, evolve_gaps

Status: TypeAlias = Literal["requested", "live", "ending", "ended", "failed"]

HEARD: tuple[type[Fact], ...] = (
    ParticipantJoined,
    ParticipantLeft,
    GapOpened,
    GapClosed,
    SegmentHeard,
)
MADE: tuple[type[Fact], ...] = (QueryAsked, QueryAnswered, QueryFailed, *DERIVED)
"""Played only where it is a copy: otherwise it is about the meeting now, and nobody recorded it."""


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of one person."""

    participant_id: str
    name: str | None
    joined_at: datetime
    left_at: datetime | None = None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of what; `participants` counts visits, `words` are split at spaces."""

    segments: int = 0
    words: int = 0
    queries: int = 0
    answers: int = 0
    participants: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Events of the recording that are in the log, of all it has."""

    played: int
    total: int


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """The session as of `last_seq`; encodes to the body that the route promises.

    `reason` is why it is ending, ended or failed. `progress` is null unless a recording is played.
    """

    session_id: str
    source: Source | None = None
    room_url: str | None = None
    status: Status = "requested"
    reason: str | None = None
    participants: tuple[Participant, ...] = ()
    requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    last_seq: int = 0
    counts: Counts = Counts()
    gaps: tuple[Gap, ...] = ()
    language: str | None = None
    metadata: dict[str, str] = {}
    progress: Progress | None = None


def initial(session_id: str) -> SessionView:
    """A session of which nothing is known yet."""
    return SessionView(session_id=session_id)


def evolve(view: SessionView, numbered: Numbered) -> SessionView:
    """The view with one more event; an event at or before `view.last_seq` changes nothing."""
    seq, event = numbered
    if seq <= view.last_seq:
        return view
    return replace(_played(_apply(view, event), event), last_seq=seq)


def fold(view: SessionView, events: Iterable[Numbered]) -> SessionView:
    """The view with all of `events`, which come in the order of the log."""
    return reduce(evolve, events, view)


def _apply(view: SessionView, event: Event) -> SessionView:
    match event:
        case SessionRequested() | SessionStarted() | SessionEnding() | RecordingAttached():
            return _opened(view, event)
        case SessionEnded(reason=reason, time=time):
            return replace(view, status="ended", reason=reason, ended_at=time)
        case SessionFailed(reason=failure, time=time):
            return replace(view, status="failed", reason=failure, ended_at=time)
        case ParticipantJoined() | ParticipantLeft():
            return _attended(view, event)
        case GapOpened() | GapClosed():
            return replace(view, gaps=evolve_gaps(view.gaps, event))
        case _:
            return _counted(view, event)


def _opened(
    view: SessionView,
    event: SessionRequested | SessionStarted | SessionEnding | RecordingAttached,
) -> SessionView:
    match event:
        case SessionRequested():
            return replace(
                view,
                source=event.source,
                room_url=event.room_url,
                requested_at=event.time,
                language=event.language,
                metadata=event.metadata,
            )
        case RecordingAttached(items=items):
            return replace(view, progress=Progress(played=0, total=items))
        case SessionStarted(time=time):
            # the end may have been asked for before the source was open
            status: Status = "live" if view.status == "requested" else view.status
            return replace(view, status=status, started_at=time)
        case SessionEnding(reason=reason):
            if view.status in {"ended", "failed"}:
                return view
            return replace(view, status="ending", reason=reason)


def _attended(view: SessionView, event: ParticipantJoined | ParticipantLeft) -> SessionView:
    if isinstance(event, ParticipantJoined):
        visit = Participant(
            participant_id=event.participant_id, name=event.name, joined_at=event.time
        )
        counts = replace(view.counts, participants=view.counts.participants + 1)
        return replace(view, participants=(*view.participants, visit), counts=counts)
    visits = (
        replace(visit, left_at=event.time)
        if visit.participant_id == event.participant_id
        else visit
        for visit in view.participants
    )
    return replace(view, participants=tuple(visits))


def _counted(view: SessionView, event: Event) -> SessionView:
    counts = view.counts
    match event:
        case SegmentHeard(text=text):
            words = counts.words + len(text.split())
            counts = replace(counts, segments=counts.segments + 1, words=words)
        case QueryAsked():
            counts = replace(counts, queries=counts.queries + 1)
        case QueryAnswered():
            counts = replace(counts, answers=counts.answers + 1)
        case _:
            return view
    return replace(view, counts=counts)


def _played(view: SessionView, event: Event) -> SessionView:
    progress = view.progress
    if progress is None:
        return view
    if not isinstance(event, HEARD) and not (isinstance(event, MADE) and event.copied_from):
        return view
    played = min(progress.played + 1, progress.total)
    return replace(view, progress=replace(progress, played=played))
