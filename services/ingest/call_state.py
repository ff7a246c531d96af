"""What the log says of a session's time in a room: bots, people, gaps. Pure."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    Event,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    RoomEmptied,
)
from services.ingest.session_commands import PutOut


class Spans(msgspec.Struct, frozen=True):
    """Things that begin once and end once, by id, in whatever order one hears of it."""

    begun: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()

    @property
    def open(self) -> frozenset[str]:
        """Those that began and did not end."""
        return self.begun - self.ended

    def begin(self, one: str) -> "Spans":
        """With one more that began."""
        return self if one in self.begun else replace(self, begun=self.begun | {one})

    def end(self, one: str) -> "Spans":
        """With one more that ended."""
        return self if one in self.ended else replace(self, ended=self.ended | {one})


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session in a room.

    `bots` are all that were assigned, in order; `seat` is where the last of them is, "gone" when
    it left and nobody said yet what follows, and `put_out` why the room will not have another.
    `entered_at` is when the first bot was in. The `*_at` and `*_until` are the timers' times.
    """

    expires_at: datetime | None = None
    no_show_at: datetime | None = None
    grace_until: datetime | None = None
    bots: tuple[str, ...] = ()
    seat: Literal["vacant", "assigned", "in_room", "gone"] = "vacant"
    put_out: PutOut | None = None
    entered_at: datetime | None = None
    started_at: datetime | None = None
    visits: Spans = Spans()
    gaps: Spans = Spans()

    @property
    def bot_id(self) -> str | None:
        """The last bot assigned."""
        return self.bots[-1] if self.bots else None

    @property
    def served(self) -> bool:
        """Whether a bot is in the room or on its way."""
        return self.seat in {"assigned", "in_room"}


def evolve(call: Call, event: Event) -> Call:  # noqa: PLR0911 - a table
    """Call and fact to call; facts of other families change nothing."""
    match event:
        case RoomEmptied(grace_until=until):
            return replace(call, grace_until=until)
        case ParticipantJoined(participant_id=visitor) if visitor not in call.visits.begun:
            return replace(call, visits=call.visits.begin(visitor), grace_until=None)
        case ParticipantLeft(participant_id=visitor):
            return replace(call, visits=call.visits.end(visitor))
        case GapOpened(gap_id=gap):
            return replace(call, gaps=call.gaps.begin(gap))
        case GapClosed(gap_id=gap):
            return replace(call, gaps=call.gaps.end(gap))
        case BotAssigned(bot_id=bot) if bot not in call.bots:
            return replace(call, bots=(*call.bots, bot), seat="assigned")
        case BotJoined() | BotLeft() | BotEjected() | BotReplaced() if event.bot_id == call.bot_id:
            return _bot_moved(call, event)
        case _:
            return call


def _bot_moved(call: Call, event: BotJoined | BotLeft | BotEjected | BotReplaced) -> Call:
    match event:
        case BotJoined(time=time) if call.seat == "assigned":
            # Who came while no bot was in, nobody saw: what this one sees counts from now.
            entered_at = call.entered_at or time
            return replace(call, seat="in_room", entered_at=entered_at, grace_until=None)
        case BotEjected(cause=cause) if call.served:
            return replace(call, seat="gone", put_out=None if cause == "disconnected" else cause)
        case BotLeft() if call.served:
            return replace(call, seat="gone")
        case BotReplaced():
            return replace(call, seat="vacant")
        case _:
            return call
