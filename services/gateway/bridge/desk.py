"""What the bridge knows of one session, folded from its events: owners, paces, who waits. Pure.

Everything that is sent follows from the state just after one event, so that whoever handles the
event, and however often, comes to the same messages.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce

import msgspec
from msgspec.structs import replace

from contracts import ids
from contracts.events import (
    AppMessageReceived,
    Event,
    Fact,
    Numbered,
    ParticipantJoined,
    ParticipantUpdated,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    SessionEnded,
    SessionEnding,
    SessionFailed,
)
from services.gateway import questions
from services.gateway.bridge import pacing, protocol
from services.gateway.bridge.pacing import Pace
from services.gateway.bridge.protocol import Asked
from services.gateway.questions import Thread

TYPES: tuple[type[Fact], ...] = (
    AppMessageReceived,
    ParticipantJoined,
    ParticipantUpdated,
    QueryAsked,
    QueryAnswered,
    QueryFailed,
    SessionEnding,
    SessionEnded,
    SessionFailed,
)
"""The events that `evolve` looks at."""

KEPT = 5
"""Broadcast answers kept for who joins late."""


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who waits for an answer; `ask_id` stands for what they sent."""

    session_id: str
    ask_id: str
    sender: str
    broadcast: bool
    time: datetime


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """The session as of `seq`.

    `summary` is the general summary asked for last. `waiting` are askers by query, `due` those
    whom the event at `seq` brought a conclusion. `shown` are the newest broadcast answers.
    """

    session_id: str
    summary_for: timedelta
    seq: int = 0
    over: bool = False
    owners: frozenset[str] = frozenset()
    paces: dict[str, Pace] = {}
    summary: Thread | None = None
    waiting: dict[str, tuple[Asker, ...]] = {}
    due: tuple[Asker, ...] = ()
    shown: tuple[QueryAnswered, ...] = ()


def initial(session_id: str, summary_for: timedelta) -> Desk:
    """Nothing known yet; a summary is given again for `summary_for`."""
    return Desk(session_id=session_id, summary_for=summary_for)


def evolve(desk: Desk, numbered: Numbered) -> Desk:
    """The desk with one more event; an event at or before `desk.seq` changes nothing."""
    seq, event = numbered
    if seq <= desk.seq:
        return desk
    fresh = replace(desk, seq=seq, due=())
    return fresh if event.copied_from is not None else _apply(fresh, seq, event)


def fold(desk: Desk, events: Iterable[Numbered]) -> Desk:
    """The desk with all of `events`, which come in the order of the log."""
    return reduce(evolve, events, desk)


def asker_of(received: AppMessageReceived, sender: str, asked: Asked) -> Asker:
    """Who sent the message, and the id of their request: the same for the same message."""
    return Asker(
        session_id=received.session_id,
        ask_id="q_" + ids.digest(received.session_id, received.bot_id, received.number),
        sender=sender,
        broadcast=asked.broadcast,
        time=received.time,
    )


def fresh_summary(desk: Desk, at: datetime) -> Thread | None:
    """The general summary to give to who asks at `at`, concluded or not; None to make another."""
    newest = desk.summary
    if newest is not None and questions.serves(newest, at - desk.summary_for, 0):
        return newest
    return None


def summary_id(desk: Desk) -> str:
    """The id of the general summary after the newest one."""
    return questions.summary_id(desk.session_id, desk.summary)


def _apply(desk: Desk, seq: int, event: Event) -> Desk:
    match event:
        case AppMessageReceived():
            return _received(desk, event)
        case ParticipantJoined() | ParticipantUpdated():
            rest = desk.owners - {event.participant_id}
            return replace(desk, owners=rest | {event.participant_id} if event.owner else rest)
        case QueryAsked():
            return _asked(desk, Thread(seq=seq, asked=event))
        case QueryAnswered() | QueryFailed():
            return _concluded(desk, event)
        case SessionEnding() | SessionEnded() | SessionFailed():
            return replace(desk, over=True)
        case _:
            return desk


def _received(desk: Desk, received: AppMessageReceived) -> Desk:
    request, sender = protocol.parse(received.message), protocol.sender_of(received)
    if request is None or sender is None:
        return desk
    pace = pacing.next_pace(desk.paces.get(sender, Pace()), received.time)
    paced = replace(desk, paces=desk.paces | {sender: pace})
    if pace.verdict != "taken" or not isinstance(request, Asked) or request.task != "summary":
        return paced
    asker = asker_of(received, sender, request)
    thread = fresh_summary(desk, received.time)
    if thread is None or thread.conclusion is None:
        return _waits(paced, summary_id(desk) if thread is None else thread.asked.query_id, asker)
    return _shows(paced, thread.conclusion, (asker,))


def _asked(desk: Desk, thread: Thread) -> Desk:
    asked, newest = thread.asked, desk.summary
    if questions.newest_summary((thread,)) is not None:
        again = newest is not None and newest.asked.query_id == asked.query_id
        return desk if again else replace(desk, summary=thread)
    if asked.asked_by is None:
        return desk
    asker = Asker(
        session_id=asked.session_id,
        ask_id=asked.query_id,
        sender=asked.asked_by,
        broadcast=asked.broadcast,
        time=asked.time,
    )
    return _waits(desk, asked.query_id, asker)


def _concluded(desk: Desk, conclusion: questions.Conclusion) -> Desk:
    newest, query_id = desk.summary, conclusion.query_id
    if newest is not None and newest.asked.query_id == query_id and newest.conclusion is None:
        desk = replace(desk, summary=replace(newest, conclusion=conclusion))
    askers = desk.waiting.get(query_id, ())
    waiting = {one: those for one, those in desk.waiting.items() if one != query_id}
    due = tuple(one for one in askers if conclusion.time - one.time <= protocol.WORTH)
    return _shows(replace(desk, waiting=waiting, due=due), conclusion, due)


def _waits(desk: Desk, query_id: str, asker: Asker) -> Desk:
    """With one more asker; those whom an answer would reach too late wait no longer."""
    waiting = {
        one: those
        for one, those in desk.waiting.items()
        if asker.time - those[-1].time <= protocol.WORTH
    }
    return replace(desk, waiting=waiting | {query_id: (*waiting.get(query_id, ()), asker)})


def _shows(desk: Desk, conclusion: questions.Conclusion, askers: tuple[Asker, ...]) -> Desk:
    """With the answer among those that everybody saw, if somebody wanted it broadcast."""
    if isinstance(conclusion, QueryFailed) or not any(one.broadcast for one in askers):
        return desk
    others = tuple(one for one in desk.shown if one.query_id != conclusion.query_id)
    return replace(desk, shown=(*others, conclusion)[-KEPT:])
