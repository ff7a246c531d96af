"""How a session lives and ends, as a Decider. Pure: times arrive as arguments.

A recording's life is here, a call's in `call_session`; the states of both are in `session_state`.
"""

from contracts.events import Event, SessionEnded, SessionEnding, SessionFailed, SessionStarted
from services.ingest import call_session
from services.ingest.call_state import Call
from services.ingest.session_commands import (
    Assign,
    Begin,
    CallCommand,
    Close,
    Command,
    Dismiss,
    Enter,
    Failure,
    Loss,
    PutOut,
    RejectedError,
    Replace,
    ReportEjected,
    ReportEmpty,
    ReportFailure,
    ReportSourceEnd,
    ReportTimer,
    Wait,
)
from services.ingest.session_state import (
    LIFECYCLE,
    Absent,
    Ending,
    Joining,
    Live,
    Over,
    Requested,
    Session,
    Underway,
    Waiting,
    armed,
    evolve,
    fold,
    initial,
    open_gaps,
    wants_more,
)

__all__ = [
    "LIFECYCLE",
    "Absent",
    "Assign",
    "Begin",
    "Call",
    "CallCommand",
    "Close",
    "Command",
    "Dismiss",
    "Ending",
    "Enter",
    "Failure",
    "Joining",
    "Live",
    "Loss",
    "Over",
    "PutOut",
    "RejectedError",
    "Replace",
    "ReportEjected",
    "ReportEmpty",
    "ReportFailure",
    "ReportSourceEnd",
    "ReportTimer",
    "Requested",
    "Session",
    "Underway",
    "Wait",
    "Waiting",
    "armed",
    "decide",
    "evolve",
    "fold",
    "initial",
    "open_gaps",
    "wants_more",
]


def decide(command: Command, state: Session) -> tuple[Event, ...]:
    """The facts that follow; () when it is so already. Raises RejectedError."""
    match state:
        case Absent():
            raise RejectedError("nobody requested this session")
        case Over():
            if isinstance(command, Begin | Enter | Assign):
                raise RejectedError("the session is over")
            return ()
        case _ if state.call is not None:
            return call_session.decide(command, state, state.call)
        case _ if isinstance(command, CallCommand):
            raise RejectedError("the session is not in a room")
        case _:
            return _of_recording(command, state)


def _of_recording(  # noqa: PLR0911 - a table
    command: Begin | Close | ReportSourceEnd | ReportFailure, state: Underway
) -> tuple[Event, ...]:
    session_id, at = command.session_id, command.at
    match command, state:
        case Begin(), Requested():
            return (SessionStarted(session_id=session_id, time=at),)
        case Close(), Requested(sourced=False):
            return (SessionEnded(session_id=session_id, time=at, reason="asked"),)
        case Close(), Requested() | Live():
            return (SessionEnding(session_id=session_id, time=at),)
        case ReportSourceEnd(), Ending(reason=reason):
            return (SessionEnded(session_id=session_id, time=at, reason=reason),)
        case ReportSourceEnd(), _:
            return (SessionEnded(session_id=session_id, time=at, reason="source_ended"),)
        case ReportFailure(reason=failure, detail=detail), _:
            return (SessionFailed(session_id=session_id, time=at, reason=failure, detail=detail),)
        case _:
            return ()
