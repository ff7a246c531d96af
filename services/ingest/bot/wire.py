"""What a bot's process is told on its standard input, and what it says on its output: JSON lines.

Secrets come this way, never as arguments, which every user of a machine may read.
"""

from typing import Literal, TypeAlias

import msgspec

from services.ingest.bot.steps import Charge

Going: TypeAlias = Literal["ended", "recycled", "stopped"]
"""Why a bot is called back; the reason its BotLeft gives."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The first line in: the charge, the door, and what proves that this bot is the session's.

    `fence` is the sequence of its BotAssigned, `lease` the revision to take the lease at, `spool`
    the directory of its own.
    """

    charge: Charge
    room_url: str
    token: str | None
    fence: int
    lease: int
    spool: str


class Recall(msgspec.Struct, frozen=True, tag="Recall"):
    """A later line in: leave the room and end."""

    reason: Going


class Beat(msgspec.Struct, frozen=True, tag="Beat"):
    """Out, once a second: the bot's loop turns. Resident memory in bytes."""

    memory: int


class Entered(msgspec.Struct, frozen=True, tag="Entered"):
    """Out: the bot is in the room."""


class Dismissed(msgspec.Struct, frozen=True, tag="Dismissed"):
    """Out: an owner in the room wants the assistant to go."""


class Gone(msgspec.Struct, frozen=True, tag="Gone"):
    """Out, last: how it ended. `detail` is Daily's own text where there is one."""

    how: Literal["left", "put_out", "join_failed", "replaced"]
    detail: str = ""


Report: TypeAlias = Beat | Entered | Dismissed | Gone
