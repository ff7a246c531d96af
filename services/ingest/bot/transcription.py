"""What is known of the room's transcription, and one step being taken from there. Pure.

The moves are in `moves`, and when which is made is `transcribing`'s.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from contracts.events import Event
from services.ingest.bot import roster as people
from services.ingest.bot.roster import Roster
from services.ingest.bot.seam import SLOW_SECONDS, Request
from services.ingest.bot.stalls import Watch
from services.ingest.bot.steps import Ask, Charge, Ordered, Outcome


class Status(msgspec.Struct, frozen=True):
    """A running transcription as the room tells of it."""

    started_by: str | None = None
    instance_id: str | None = None
    transcript_id: str | None = None
    language: str | None = None
    model: str | None = None


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A transcription that runs.

    `since` is when it was first seen. `status` is None as long as only the answer to our start, or
    its words, say that it runs. `fresh` says that it did not run before it was seen.
    """

    own: bool
    since: datetime
    status: Status | None = None
    fresh: bool = False


class Gap(msgspec.Struct, frozen=True):
    """A gap that is open; `start` in seconds from the meeting's start, 0 when it is not known."""

    gap_id: str
    start: float = 0.0


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """`wanted` until somebody ordered otherwise; `over` and `only` are the orders' settings and
    participants. `asked` and `stopping` are the refs of requests on their way, `due` when to ask
    next. `deaf` is since when nothing is known to run, `clear` the second of the meeting from which
    on everything was heard, and `said` the end of the last words."""

    wanted: bool = True
    over: dict[str, Any] = {}
    only: tuple[str, ...] | None = None
    present: bool = False
    entered: datetime | None = None
    running: Instance | None = None
    instances: int = 0
    announced: bool = False
    """The log says that it runs."""
    asked: str | None = None
    stopping: str | None = None
    asks: int = 0
    orders: tuple[Ordered, ...] = ()
    """Those about `over` or `only` of which Daily has not said yet whether it takes them."""
    due: datetime | None = None
    waits: int = 0
    """Failures in a row: the next wait is the longer for them."""
    told: bool = False
    """The log says why the attempt failed, or why what ran is in doubt."""
    deaf: datetime | None = None
    clear: float = 0.0
    said: float = 0.0
    gaps: tuple[Gap, ...] = ()
    gaps_opened: int = 0
    watch: Watch = Watch()


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When and for whom; `started_at` is the meeting's start."""

    charge: Charge
    roster: Roster
    at: datetime
    started_at: datetime

    @property
    def head(self) -> dict[str, Any]:
        """What every fact of a bot begins with."""
        return self.charge.head(self.at)

    @property
    def offset(self) -> float:
        """Now, in seconds from the meeting's start."""
        return self.offset_of(self.at)

    def offset_of(self, time: datetime) -> float:
        """A time in seconds from the meeting's start, never negative."""
        return max(0.0, round((time - self.started_at).total_seconds(), 3))

    def is_ours(self, participant_id: str | None) -> bool:
        """Whether this is the bot, or one of the session's before it."""
        return people.is_bot(self.roster, participant_id)


class Turn(msgspec.Struct, frozen=True):
    """One step being taken: the state so far, and what comes of it."""

    now: Moment
    state: Transcription
    facts: tuple[Event, ...] = ()
    effects: tuple[Ask, ...] = ()

    def become(self, **changes: Any) -> "Turn":  # noqa: ANN401 - fields of the state
        """Change fields of the state."""
        return replace(self, state=replace(self.state, **changes))

    def tell(self, *facts: Event) -> "Turn":
        """Add facts."""
        return replace(self, facts=(*self.facts, *facts))

    def ask(self, ref: str, method: str, *args: object) -> "Turn":
        """Ask something of Daily's client."""
        request = Request(method, args, SLOW_SECONDS)
        return replace(self, effects=(*self.effects, Ask(ref, request)))

    @property
    def outcome(self) -> Outcome:
        """What came of it."""
        return Outcome(facts=self.facts, effects=self.effects)
