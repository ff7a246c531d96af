"""How a session lives: asked for, waiting, joined, live, over; and which bot serves it."""

from datetime import datetime
from typing import Literal, TypeAlias

from contracts.events.base import Fact, Source

Cause: TypeAlias = Literal[
    "asked", "no_show", "room_empty", "room_expired", "ejected", "room_deleted", "dismissed"
]
"""Why a session comes to its end: somebody asked over HTTP, nobody came, everybody left, the room's
time was up, the bot was thrown out, the room was deleted, or an owner said so in the room."""

Timer: TypeAlias = Literal["no_show", "grace", "room_expiry"]


class SessionRequested(Fact, frozen=True, kw_only=True, tag="SessionRequested"):
    """Somebody asked for an assistant; the session exists from here on.

    `expires_at` is when a room that was made for the session closes, or when the assistant leaves
    one that was given; null for never.
    """

    source: Source
    room_url: str | None = None
    language: str | None = None
    redact_pii: bool = False
    vocabulary: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    room_created: bool = False
    expires_at: datetime | None = None


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


class SessionWaiting(Fact, frozen=True, kw_only=True, tag="SessionWaiting"):
    """The assistant watches the room and joins when a person is there, until `no_show_at`."""

    no_show_at: datetime


class SessionJoining(Fact, frozen=True, kw_only=True, tag="SessionJoining"):
    """The assistant is on its way into the room."""


class SessionStarted(Fact, frozen=True, kw_only=True, tag="SessionStarted"):
    """The source delivers from here on."""


class SessionEnding(Fact, frozen=True, kw_only=True, tag="SessionEnding"):
    """Somebody asked for the end; what was heard until then is still on its way into the log."""

    reason: Cause = "asked"


class SessionEnded(Fact, frozen=True, kw_only=True, tag="SessionEnded"):
    """The source is closed: no segment follows."""

    reason: Cause | Literal["source_ended"]


class SessionFailed(Fact, frozen=True, kw_only=True, tag="SessionFailed"):
    """The source could not be opened or kept; what was heard until then stays readable."""

    reason: Literal[
        "recording_missing",
        "recording_unreadable",
        "room_unreachable",
        "room_closed",
        "room_refused",
        "bot_failing",
    ]
    detail: str = ""


class RoomEmptied(Fact, frozen=True, kw_only=True, tag="RoomEmptied"):
    """The last person left; the assistant stays until `grace_until`, for somebody to return."""

    grace_until: datetime


class TimerElapsed(Fact, frozen=True, kw_only=True, tag="TimerElapsed"):
    """A durable timer fired. `due` says which one of its kind: an older one means nothing."""

    timer: Timer
    due: datetime


class BotAssigned(Fact, frozen=True, kw_only=True, tag="BotAssigned"):
    """From here on this bot alone writes what it sees; `number` counts the session's bots."""

    bot_id: str
    number: int


class BotJoining(Fact, frozen=True, kw_only=True, tag="BotJoining"):
    """The bot knocks at the room."""

    bot_id: str


class BotJoined(Fact, frozen=True, kw_only=True, tag="BotJoined"):
    """The bot is in the room as this participant; `meeting_id` is Daily's id of the call."""

    bot_id: str
    participant_id: str
    meeting_id: str | None = None


class BotLeft(Fact, frozen=True, kw_only=True, tag="BotLeft"):
    """The bot went by itself: the session ends, or another bot takes its place."""

    bot_id: str
    reason: Literal["ended", "recycled", "stopped"]


class BotEjected(Fact, frozen=True, kw_only=True, tag="BotEjected"):
    """The room put the bot out."""

    bot_id: str
    cause: Literal["ejected", "room_expired", "room_deleted", "disconnected"]
    detail: str = ""


class BotReplaced(Fact, frozen=True, kw_only=True, tag="BotReplaced"):
    """The bot is gone and the session goes on: another one follows."""

    bot_id: str
    cause: Literal["died", "silent", "recycled", "stopped", "disconnected", "join_failed"]
