"""Commands for the bot in a call: what a request may hold, and what came of one. Asks nobody."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec.structs import asdict, replace

from contracts import ids
from contracts.calls import CALL_COMMANDS, CallCommand
from contracts.events import CommandDone, CommandFailed, CommandRequested, Numbered
from services.gateway import problems
from services.gateway.plain import one_line
from services.gateway.problems import Problem, ProblemError
from services.gateway.session_view import SessionView

Conclusion: TypeAlias = CommandDone | CommandFailed

NAMES = tuple(str(one.__struct_config__.tag) for one in CALL_COMMANDS)
DEADLINE = timedelta(seconds=30)
"""How long a command may wait for its bot."""
LATE = timedelta(seconds=60)
"""How long after its deadline the outcome of a command may still come: Daily takes its time."""
MAX_DEPTH = 32
MAX_DETAIL = 500

_FAILURES = {
    "refused": ("command-refused", 409, "Daily refused the command"),
    "invalid": ("unfit-value", 422, "The command cannot be used"),
    "timeout": ("command-timeout", 504, "The command took too long"),
    "not_in_call": ("not-in-call", 409, "There is no bot in the call"),
}
_UNKNOWN = "nothing came back in time: whether it was done is not known"

_decoder: msgspec.json.Decoder[CallCommand] = msgspec.json.Decoder(CallCommand)
_PLACED = re.compile(r"(?P<cause>.*) - at `\$(?P<path>[^`]*)`", re.DOTALL)
_NAMED = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_INDEX = re.compile(r"\[(\d*)(?:\.\.\.)?\]")


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A command in the log, at `seq`, and its conclusion once there is one."""

    seq: int
    requested: CommandRequested
    conclusion: Conclusion | None = None


def decode(body: bytes) -> CallCommand:
    """The command of a request.

    Raises ProblemError: 400 for what is no JSON, 422 naming the field that does not fit.
    """
    try:
        command = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _unfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise problems.malformed("body", "is not JSON in UTF-8") from None
    except RecursionError:
        raise problems.malformed("body", "is nested too deeply") from None
    for name, value in asdict(command).items():
        if _is_deeper(value, MAX_DEPTH):
            raise problems.unfit(name, f"is nested more than {MAX_DEPTH} deep")
    return command


def check_taken(view: SessionView) -> None:
    """Raise ProblemError (409) unless the session takes commands now."""
    if view.source != "daily":
        raise problems.conflict("session_id", f"is a {view.source} session: it has no Daily call")
    if view.status != "live":
        raise problems.conflict("session_id", f"the session is {view.status}, not live")


def new_id(random: str) -> str:
    """The id of a command nobody gave before."""
    return "cmd_" + random


def repeatable_id(session_id: str, caller: str, key: str) -> str:
    """The id of the command that a caller named with an idempotency key."""
    return "cmd_" + ids.digest("command", session_id, caller, key)


def requested(
    session_id: str, command_id: str, command: CallCommand, now: datetime
) -> CommandRequested:
    """The fact that the command was given now."""
    return CommandRequested(
        session_id=session_id,
        time=now,
        command_id=command_id,
        command=command,
        deadline=now + DEADLINE,
    )


def thread(events: Iterable[Numbered], command_id: str) -> Thread | None:
    """One command's events; the first conclusion counts."""
    found: Thread | None = None
    for seq, event in events:
        match event:
            case CommandRequested(command_id=one) if one == command_id and found is None:
                found = Thread(seq=seq, requested=event)
            case CommandDone(command_id=one) | CommandFailed(command_id=one) if one == command_id:
                if found is not None and found.conclusion is None:
                    found = replace(found, conclusion=event)
            case _:
                continue
    return found


def failure(failed: CommandFailed) -> ProblemError:
    """The problem that tells why the command was not done."""
    slug, status, title = _FAILURES[failed.reason]
    said = one_line(failed.detail)[:MAX_DETAIL]
    problem = problems.problem(slug, status, title, said or title)
    if failed.reason == "invalid":
        problem = problems.unfit("command", said or "cannot be done").problem
    return _about(problem, failed.command_id, failed.reason)


def check_not_lost(waiting: Thread, now: datetime) -> None:
    """Raise ProblemError (504) for a command without a conclusion that gets none any more."""
    if waiting.conclusion is None and now > waiting.requested.deadline + LATE:
        slug, status, title = _FAILURES["timeout"]
        problem = problems.problem(slug, status, title, _UNKNOWN)
        raise _about(problem, waiting.requested.command_id, "timeout")


def _about(problem: Problem, command_id: str, reason: str) -> ProblemError:
    return ProblemError(replace(problem, command_id=command_id, reason=reason))


def _unfit(message: str) -> ProblemError:
    """The decoder's message without the values it quotes."""
    field, cause = "body", message
    if named := _NAMED.fullmatch(message):
        field = named[2]
        missing = named[1].startswith("missing")
        cause = "is missing" if missing else "is not a field of this command"
    elif placed := _PLACED.fullmatch(message):
        field, cause = _INDEX.sub(r".\1", placed["path"]).strip("."), placed["cause"]
    if field == "command":
        cause = "must be one of " + ", ".join(NAMES)
    elif cause.startswith("Invalid enum value"):
        cause = "is none of the values it may have"
    return problems.unfit(field[:200], cause)


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inside)
