"""What the log says of a session's life: folded, as far as deciding needs it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    Cause,
    Event,
    Fact,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    RecordingAttached,
    RoomEmptied,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    Timer,
)
from services.ingest import call_state
from services.ingest.call_state import Call

LIFECYCLE: tuple[type[Fact], ...] = (
    SessionRequested,
    RecordingAttached,
    SessionWaiting,
    SessionJoining,
    SessionStarted,
    SessionEnding,
    SessionEnded,
    SessionFailed,
    RoomEmptied,
    BotAssigned,
    BotJoined,
    BotLeft,
    BotEjected,
    BotReplaced,
    ParticipantJoined,
    ParticipantLeft,
    GapOpened,
    GapClosed,
)
"""The events this fold reads; it skips the others."""


class Absent(msgspec.Struct, frozen=True):
    """Nobody asked for this session."""


class Requested(msgspec.Struct, frozen=True):
    """Asked for; `sourced` when somebody is on the way to deliver."""

    sourced: bool = False
    call: Call | None = None


class Waiting(msgspec.Struct, frozen=True):
    """The room is watched for a person to come."""

    call: Call


class Joining(msgspec.Struct, frozen=True):
    """A bot is to get into the room."""

    call: Call


class Live(msgspec.Struct, frozen=True):
    """The source delivers."""

    call: Call | None = None


class Ending(msgspec.Struct, frozen=True):
    """The end is decided; the source still hands over what it has."""

    reason: Cause = "asked"
    call: Call | None = None


class Over(msgspec.Struct, frozen=True):
    """Ended or failed: nothing follows."""


Underway: TypeAlias = Requested | Waiting | Joining | Live | Ending
Session: TypeAlias = Absent | Underway | Over
initial = Absent()


def evolve(state: Session, event: Event) -> Session:
    """State and fact to state; facts of other families change nothing."""
    match state:
        case Absent():
            return _requested(event) if isinstance(event, SessionRequested) else state
        case Over():
            return state
        case _:
            return _moved(state, event)


def fold(events: Iterable[Event], origin: Session = initial) -> Session:
    """Evolve over many."""
    return reduce(evolve, events, origin)


def wants_more(state: Session) -> bool:
    """Whether the source should go on delivering."""
    match state:
        case Requested() | Waiting() | Joining() | Live():
            return True
        case Absent() | Ending() | Over():
            return False
        case _ as unreachable:
            assert_never(unreachable)


def open_gaps(state: Session) -> tuple[str, ...]:
    """The gaps that the next bot closes when it hears again; in no meaningful order."""
    call = None if isinstance(state, Absent | Over) else state.call
    return () if call is None else tuple(sorted(call.gaps.open))


def armed(state: Session) -> Mapping[Timer, datetime]:
    """The timers that should be set now, with their times."""
    if isinstance(state, Absent | Ending | Over) or state.call is None:
        return {}
    call, timers = state.call, dict[Timer, datetime]()
    if call.expires_at is not None:
        timers["room_expiry"] = call.expires_at
    if call.grace_until is not None:
        timers["grace"] = call.grace_until
    elif call.no_show_at is not None and not call.visits.begun:
        timers["no_show"] = call.no_show_at
    return timers


def _requested(event: SessionRequested) -> Session:
    return Requested(call=Call(expires_at=event.expires_at) if event.source == "daily" else None)


def _moved(state: Underway, event: Event) -> Session:  # noqa: PLR0911 - a table
    match event:
        case RecordingAttached():
            return replace(state, sourced=True) if isinstance(state, Requested) else state
        case SessionWaiting(no_show_at=due) if isinstance(state, Requested) and state.call:
            return Waiting(replace(state.call, no_show_at=due))
        case SessionJoining() if isinstance(state, Requested | Waiting) and state.call:
            return Joining(state.call)
        case SessionStarted():
            return _started(state, event)
        case SessionEnding(reason=reason):
            return state if isinstance(state, Ending) else Ending(reason, state.call)
        case SessionEnded() | SessionFailed():
            return Over()
        case _:
            return (
                state
                if state.call is None
                else replace(state, call=call_state.evolve(state.call, event))
            )


def _started(state: Underway, event: SessionStarted) -> Session:
    call = state.call
    if call is not None and call.started_at is None:
        call = replace(call, started_at=event.time)
    return Ending(state.reason, call) if isinstance(state, Ending) else Live(call)
