"""What a bot knows before it enters: a fold of what the session's earlier bots wrote. Pure."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce

import msgspec
from msgspec.structs import replace

from contracts.calls import StartTranscription, StopTranscription, UpdateTranscription
from contracts.events import (
    BotJoined,
    CommandDone,
    CommandFailed,
    CommandRequested,
    ConsentNoticeSent,
    Event,
    GapClosed,
    GapOpened,
    Numbered,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    SegmentHeard,
    SessionStarted,
)
from services.ingest.bot.people import Person
from services.ingest.bot.steps import Ordered

SEGMENTS = 2000
"""The last segments whose ids are kept, so that none is told twice."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """`people` are there by the log; `orders` are not concluded yet, oldest first.

    `wanted` is False when an order stopped transcription, `only` whom one limited it to.
    """

    started_at: datetime | None = None
    people: dict[str, Person] = {}
    bots: frozenset[str] = frozenset()
    gaps: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    noticed: bool = False
    wanted: bool = True
    only: tuple[str, ...] | None = None
    orders: tuple[Ordered, ...] = ()


def fold(events: Iterable[Numbered]) -> Memory:
    """The memory of all that happened."""
    return reduce(evolve, (event for _, event in events), Memory())


def evolve(memory: Memory, event: Event) -> Memory:  # noqa: PLR0911 - one row an event type
    """The memory with one more event."""
    match event:
        case SessionStarted(time=time):
            return replace(memory, started_at=time)
        case BotJoined():
            # Until the session is said to have started, its first bot's entry is its start.
            started_at = memory.started_at or event.time
            bots = memory.bots | {event.participant_id}
            return replace(memory, started_at=started_at, bots=bots)
        case ParticipantJoined() | ParticipantUpdated() | ParticipantLeft():
            return replace(memory, people=_attended(memory.people, event))
        case GapOpened(gap_id=gap):
            return replace(memory, gaps=(*memory.gaps, gap))
        case GapClosed(gap_id=gap):
            return replace(memory, gaps=tuple(one for one in memory.gaps if one != gap))
        case SegmentHeard(segment_id=segment):
            return replace(memory, segments=(*memory.segments, segment)[-SEGMENTS:])
        case ConsentNoticeSent():
            return replace(memory, noticed=True)
        case CommandRequested() | CommandDone() | CommandFailed():
            return _ordered(memory, event)
        case _:
            return memory


def _attended(
    people: dict[str, Person], event: ParticipantJoined | ParticipantUpdated | ParticipantLeft
) -> dict[str, Person]:
    others = {key: one for key, one in people.items() if key != event.participant_id}
    if isinstance(event, ParticipantLeft):
        return others
    known = people.get(event.participant_id)
    if isinstance(event, ParticipantUpdated) and known is None:
        return people
    rights = event.can_admin if isinstance(event, ParticipantUpdated) else ()
    media = event.media.items() if isinstance(event, ParticipantUpdated) else ()
    person = Person(
        participant_id=event.participant_id,
        name=event.name,
        user_id=event.user_id,
        owner=event.owner,
        can_admin=rights,
        media=tuple(sorted(media)),
    )
    return others | {event.participant_id: person}


def _ordered(memory: Memory, event: CommandRequested | CommandDone | CommandFailed) -> Memory:
    if not isinstance(event, CommandRequested):
        return _concluded(memory, event)
    order = Ordered(event.command_id, event.command, event.deadline)
    memory = replace(memory, orders=(*memory.orders, order))
    match event.command:
        case StopTranscription():
            return replace(memory, wanted=False)
        case StartTranscription():
            return replace(memory, wanted=True)
        case _:
            return memory


def _concluded(memory: Memory, event: CommandDone | CommandFailed) -> Memory:
    """An order that Daily refused limits nothing."""
    for order in memory.orders:
        match order.command:
            case UpdateTranscription(participants=participants) if (
                isinstance(event, CommandDone) and order.command_id == event.command_id
            ):
                memory = replace(memory, only=participants)
    left = tuple(one for one in memory.orders if one.command_id != event.command_id)
    return replace(memory, orders=left)
