"""Who is in the room, people and the assistant's bot, as the read models show them. Pure."""

from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotJoining,
    BotLeft,
    BotReplaced,
    Fact,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    SessionEnded,
    SessionFailed,
)

PersonEvent: TypeAlias = ParticipantJoined | ParticipantUpdated | ParticipantLeft
BotGone: TypeAlias = BotLeft | BotEjected | BotReplaced
BotEvent: TypeAlias = BotAssigned | BotJoining | BotJoined | BotGone


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of one person; `name` is the last one known, or the one they were given
    since; `left_reason` is the room's word."""

    participant_id: str
    name: str | None
    owner: bool = False
    joined_at: datetime
    left_at: datetime | None = None
    left_reason: str | None = None


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """The bot that serves the session; `joined_at` is null while it is on its way."""

    bot_id: str
    number: int
    joined_at: datetime | None = None


def evolve_people(people: tuple[Participant, ...], event: PersonEvent) -> tuple[Participant, ...]:
    """The visits with one more, or with one changed; of an unknown one nothing is said."""
    match event:
        case ParticipantJoined(participant_id=who, name=name, owner=owner):
            since = event.joined_at or event.time
            visit = Participant(participant_id=who, name=name, owner=owner, joined_at=since)
            return (*people, visit)
        case ParticipantUpdated() | ParticipantLeft():
            return tuple(
                _changed(visit, event) if visit.participant_id == event.participant_id else visit
                for visit in people
            )


def evolve_bot(bot: Bot | None, event: Fact) -> Bot | None:
    """The bot after the event; one that has been replaced changes nothing any more."""
    match event:
        case BotAssigned(bot_id=bot_id, number=number):
            return Bot(bot_id=bot_id, number=number)
        case SessionEnded() | SessionFailed():
            return None
        case BotJoined(bot_id=bot_id, time=time) if bot is not None and bot.bot_id == bot_id:
            return replace(bot, joined_at=time)
        case BotLeft(bot_id=bot_id) | BotEjected(bot_id=bot_id) | BotReplaced(bot_id=bot_id):
            return None if bot is not None and bot.bot_id == bot_id else bot
        case _:
            return bot


def _changed(visit: Participant, event: ParticipantUpdated | ParticipantLeft) -> Participant:
    if isinstance(event, ParticipantLeft):
        return replace(visit, left_at=event.time, left_reason=event.reason)
    # a name once known stays known
    return replace(visit, name=event.name or visit.name, owner=event.owner)
