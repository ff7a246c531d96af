"""The bot's whole mind: each input goes through its folds, what they say is numbered. Pure.

The folds know their own part: who is there, what is heard, what else Daily tells, how to behave.
Orders are planned here, because an order concerns several of them.
"""

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import CallFact, CommandFailed, Event
from services.ingest.bot import (
    etiquette,
    hearing,
    moves,
    orders,
    people,
    readings,
    redaction,
    roster,
    telling,
)
from services.ingest.bot.etiquette import Etiquette
from services.ingest.bot.hearing import Hearing
from services.ingest.bot.memory import Memory
from services.ingest.bot.orders import ORDER, Invalid
from services.ingest.bot.roster import Roster
from services.ingest.bot.seam import Callback, Request
from services.ingest.bot.steps import (
    NOTHING,
    Answered,
    Charge,
    Input,
    Ordered,
    Outcome,
    together,
)
from services.ingest.bot.telling import Telling

Reason: TypeAlias = Literal["invalid", "timeout"]


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot knows; `told` counts its facts."""

    charge: Charge
    roster: Roster
    hearing: Hearing
    telling: Telling = telling.initial
    etiquette: Etiquette
    told: int = 0


class Place(NamedTuple):
    """Who the bot is in the room, and which call this is."""

    participant_id: str
    meeting_id: str | None


def initial(charge: Charge, memory: Memory) -> Bot:
    """A bot that goes on where the log stands."""
    return Bot(
        charge=charge,
        roster=roster.initial(memory.people, memory.bots),
        hearing=hearing.initial(
            memory.gaps,
            memory.started_at,
            memory.segments,
            wanted=memory.wanted,
            only=memory.only,
        ),
        etiquette=etiquette.initial(noticed=memory.noticed),
    )


def own_place(data: object) -> Place:
    """The bot's own place by Daily's JoinData; its id is empty where Daily does not say it."""
    participants = readings.mapping(readings.mapping(data).get("participants"))
    session = readings.mapping(readings.mapping(data).get("meetingSession"))
    return Place(people.ident(participants.get("local")) or "", readings.ident(session.get("id")))


def step(bot: Bot, taken: Input, at: datetime) -> tuple[Bot, Outcome]:
    """The bot after one input at `at`, and what follows from it."""
    outcomes = []
    heads, outcome = roster.step(bot.roster, taken, bot.charge, at)
    outcomes.append(outcome)
    ears, order = bot.hearing, _ordered(bot.charge, taken, at)
    if not isinstance(taken, Ordered) or order.effects:
        ears, outcome = hearing.step(bot.hearing, taken, heads, bot.charge, at)
        outcomes.append(outcome)
    if isinstance(taken, Callback):
        said, facts = telling.step(bot.telling, taken, bot.charge, at)
        outcomes.append(Outcome(facts=facts))
        bot = replace(bot, telling=said)
    outcomes.append(order)
    manners, outcome = etiquette.step(
        bot.etiquette, taken, bot.charge, at, lambda one: _is_owner(heads, one)
    )
    outcomes.append(outcome)
    bot = replace(bot, roster=heads, hearing=ears, etiquette=manners)
    return _finished(bot, outcomes)


def counted(bot: Bot, fact: Event) -> tuple[Bot, Event]:
    """A fact with its number, and the bot that told it."""
    if not isinstance(fact, CallFact):
        return bot, fact
    told = bot.told + 1
    return replace(bot, told=told), replace(fact, number=told)


def leaving(bot: Bot) -> Bot:
    """The bot leaves by its own will."""
    return replace(bot, etiquette=etiquette.leaving(bot.etiquette))


def farewell(bot: Bot) -> tuple[Request, ...]:
    """What to ask of Daily before leaving."""
    return hearing.farewell(bot.hearing)


def started_at(bot: Bot) -> datetime | None:
    """The meeting's start, once it is known."""
    return bot.hearing.started_at


def _ordered(charge: Charge, taken: Input, at: datetime) -> Outcome:
    if isinstance(taken, Answered) and taken.ref.startswith(ORDER):
        command_id = taken.ref.removeprefix(ORDER)
        concluded = orders.outcome(
            taken, session_id=charge.session_id, command_id=command_id, at=at
        )
        return Outcome(facts=(concluded,))
    if not isinstance(taken, Ordered):
        return NOTHING
    if taken.deadline < at:
        return Outcome(facts=(_failed(charge, taken, at, "timeout", "no bot was there in time"),))
    base = moves.settings(charge)
    planned = orders.plan(taken.command, ORDER + taken.command_id, base)
    if isinstance(planned, Invalid):
        return Outcome(facts=(_failed(charge, taken, at, "invalid", planned.detail),))
    return Outcome(effects=(planned,))


def _failed(
    charge: Charge, order: Ordered, at: datetime, reason: Reason, detail: str
) -> CommandFailed:
    return CommandFailed(
        session_id=charge.session_id,
        time=at,
        command_id=order.command_id,
        reason=reason,
        detail=detail,
    )


def _is_owner(present: Roster, participant_id: str) -> bool:
    person = present.people.get(participant_id)
    return person is not None and person.owner


def _finished(bot: Bot, outcomes: list[Outcome]) -> tuple[Bot, Outcome]:
    """One outcome of several: redacted where that was asked for, and its facts numbered."""
    whole, facts = together(outcomes), list[Event]()
    for fact in whole.facts:
        bot, numbered = counted(
            bot, redaction.redact_event(fact) if bot.charge.redact_pii else fact
        )
        facts.append(numbered)
    captions = whole.captions
    if bot.charge.redact_pii:
        captions = tuple(redaction.redact_event(caption) for caption in captions)
    return bot, Outcome(tuple(facts), captions, whole.effects)
