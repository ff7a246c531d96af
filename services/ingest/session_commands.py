"""What a session can be asked, and what can be reported of it. Pure: times arrive as `at`."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.events import Timer

Failure: TypeAlias = Literal[
    "recording_missing",
    "recording_unreadable",
    "room_unreachable",
    "room_closed",
    "room_refused",
    "bot_failing",
]
"""Why a source cannot be opened or kept."""

Loss: TypeAlias = Literal["died", "silent", "recycled", "stopped", "disconnected", "join_failed"]
"""Why a bot is gone although its session goes on."""

PutOut: TypeAlias = Literal["ejected", "room_expired", "room_deleted"]
"""How a room ends a session; a bot that lost its connection is replaced instead."""


class RejectedError(Exception):
    """The command cannot hold in this state; trying again will not help."""


class Begin(msgspec.Struct, frozen=True):
    """The source is about to deliver; of a call: the first bot is in the room."""

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


class Wait(msgspec.Struct, frozen=True):
    """Watch the room, until `no_show_at`, for a person to come."""

    session_id: str
    at: datetime
    no_show_at: datetime


class Enter(msgspec.Struct, frozen=True):
    """A person is there, or nobody can tell: go into the room."""

    session_id: str
    at: datetime


class Assign(msgspec.Struct, frozen=True):
    """This bot shall serve the session, and no other."""

    session_id: str
    at: datetime
    bot_id: str


class Replace(msgspec.Struct, frozen=True):
    """The session's bot is gone, and another one shall follow.

    `heard_until` is when it was last known to listen; None is `at`.
    """

    session_id: str
    at: datetime
    bot_id: str
    cause: Loss
    heard_until: datetime | None = None


class ReportEmpty(msgspec.Struct, frozen=True):
    """Nobody seems to be in the room: leave at `grace_until` unless somebody comes."""

    session_id: str
    at: datetime
    grace_until: datetime


class ReportTimer(msgspec.Struct, frozen=True):
    """A timer fired; `due` tells it from an older one of its kind."""

    session_id: str
    at: datetime
    timer: Timer
    due: datetime


class Dismiss(msgspec.Struct, frozen=True):
    """An owner said in the room that the assistant shall go."""

    session_id: str
    at: datetime


class ReportEjected(msgspec.Struct, frozen=True):
    """The room put the bot out for good."""

    session_id: str
    at: datetime
    cause: PutOut


CallCommand: TypeAlias = (
    Wait | Enter | Assign | Replace | ReportEmpty | ReportTimer | Dismiss | ReportEjected
)
"""What only a session in a room knows."""

Command: TypeAlias = Begin | Close | ReportSourceEnd | ReportFailure | CallCommand
