"""What happens in a Daily call as messages of the live WebSocket: the bot, commands, transcription.

Says nothing of a command's result: whoever wants it asks for the command by its id.
"""

from typing import Literal, TypeAlias

import msgspec

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotJoining,
    BotLeft,
    BotReplaced,
    CommandDone,
    CommandFailed,
    CommandRequested,
    Event,
    TranscriptionFailed,
    TranscriptionStalled,
    TranscriptionStarted,
    TranscriptionStopped,
    TranscriptionUpdated,
)


class Bot(msgspec.Struct, frozen=True, kw_only=True, tag="bot"):
    """What the bot does; `reason` is there where it went, or another one takes its place."""

    seq: int
    bot_id: str
    state: Literal["assigned", "joining", "joined", "left", "ejected", "replaced"]
    reason: str | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """How far a command is; `command` is its name when it is requested, `reason` why it failed."""

    seq: int
    command_id: str
    status: Literal["requested", "done", "failed"]
    command: str | None = None
    reason: str | None = None
    detail: str | None = None


class Transcription(msgspec.Struct, frozen=True, kw_only=True, tag="transcription"):
    """Whether words can be expected: `seconds` is how long they have been missing."""

    seq: int
    state: Literal["started", "updated", "stopped", "failed", "stalled"]
    detail: str | None = None
    seconds: float | None = None


Message: TypeAlias = Bot | Command | Transcription


def message(seq: int, event: Event) -> Message | None:
    """The message for an event, or None for one that is of none of the three."""
    return _bot(seq, event) or _command(seq, event) or _transcription(seq, event)


def _bot(seq: int, event: Event) -> Bot | None:
    match event:
        case BotAssigned(bot_id=bot):
            return Bot(seq=seq, bot_id=bot, state="assigned")
        case BotJoining(bot_id=bot):
            return Bot(seq=seq, bot_id=bot, state="joining")
        case BotJoined(bot_id=bot):
            return Bot(seq=seq, bot_id=bot, state="joined")
        case BotLeft() | BotEjected() | BotReplaced():
            return _gone(seq, event)
        case _:
            return None


def _gone(seq: int, event: BotLeft | BotEjected | BotReplaced) -> Bot:
    match event:
        case BotLeft(bot_id=bot, reason=why):
            return Bot(seq=seq, bot_id=bot, state="left", reason=why)
        case BotEjected(bot_id=bot, cause=cause):
            return Bot(seq=seq, bot_id=bot, state="ejected", reason=cause)
        case BotReplaced(bot_id=bot, cause=trouble):
            return Bot(seq=seq, bot_id=bot, state="replaced", reason=trouble)


def _command(seq: int, event: Event) -> Command | None:
    match event:
        case CommandRequested(command_id=command_id, command=command):
            name = str(type(command).__struct_config__.tag)
            return Command(seq=seq, command_id=command_id, status="requested", command=name)
        case CommandDone(command_id=command_id):
            return Command(seq=seq, command_id=command_id, status="done")
        case CommandFailed(command_id=command_id, reason=reason, detail=detail):
            return Command(
                seq=seq,
                command_id=command_id,
                status="failed",
                reason=reason,
                detail=detail or None,
            )
        case _:
            return None


def _transcription(seq: int, event: Event) -> Transcription | None:
    match event:
        case TranscriptionStarted():
            return Transcription(seq=seq, state="started")
        case TranscriptionUpdated():
            return Transcription(seq=seq, state="updated")
        case TranscriptionStopped():
            return Transcription(seq=seq, state="stopped")
        case TranscriptionFailed(detail=detail):
            return Transcription(seq=seq, state="failed", detail=detail)
        case TranscriptionStalled(seconds=seconds):
            return Transcription(seq=seq, state="stalled", seconds=seconds)
        case _:
            return None
