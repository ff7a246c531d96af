"""Who is in the call: Daily's participant events to people and facts about them. Pure.

Events may come before the bot has joined: they wait until it has. The bot itself, and bots that
served the session before it, are nobody here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import (
    ActiveSpeakerChanged,
    Event,
    ParticipantCountsChanged,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
)
from services.ingest.bot import people, readings
from services.ingest.bot.people import Person
from services.ingest.bot.seam import Callback
from services.ingest.bot.steps import NOTHING, Charge, Input, Joined, Outcome

EARLY = 2000
"""Events kept until the bot has joined; of more, the oldest go: JoinData has those people too."""
REMEMBERED = 200
"""People who left and whose names are kept, for what they said last."""


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """`people` are there now, by id; `gone` are the names of those who left last.

    `bots` are the participant ids of the session's bots, the own one too once it is known.
    """

    people: dict[str, Person] = {}
    gone: dict[str, str | None] = {}
    own_id: str | None = None
    bots: frozenset[str] = frozenset()
    joined: bool = False
    early: tuple[Callback, ...] = ()
    active_speaker: str | None = None
    counts: tuple[int, int] | None = None
    """Present and hidden, as last told."""


Step: TypeAlias = tuple[Roster, tuple[Event, ...]]


def initial(known: Mapping[str, Person], bots: Iterable[str] = ()) -> Roster:
    """Who is there by the log, which earlier bots of the session wrote as participants `bots`."""
    return Roster(people=dict(known), bots=frozenset(bots))


def step(roster: Roster, taken: Input, charge: Charge, at: datetime) -> tuple[Roster, Outcome]:
    """The roster after one input at `at`, and what to tell of it."""
    match taken:
        case Joined(data=data):
            roster, facts = _enter(roster, data, charge, at)
        case Callback(name=name) if name in _READERS and not roster.joined:
            return replace(roster, early=(*roster.early, taken)[-EARLY:]), NOTHING
        case Callback(name=name) if name in _READERS:
            roster, facts = _READERS[name](roster, taken, charge)
        case _:
            return roster, NOTHING
    return roster, Outcome(facts=facts)


def speaker_name(roster: Roster, participant_id: str | None) -> str | None:
    """What a participant calls themselves, also just after they left; None when unknown."""
    if participant_id is None:
        return None
    person = roster.people.get(participant_id)
    return roster.gone.get(participant_id) if person is None else person.name


def is_bot(roster: Roster, participant_id: str | None) -> bool:
    """Whether this is the bot itself or one that served the session before it."""
    return participant_id is not None and participant_id in roster.bots


def _enter(roster: Roster, data: object, charge: Charge, at: datetime) -> Step:
    entries = readings.mapping(readings.mapping(data).get("participants"))
    own = readings.ident(readings.mapping(entries.get("local")).get("id"))
    early = roster.early
    bots = roster.bots if own is None else roster.bots | {own}
    roster = replace(roster, own_id=own, bots=bots, joined=True, early=())
    present = [entry for key, entry in entries.items() if key != "local"]
    visits = (callback.arg(0) for callback in early if callback.name in _VISITS)
    seen = {people.ident(entry) for entry in (*present, *visits)}
    told: list[Event] = []
    for participant_id in tuple(roster.people):
        if participant_id not in seen:
            roster, facts = _leave(roster, participant_id, "away", charge, at)
            told.extend(facts)
    for entry in present:
        roster, facts = _meet(roster, entry, charge, at)
        told.extend(facts)
    for callback in early:
        roster, facts = _READERS[callback.name](roster, callback, charge)
        told.extend(facts)
    return roster, tuple(told)


def _on_present(roster: Roster, callback: Callback, charge: Charge) -> Step:
    return _meet(roster, callback.arg(0), charge, callback.at)


def _on_left(roster: Roster, callback: Callback, charge: Charge) -> Step:
    participant_id = people.ident(callback.arg(0))
    if participant_id is None or participant_id not in roster.people:
        return roster, ()
    reason = readings.text(callback.arg(1), readings.MAX_NAME)
    return _leave(roster, participant_id, reason, charge, callback.at)


def _on_counts(roster: Roster, callback: Callback, charge: Charge) -> Step:
    told = readings.mapping(callback.arg(0))
    present, hidden = readings.count(told.get("present")), readings.count(told.get("hidden")) or 0
    if present is None or roster.counts == (present, hidden):
        return roster, ()
    fact = ParticipantCountsChanged(
        **charge.head(callback.at),
        present=present,
        hidden=hidden,
    )
    return replace(roster, counts=(present, hidden)), (fact,)


def _on_active_speaker(roster: Roster, callback: Callback, charge: Charge) -> Step:
    participant_id = _somebody(roster, callback.arg(0))
    if participant_id is None or participant_id == roster.active_speaker:
        return roster, ()
    fact = ActiveSpeakerChanged(
        **charge.head(callback.at),
        participant_id=participant_id,
    )
    return replace(roster, active_speaker=participant_id), (fact,)


_VISITS = frozenset(("on_participant_joined", "on_participant_updated", "on_participant_left"))
_READERS: dict[str, Callable[[Roster, Callback, Charge], Step]] = {
    "on_participant_joined": _on_present,
    "on_participant_updated": _on_present,
    "on_participant_left": _on_left,
    "on_participant_counts_updated": _on_counts,
    "on_active_speaker_changed": _on_active_speaker,
}


def _meet(roster: Roster, entry: object, charge: Charge, at: datetime) -> Step:
    """Somebody is there: told once, and again when something about them changed."""
    participant_id = _somebody(roster, entry)
    if participant_id is None or participant_id in roster.gone:
        return roster, ()
    known = roster.people.get(participant_id)
    person = people.read(entry, known or Person(participant_id=participant_id))
    if person == known:
        return roster, ()
    met = replace(roster, people={**roster.people, participant_id: person})
    if known is None:
        return met, (_joined(person, entry, charge, at),)
    return met, (_updated(person, charge, at),)


def _joined(person: Person, entry: object, charge: Charge, at: datetime) -> ParticipantJoined:
    return ParticipantJoined(
        session_id=charge.session_id,
        time=at,
        participant_id=person.participant_id,
        name=person.name,
        user_id=person.user_id,
        owner=person.owner,
        joined_at=readings.moment(people.info(entry).get("joinedAt")),
    )


def _updated(person: Person, charge: Charge, at: datetime) -> ParticipantUpdated:
    return ParticipantUpdated(
        **charge.head(at),
        participant_id=person.participant_id,
        name=person.name,
        user_id=person.user_id,
        owner=person.owner,
        can_admin=person.can_admin,
        media=dict(person.media),
    )


def _leave(
    roster: Roster, participant_id: str, reason: str | None, charge: Charge, at: datetime
) -> Step:
    here = dict(roster.people)
    gone = {**roster.gone, participant_id: here.pop(participant_id).name}
    if len(gone) > REMEMBERED:
        del gone[next(iter(gone))]
    fact = ParticipantLeft(
        session_id=charge.session_id, time=at, participant_id=participant_id, reason=reason
    )
    return replace(roster, people=here, gone=gone), (fact,)


def _somebody(roster: Roster, entry: object) -> str | None:
    """The id of a person; None for a bot of ours and for who has no usable id."""
    local = people.info(entry).get("isLocal") is True
    participant_id = people.ident(entry)
    return None if local or is_bot(roster, participant_id) else participant_id
