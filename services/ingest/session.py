"""How a session lives and ends, as a Decider. Pure: times arrive as arguments."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from typing import Literal, TypeAlias, assert_never

import msgspec

from contracts.events import (
    Event,
    Fact,
    RecordingAttached,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionRequested,
    SessionStarted,
)

LIFECYCLE: tuple[type[Fact], ...] = (
    SessionRequested,
    RecordingAttached,
    SessionStarted,
    SessionEnding,
    SessionEnded,
    SessionFailed,
)
"""The events this fold reads; it skips the others."""


Failure: TypeAlias = Literal["recording_missing", "recording_unreadable"]


class Begin(msgspec.Struct, frozen=True):
    """The source is about to deliver."""

    session_id: str
    at: datetime


class Close(msgspec.Struct, frozen=True):
    """Somebody asks for the end."""

    session_id: str
    at: datetime


class ReportSourceEnd(msgspec.Struct, frozen=True):
    """The source has delivered everything, and all of it is in the log."""

    session_id: str
    at: datetime


class ReportFailure(msgspec.Struct, frozen=True):
    """The source cannot be opened or kept."""

    session_id: str
    at: datetime
    reason: Failure
    detail: str = ""


Command: TypeAlias = Begin | Close | ReportSourceEnd | ReportFailure


class Absent(msgspec.Struct, frozen=True):
    """Nobody asked for this session."""


class Requested(msgspec.Struct, frozen=True):
    """Asked for; `sourced` when somebody is on the way to deliver."""

    sourced: bool = False


class Live(msgspec.Struct, frozen=True):
    """The source delivers."""


class Ending(msgspec.Struct, frozen=True):
    """The end was asked for; the source still hands over what it has."""


class Over(msgspec.Struct, frozen=True):
    """Ended or failed: nothing follows."""


Session: TypeAlias = Absent | Requested | Live | Ending | Over
initial = Absent()


class RejectedError(Exception):
    """The command cannot hold in this state; trying again will not help."""


def decide(command: Command, state: Session) -> tuple[Event, ...]:  # noqa: PLR0911 - a table
    """The facts that follow; () when it is so already."""
    session_id, at = command.session_id, command.at
    match command, state:
        case _, Absent():
            raise RejectedError("nobody requested this session")
        case Begin(), Over():
            raise RejectedError("the session is over")
        case Begin(), Requested():
            return (SessionStarted(session_id=session_id, time=at),)
        case Close(), Requested(sourced=False):
            return (SessionEnded(session_id=session_id, time=at, reason="asked"),)
        case Close(), Requested() | Live():
            return (SessionEnding(session_id=session_id, time=at),)
        case ReportSourceEnd(), Requested() | Live():
            return (SessionEnded(session_id=session_id, time=at, reason="source_ended"),)
        case ReportSourceEnd(), Ending():
            return (SessionEnded(session_id=session_id, time=at, reason="asked"),)
        case ReportFailure(reason=reason, detail=detail), Requested() | Live() | Ending():
            failed = SessionFailed(session_id=session_id, time=at, reason=reason, detail=detail)
            return (failed,)
        case _:
            return ()


def evolve(state: Session, event: Event) -> Session:
    """State and fact to state; facts of other families change nothing."""
    match event:
        case SessionRequested():
            return Requested()
        case RecordingAttached():
            return Requested(sourced=True) if isinstance(state, Requested) else state
        case SessionStarted():
            return Ending() if isinstance(state, Ending) else Live()
        case SessionEnding():
            return Ending()
        case SessionEnded() | SessionFailed():
            return Over()
        case _:
            return state


def fold(events: Iterable[Event], origin: Session = initial) -> Session:
    """Evolve over many."""
    return reduce(evolve, events, origin)


def wants_more(state: Session) -> bool:
    """Whether the source should go on delivering."""
    match state:
        case Requested() | Live():
            return True
        case Absent() | Ending() | Over():
            return False
        case _ as unreachable:
            assert_never(unreachable)
