"""What follows from a message or a conclusion, given the desk just after it. Pure."""

from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from contracts.events import AppMessageReceived, CommandRequested, QueryAsked
from services.gateway.bridge import desk as desks
from services.gateway.bridge import pacing, protocol, replying, rights
from services.gateway.bridge.desk import Asker, Desk
from services.gateway.bridge.protocol import Asked, Mistaken, Request
from services.gateway.questions import Conclusion

ANSWER = timedelta(seconds=55)
"""How long a question is worth answering: who asked waits a minute."""


class TranscriptWanted(msgspec.Struct, frozen=True):
    """The asker wants the transcript as of the desk's sequence."""

    asker: Asker


Step: TypeAlias = CommandRequested | QueryAsked | TranscriptWanted


def on_message(
    desk: Desk, received: AppMessageReceived, ask: rights.Ask, now: datetime
) -> list[Step]:
    """What to do about a message that the desk has just seen; mostly nothing."""
    request, sender = protocol.parse(received.message), protocol.sender_of(received)
    if request is None or sender is None or desk.over:
        return []
    asked = request if isinstance(request, Asked) else Asked("latest")
    asker, pace = desks.asker_of(received, sender, asked), desk.paces[sender]
    kind = request.kind if isinstance(request, Mistaken) else protocol.kind(request.task)
    if pace.verdict != "taken":
        told = pace.verdict == "told"
        return [*replying.error(asker, kind, pacing.refusal(pace), now)] if told else []
    if (why := _refused(desk, request, sender, ask)) is not None:
        return [*replying.error(asker, kind, why, now)]
    return _taken(desk, asker, asked, now)


def on_conclusion(desk: Desk, concluded: Conclusion, now: datetime) -> list[Step]:
    """What to send to those who waited for it."""
    return [] if desk.over else [*replying.conclusion(desk.due, concluded, now)]


def _refused(desk: Desk, request: Request, sender: str, ask: rights.Ask) -> str | None:
    if isinstance(request, Mistaken):
        return request.error
    allowed = rights.may(request.task, owner=sender in desk.owners, ask=ask)
    return None if allowed else rights.REFUSED


def _taken(desk: Desk, asker: Asker, asked: Asked, now: datetime) -> list[Step]:
    match asked.task:
        case "query":
            return [_question(desk, asker, asker.ask_id, asked, now)]
        case "summary":
            return _summary(desk, asker, asked, now)
        case "transcript":
            return [TranscriptWanted(asker)]
        case "latest":
            return [*replying.shown(desk, asker, now)]


def _summary(desk: Desk, asker: Asker, asked: Asked, now: datetime) -> list[Step]:
    thread = desks.fresh_summary(desk, asker.time)
    if thread is None:
        return [_question(desk, asker, desks.summary_id(desk), asked, now)]
    if thread.conclusion is None:
        return []  # the desk has them waiting for it
    return [*replying.conclusion((asker,), thread.conclusion, now)]


def _question(desk: Desk, asker: Asker, query_id: str, asked: Asked, now: datetime) -> QueryAsked:
    return QueryAsked(
        session_id=desk.session_id,
        time=now,
        query_id=query_id,
        task="summary" if asked.task == "summary" else "query",
        query=asked.query,
        deadline=now + ANSWER,
        asked_by=asker.sender,
        broadcast=asked.broadcast,
    )
