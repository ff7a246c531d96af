"""Replies as commands for the bot: whom they go to, in how many messages, under which ids. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from contracts import app_messages, ids
from contracts.calls import SendAppMessage
from contracts.events import CommandRequested, QueryAnswered
from services.gateway.bridge import protocol
from services.gateway.bridge.desk import Asker, Desk
from services.gateway.questions import Conclusion

DELIVERY = timedelta(seconds=30)
"""How long the bot may take to send a message."""

NOTHING_SHOWN = "nobody has had an answer broadcast yet"


def data(asker: Asker, kind: str, text: str, now: datetime) -> list[CommandRequested]:
    """The text to the asker, or to all where they wish it, in messages that Daily takes."""
    messages = app_messages.parts(kind, text, id=asker.ask_id)
    return _commands(asker, messages, now)


def error(asker: Asker, kind: str, text: str, now: datetime) -> list[CommandRequested]:
    """To the asker alone: why there is no answer."""
    to_them = _alone(asker)
    return _commands(to_them, [protocol.error(kind, text)], now)


def conclusion(
    askers: Iterable[Asker], concluded: Conclusion, now: datetime
) -> list[CommandRequested]:
    """An answer or its failure to all who waited for it; once to everybody if one wishes that."""
    kind, waited = protocol.kind(concluded.task), tuple(askers)
    if not isinstance(concluded, QueryAnswered):
        text = protocol.failure(concluded)
        return [one for asker in waited for one in error(asker, kind, text, now)]
    to_all = tuple(asker for asker in waited if asker.broadcast)[:1]
    answer = concluded.answer
    return [one for asker in to_all or waited for one in data(asker, kind, answer, now)]


def shown(desk: Desk, asker: Asker, now: datetime) -> list[CommandRequested]:
    """The newest broadcast answers again, oldest first, to the asker alone."""
    if not desk.shown:
        return error(asker, protocol.kind("latest"), NOTHING_SHOWN, now)
    messages = [
        message
        for number, one in enumerate(desk.shown)
        for message in app_messages.parts(
            protocol.kind(one.task), one.answer, id=f"{asker.ask_id}-{number}"
        )
    ]
    return _commands(_alone(asker), messages, now)


def _alone(asker: Asker) -> Asker:
    return replace(asker, broadcast=False)


def _commands(asker: Asker, messages: Iterable[object], now: datetime) -> list[CommandRequested]:
    to = None if asker.broadcast else asker.sender
    return [
        CommandRequested(
            session_id=asker.session_id,
            time=now,
            command_id="cmd_" + ids.digest(asker.ask_id, part),
            command=SendAppMessage(message=message, to=to),
            deadline=now + DELIVERY,
        )
        for part, message in enumerate(messages)
    ]
