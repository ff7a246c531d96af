"""What `GET /v1/sessions/{id}` shows of a session, folded from its events.

Knows no transcript: how much was said, and what people are called by now, it is told.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts import speakers
from contracts.events import (
    Event,
    Fact,
    GapClosed,
    GapFilled,
    GapOpened,
    Numbered,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    QueryAnswered,
    QueryAsked,
    RecordingAttached,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    Source,
)
from contracts.speakers import Speakers
from services.gateway.gaps import Gap, evolve_gaps
from services.gateway.presence import Bot, Participant, evolve_bot, evolve_people

Status: TypeAlias = Literal["requested", "waiting", "joining", "live", "ending", "ended", "failed"]

HEARD: tuple[type[Fact], ...] = (
    ParticipantJoined,
    ParticipantLeft,
    GapOpened,
    GapClosed,
    SegmentHeard,
)
"""Played whether it is a copy or not; everything else was recorded only where it is a copy."""

_OPENING: tuple[Status, ...] = ("requested", "waiting", "joining", "live")
"""How a session opens; it may leave steps out, and never goes back."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of what; `participants` counts visits, `words` are split at spaces.

    Segments that were removed count no more; those two are 0 until `following`.
    """

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

    `reason` is why it is ending, ended or failed, `detail` what else is known of a failure.
    `bot` is null while no bot serves it, `progress` unless a recording is played.
    """

    session_id: str
    source: Source | None = None
    room_url: str | None = None
    status: Status = "requested"
    reason: str | None = None
    detail: str | None = None
    bot: Bot | None = None
    participants: tuple[Participant, ...] = ()
    requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
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
    bot = evolve_bot(view.bot, event)
    return replace(_played(_apply(view, event), event), bot=bot, last_seq=seq)


def fold(view: SessionView, events: Iterable[Numbered]) -> SessionView:
    """The view with all of `events`, which come in the order of the log."""
    return reduce(evolve, events, view)


def following(view: SessionView, known: Speakers, *, segments: int, words: int) -> SessionView:
    """The view with what there is of the transcript, and people as it names them."""
    people = tuple(
        replace(visit, name=speakers.shown(known, visit.participant_id, visit.name))
        for visit in view.participants
    )
    counts = replace(view.counts, segments=segments, words=words)
    return replace(view, participants=people, counts=counts)


def _apply(view: SessionView, event: Event) -> SessionView:
    match event:
        case SessionRequested() | RecordingAttached():
            return _asked_for(view, event)
        case SessionWaiting() | SessionJoining() | SessionStarted() | SessionEnding():
            return _moved(view, event)
        case SessionEnded() | SessionFailed():
            return _over(view, event)
        case ParticipantJoined() | ParticipantUpdated() | ParticipantLeft():
            people = evolve_people(view.participants, event)
            return _counted(replace(view, participants=people), event)
        case GapOpened() | GapClosed() | GapFilled():
            return replace(view, gaps=evolve_gaps(view.gaps, event))
        case _:
            return _counted(view, event)


def _asked_for(view: SessionView, event: SessionRequested | RecordingAttached) -> SessionView:
    if isinstance(event, RecordingAttached):
        return replace(view, progress=Progress(played=0, total=event.items))
    return replace(
        view,
        source=event.source,
        room_url=event.room_url,
        requested_at=event.time,
        expires_at=event.expires_at,
        language=event.language,
        metadata=event.metadata,
    )


def _moved(
    view: SessionView, event: SessionWaiting | SessionJoining | SessionStarted | SessionEnding
) -> SessionView:
    match event:
        case SessionWaiting():
            return replace(view, status=_further(view.status, "waiting"))
        case SessionJoining():
            return replace(view, status=_further(view.status, "joining"))
        case SessionStarted(time=time):
            return replace(view, status=_further(view.status, "live"), started_at=time)
        case SessionEnding(reason=reason):
            if view.status in {"ended", "failed"}:
                return view
            return replace(view, status="ending", reason=reason)


def _over(view: SessionView, event: SessionEnded | SessionFailed) -> SessionView:
    if isinstance(event, SessionEnded):
        return replace(view, status="ended", reason=event.reason, ended_at=event.time)
    return replace(
        view,
        status="failed",
        reason=event.reason,
        detail=event.detail or None,
        ended_at=event.time,
    )


def _further(status: Status, to: Status) -> Status:
    """The end may have been asked for, or come, before the source was open."""
    opening = status in _OPENING and _OPENING.index(status) < _OPENING.index(to)
    return to if opening else status


def _counted(view: SessionView, event: Event) -> SessionView:
    counts = view.counts
    match event:
        case ParticipantJoined():
            counts = replace(counts, participants=counts.participants + 1)
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
    if not isinstance(event, HEARD) and event.copied_from is None:
        return view
    played = min(progress.played + 1, progress.total)
    return replace(view, progress=replace(progress, played=played))
