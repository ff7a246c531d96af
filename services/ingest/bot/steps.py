"""What the folds of a bot take and give: inputs from the call, facts and effects. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from contracts.calls import CallCommand
from contracts.events import Event
from contracts.queries import Caption
from services.ingest.bot.seam import Callback, Request


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot is told when it is sent: whose meeting, which bot, and how it shall behave."""

    session_id: str
    bot_id: str
    name: str
    model: str = "nova-2-general"
    language: str | None = None
    vocabulary: tuple[str, ...] = ()
    redact_pii: bool = False
    consent_notice: str = ""

    def head(self, at: datetime) -> dict[str, Any]:
        """What every CallFact of the bot begins with; the composition gives it its number."""
        return {"session_id": self.session_id, "time": at, "bot_id": self.bot_id, "number": 0}


class Joined(msgspec.Struct, frozen=True):
    """The bot is in the room: Daily's JoinData."""

    data: dict[str, Any]


class Ordered(msgspec.Struct, frozen=True):
    """Somebody wants something done in the call."""

    command_id: str
    command: CallCommand
    deadline: datetime


class Answered(msgspec.Struct, frozen=True):
    """What became of an effect: its result, or why it failed."""

    ref: str
    result: Any = None
    error: str | None = None
    unanswered: bool = False


class Ticked(msgspec.Struct, frozen=True):
    """Time passed; comes at least once a second."""


Input: TypeAlias = Callback | Joined | Ordered | Answered | Ticked


class Ask(msgspec.Struct, frozen=True):
    """A request to Daily's client; its outcome comes back as Answered with this `ref`."""

    ref: str
    request: Request


class Perform(msgspec.Struct, frozen=True):
    """A media command or an inspection: done by the shell; its outcome comes back as Answered."""

    ref: str
    command: CallCommand


class Leave(msgspec.Struct, frozen=True):
    """The bot shall leave: an owner said so, or the room put it out already."""

    why: str


Effect: TypeAlias = Ask | Perform | Leave


class Outcome(msgspec.Struct, frozen=True):
    """What follows from one input. CallFacts carry number 0 here; the composition counts them."""

    facts: tuple[Event, ...] = ()
    captions: tuple[Caption, ...] = ()
    effects: tuple[Effect, ...] = ()


NOTHING = Outcome()


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """What follows from several folds or inputs, in their order."""
    return Outcome(
        facts=tuple(fact for outcome in outcomes for fact in outcome.facts),
        captions=tuple(caption for outcome in outcomes for caption in outcome.captions),
        effects=tuple(effect for outcome in outcomes for effect in outcome.effects),
    )
