"""How a session in a room lives and ends: which bot serves it, and what its timers mean. Pure."""

from datetime import datetime
from typing import assert_never

from contracts import ids
from contracts.events import (
    BotAssigned,
    BotReplaced,
    Cause,
    Event,
    GapOpened,
    RoomEmptied,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionStarted,
    SessionWaiting,
)
from services.ingest.call_state import Call
from services.ingest.session_commands import (
    Assign,
    Begin,
    Close,
    Command,
    Dismiss,
    Enter,
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
    Ending,
    Joining,
    Live,
    Requested,
    Underway,
    Waiting,
    armed,
)


def decide(  # noqa: C901, PLR0911, PLR0912 - one row a command
    command: Command, state: Underway, call: Call
) -> tuple[Event, ...]:
    """The facts that follow in a session in a room; raises RejectedError."""
    if isinstance(state, Ending):
        return _while_ending(command, state, call)
    match command:
        case Wait() | Enter():
            return _approached(command, state)
        case Begin():
            return _begun(command, call)
        case Assign():
            return _assigned(command, state, call)
        case Replace():
            return _replaced(command, call)
        case Close():
            return _concluded(command, call, "asked")
        case Dismiss():
            return _concluded(command, call, "dismissed")
        case ReportEmpty() if isinstance(state, Live):
            return _emptied(command, call)
        case ReportTimer() if armed(state).get(command.timer) == command.due:
            return _elapsed(command, state, call)
        case ReportEmpty() | ReportTimer() | ReportSourceEnd():
            return ()
        case ReportEjected(session_id=session_id, at=at, cause=cause):
            return (SessionEnded(session_id=session_id, time=at, reason=cause),)
        case ReportFailure(session_id, at, reason, detail):
            return (SessionFailed(session_id=session_id, time=at, reason=reason, detail=detail),)
        case _ as unreachable:
            assert_never(unreachable)


def _while_ending(command: Command, state: Ending, call: Call) -> tuple[Event, ...]:
    """Once it is ending it ends for that reason, whatever happens on the way out."""
    match command:
        case Enter() | Assign():
            raise RejectedError("the session is ending")
        case Begin():
            return _begun(command, call)
        case ReportSourceEnd() | ReportEjected() | ReportFailure():
            ended = SessionEnded(
                session_id=command.session_id, time=command.at, reason=state.reason
            )
            return (ended,)
        case _:
            return ()


def _approached(command: Wait | Enter, state: Underway) -> tuple[Event, ...]:
    session_id, at = command.session_id, command.at
    match command, state:
        case Wait(no_show_at=due), Requested():
            return (SessionWaiting(session_id=session_id, time=at, no_show_at=due),)
        case Enter(), Requested() | Waiting():
            return (SessionJoining(session_id=session_id, time=at),)
        case _:
            return ()


def _begun(command: Begin | Replace, call: Call) -> tuple[Event, ...]:
    """The meeting's time counts from when the first bot was in, whoever says so and when."""
    if call.entered_at is None or call.started_at is not None:
        return ()
    return (SessionStarted(session_id=command.session_id, time=call.entered_at),)


def _assigned(command: Assign, state: Underway, call: Call) -> tuple[Event, ...]:
    if not isinstance(state, Joining | Live):
        raise RejectedError("the session is not joining")
    if call.served and call.bot_id == command.bot_id:
        return ()
    if call.served:
        raise RejectedError(f"bot {call.bot_id} serves the session")
    if command.bot_id in call.bots:
        raise RejectedError(f"bot {command.bot_id} is gone")
    if call.put_out is not None:
        raise RejectedError(f"the room lets no bot in: {call.put_out}")
    assigned = BotAssigned(
        session_id=command.session_id,
        time=command.at,
        bot_id=command.bot_id,
        number=len(call.bots) + 1,
    )
    return (assigned,)


def _replaced(command: Replace, call: Call) -> tuple[Event, ...]:
    session_id, at = command.session_id, command.at
    if call.seat == "vacant" or call.bot_id != command.bot_id:
        return ()
    if call.put_out is not None:
        return (SessionEnded(session_id=session_id, time=at, reason=call.put_out),)
    replaced = BotReplaced(
        session_id=session_id, time=at, bot_id=command.bot_id, cause=command.cause
    )
    # The last of them says that the bot is gone: broken off before it, all are decided again.
    return (*_begun(command, call), *_deafened(command, call), replaced)


def _deafened(command: Replace, call: Call) -> tuple[Event, ...]:
    """The gap that begins, unless nothing was being heard anyway."""
    start = call.started_at or call.entered_at
    if start is None or call.gaps.open:
        return ()
    gap = GapOpened(
        session_id=command.session_id,
        time=command.at,
        gap_id="gap_" + ids.digest(command.session_id, command.bot_id),
        cause=f"bot_{command.cause}",
        start=_seconds(start, command.heard_until or command.at),
    )
    return (gap,)


def _emptied(command: ReportEmpty, call: Call) -> tuple[Event, ...]:
    if call.seat != "in_room" or call.visits.open or call.grace_until is not None:
        return ()
    if not call.visits.begun and call.no_show_at is not None and command.at < call.no_show_at:
        return ()  # they may still come for the first time
    emptied = RoomEmptied(
        session_id=command.session_id, time=command.at, grace_until=command.grace_until
    )
    return (emptied,)


def _elapsed(command: ReportTimer, state: Underway, call: Call) -> tuple[Event, ...]:
    if command.timer == "room_expiry":
        return _concluded(command, call, "room_expired")
    if not isinstance(state, Waiting) and call.seat != "in_room":
        return ()  # nobody sees whether the room is empty; the bot that gets in will
    return _concluded(command, call, "room_empty" if call.visits.begun else "no_show")


def _concluded(
    command: Close | Dismiss | ReportTimer, call: Call, reason: Cause
) -> tuple[Event, ...]:
    """A bot is asked to hand over what it has; without one this is the end."""
    fact = SessionEnding if call.served else SessionEnded
    return (fact(session_id=command.session_id, time=command.at, reason=reason),)


def _seconds(start: datetime, moment: datetime) -> float:
    return max(0.0, (moment - start).total_seconds())
