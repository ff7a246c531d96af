"""How a bot behaves as a guest: it says that it listens, leaves when told to, and sees when it is
out.

Pure. A refused or unanswered notice is tried again with the next ticks, five times in all. The room
put the bot out when its connection ends without our own leave; Daily's words on it may come before
or after that, and what they are is known of a few only, so that the cause is a guess from them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import BotEjected, ConsentNoticeSent
from services.ingest.bot.harmless import chat, plain, words
from services.ingest.bot.seam import Callback, Request
from services.ingest.bot.steps import (
    NOTHING,
    Answered,
    Ask,
    Charge,
    Input,
    Joined,
    Leave,
    Outcome,
    Ticked,
)
from services.ingest.bot.telling import ECHO

CONSENT = "consent"
"""The notice's `ref`."""
NOTICES = 5
DISMISSAL = "!leave"
WORDS_AFTER = timedelta(seconds=1)
"""How long the end of the connection waits for words about its cause."""
WORDS_BEFORE = timedelta(seconds=10)
"""How long words about an end are taken for the cause of one that comes later."""

Cause: TypeAlias = Literal["ejected", "room_expired", "room_deleted", "disconnected"]

_CAUSES: tuple[tuple[str, Cause], ...] = (
    ("expir", "room_expired"),
    ("delet", "room_deleted"),
    ("timeout", "disconnected"),
    ("eject", "ejected"),
)
"""The first that a text contains is what it is about: "Ejecting after room expiration"."""


class Words(msgspec.Struct, frozen=True):
    """What Daily's client said of an end, and when."""

    cause: Cause
    detail: str
    at: datetime


class Etiquette(msgspec.Struct, frozen=True, kw_only=True):
    """`noticed`: the notice is in the chat; `asked`: how often it was tried, `waiting` for the
    answer; `entered`: the bot was in the room; `going`: it leaves, or is out and that is told."""

    noticed: bool = False
    asked: int = 0
    waiting: bool = False
    entered: bool = False
    going: bool = False
    cut_off: datetime | None = None
    words: Words | None = None


Step: TypeAlias = tuple[Etiquette, Outcome]


def initial(*, noticed: bool = False) -> Etiquette:
    """`noticed` says that the log has the session's ConsentNoticeSent: an earlier bot sent it."""
    return Etiquette(noticed=noticed)


def leaving(etiquette: Etiquette) -> Etiquette:
    """The bot leaves by its own will: the end of its connection is nobody's doing."""
    return replace(etiquette, going=True)


def step(  # noqa: PLR0911 - one row an input
    etiquette: Etiquette,
    given: Input,
    charge: Charge,
    at: datetime,
    is_owner: Callable[[str], bool],
) -> Step:
    """What one input asks for; `is_owner` tells of a participant's id."""
    match given:
        case Answered(ref="consent"):
            return _answered(etiquette, given, charge, at)
        case _ if etiquette.going:
            return etiquette, NOTHING
        case Joined():
            return _notice(replace(etiquette, entered=True), charge)
        case Ticked():
            return _ticked(etiquette, charge, at)
        case Callback(name="on_app_message", args=(said, str(sender), *_)):
            if sender and _dismisses(said) and is_owner(sender):
                return leaving(etiquette), Outcome(effects=(Leave("dismissed"),))
            return etiquette, NOTHING
        case Callback(name="on_error", args=(str(text), *_)):
            return _overheard(etiquette, text, charge, at)
        case Callback(name="on_call_state_updated", args=(str(state), *_)):
            return _moved(etiquette, state, charge, at)
        case _:
            return etiquette, NOTHING


def _notice(etiquette: Etiquette, charge: Charge) -> Step:
    notice = plain(charge.consent_notice)
    done = etiquette.noticed or etiquette.waiting or etiquette.asked == NOTICES
    if not notice or done or not etiquette.entered:
        return etiquette, NOTHING
    sent = Request("send_prebuilt_chat_message", (notice, plain(charge.name)))
    asked = replace(etiquette, asked=etiquette.asked + 1, waiting=True)
    return asked, Outcome(effects=(Ask(CONSENT, sent),))


def _answered(etiquette: Etiquette, answered: Answered, charge: Charge, at: datetime) -> Step:
    if answered.unanswered or answered.error is not None:
        return replace(etiquette, waiting=False), NOTHING
    told = ConsentNoticeSent(**charge.head(at), text=plain(charge.consent_notice))
    return replace(etiquette, waiting=False, noticed=True), Outcome(facts=(told,))


def _dismisses(said: object) -> bool:
    text = said if isinstance(said, str) else chat(said)
    return text is not None and plain(text).strip().casefold() == DISMISSAL


def _ticked(etiquette: Etiquette, charge: Charge, at: datetime) -> Step:
    if etiquette.cut_off is None:
        return _notice(etiquette, charge)
    if at - etiquette.cut_off < WORDS_AFTER:
        return etiquette, NOTHING
    return _out(etiquette, Words("disconnected", "", at), charge)


def _overheard(etiquette: Etiquette, text: str, charge: Charge, at: datetime) -> Step:
    lower = text.casefold()
    cause = next((cause for part, cause in _CAUSES if part in lower), None)
    if cause is None or text.startswith(ECHO) or not etiquette.entered:
        return etiquette, NOTHING
    heard = Words(cause, words(text), at)
    if etiquette.cut_off is not None or _names_the_end(lower):
        return _out(etiquette, heard, charge)
    return replace(etiquette, words=heard), NOTHING


def _names_the_end(lower: str) -> bool:
    """Something else may expire, too: what is not about the call must wait for its end."""
    about_the_call = "room" in lower or "meeting" in lower
    return "eject" in lower or (about_the_call and ("expir" in lower or "delet" in lower))


def _moved(etiquette: Etiquette, state: str, charge: Charge, at: datetime) -> Step:
    if state == "joined":
        return replace(etiquette, entered=True), NOTHING
    if state not in ("leaving", "left") or not etiquette.entered or etiquette.cut_off is not None:
        return etiquette, NOTHING
    if etiquette.words is not None and at - etiquette.words.at <= WORDS_BEFORE:
        return _out(etiquette, etiquette.words, charge)
    return replace(etiquette, cut_off=at), NOTHING


def _out(etiquette: Etiquette, heard: Words, charge: Charge) -> Step:
    told = BotEjected(
        session_id=charge.session_id,
        time=heard.at,
        bot_id=charge.bot_id,
        cause=heard.cause,
        detail=heard.detail,
    )
    return leaving(etiquette), Outcome(facts=(told,), effects=(Leave(heard.cause),))
