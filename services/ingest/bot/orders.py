"""Commands to what is to be done for them, and outcomes to facts. Pure.

What Daily would refuse at once is refused here, with a plain sentence; what it may refuse after a
look is Daily's to say. Who may order what is not decided here.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from contracts import calls
from contracts.calls import CallCommand
from contracts.events import CommandDone, CommandFailed
from services.ingest.bot.harmless import bounded, plain, words
from services.ingest.bot.requesting import UnfitError, participant, request
from services.ingest.bot.steps import Answered, Ask, Perform

ORDER = "order:"
"""Before a command's id, the `ref` of what it asks for."""
DEEPEST = 100
"""Daily's client refuses JSON nested deeper than about 127."""


class Invalid(msgspec.Struct, frozen=True):
    """The command is not worth asking: `detail` names the field and the cause."""

    detail: str


def plan(command: CallCommand, ref: str, base: Mapping[str, Any]) -> Ask | Perform | Invalid:
    """What to do for the command; its outcome comes back under `ref`.

    NUL, other control characters and lone surrogates are taken out of every text. `base` are our
    own transcription settings, which those of a start go over.
    """
    try:
        fields = _sendable(msgspec.to_builtins(command), DEEPEST)
        return _planned(msgspec.convert(fields, CallCommand), ref, base)
    except (UnfitError, msgspec.ValidationError) as error:
        return Invalid(words(str(error)))
    except RecursionError:
        return Invalid("nested too deep")


def outcome(
    answered: Answered, *, session_id: str, command_id: str, at: datetime
) -> CommandDone | CommandFailed:
    """What became of a command: done with Daily's result, refused in Daily's words, or unanswered.

    A result over 65,536 bytes is given as `{"omitted": ...}`; Daily's words are cut at 500.
    """
    head: dict[str, Any] = {"session_id": session_id, "command_id": command_id, "time": at}
    if answered.unanswered:
        return CommandFailed(**head, reason="timeout", detail=words(answered.error))
    if answered.error is not None:
        return CommandFailed(**head, reason="refused", detail=words(answered.error))
    return CommandDone(**head, result=bounded(answered.result))


def _planned(command: CallCommand, ref: str, base: Mapping[str, Any]) -> Ask | Perform:
    match command:
        case calls.CaptureAudio() | calls.StopAudioCapture() | calls.TakePicture():
            participant("participant_id", command.participant_id)
            return Perform(ref, command)
        case (
            calls.Inspect()
            | calls.PlayAudio()
            | calls.StopAudio()
            | calls.ShowPicture()
            | calls.HidePicture()
        ):
            return Perform(ref, command)
        case _:
            return Ask(ref, request(command, base))


def _sendable(value: Any, deepest: int) -> Any:  # noqa: ANN401 - any JSON
    """JSON that the client takes. Raises UnfitError for what would be lost on the way."""
    match value:
        case str():
            return plain(value)
        case bool() | None:
            return value
        case int() if not -(2**63) <= value < 2**64:
            raise UnfitError("a number does not fit into 64 bits")
        case float() if not isfinite(value):
            raise UnfitError("a number is not finite")
        case dict() | list() if deepest == 0:
            raise UnfitError(f"nested deeper than {DEEPEST}")
        case dict():
            return {plain(key): _sendable(one, deepest - 1) for key, one in value.items()}
        case list() | tuple():
            return [_sendable(one, deepest - 1) for one in value]
        case _:
            return value
