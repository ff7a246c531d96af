"""What is read of a chat completion's stream and of its failures.

Pure. Servers differ and add fields of their own; what is not named here is ignored.
"""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from contracts.events import Usage
from services.llm.assistant import AssistantError, Reason
from services.llm.prompt import Prompt
from services.llm.words import count_tokens

CUT = " …"
TOO_MANY, TIMED_OUT, LOCKED, SERVER_FAULT = 429, 408, 409, 500
# Control characters and halves of surrogate pairs; the latter could not even be stored.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Delta(msgspec.Struct, frozen=True):
    """A piece of the answer, or of why there is none."""

    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the answers being written; only the first is read."""

    delta: Delta | None = None
    finish_reason: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    """What the server counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(msgspec.Struct, frozen=True):
    """One event of the stream."""

    choices: list[Choice] | None = None
    usage: Tokens | None = None


class Said(msgspec.Struct, frozen=True):
    """The answer so far."""

    text: str = ""
    tokens: Tokens | None = None
    finish: str | None = None


def heard(said: Said, chunk: Chunk, most: int) -> Said:
    """`said` with the chunk's piece, at most `most` characters; raise AssistantError on refusal."""
    choice = chunk.choices[0] if chunk.choices else Choice()
    delta = choice.delta or Delta()
    if delta.refusal or choice.finish_reason == "content_filter":
        raise AssistantError("refused", "the model refused to answer")
    text = (said.text + _UNFIT.sub(" ", delta.content or "")).lstrip()
    finish = "length" if len(text) > most else choice.finish_reason or said.finish
    return Said(text[:most], chunk.usage or said.tokens, finish)


def finished(said: Said) -> Said:
    """The whole answer, marked where it was cut; raise AssistantError where there is none."""
    if not said.text.strip():
        raise AssistantError("malformed", "the model's answer is empty")
    if said.finish is None:
        raise AssistantError("unavailable", "the model's stream ended before the answer did")
    text = said.text + CUT if said.finish == "length" else said.text.rstrip()
    return msgspec.structs.replace(said, text=text)


def usage(asked: Prompt, said: Said) -> Usage:
    """As the server counts, else about as a model would."""
    if said.tokens is not None:
        tokens = said.tokens
        return Usage(input_tokens=tokens.prompt_tokens, output_tokens=tokens.completion_tokens)
    given = sum(count_tokens(message.content) for message in asked.messages)
    return Usage(input_tokens=given, output_tokens=count_tokens(said.text))


def of_status(status: int) -> tuple[Reason, str]:
    """What a failing HTTP status means for the asker."""
    detail = f"the model server answers HTTP {status}"
    if status == TOO_MANY:
        return "rate_limited", detail
    if status == TIMED_OUT:
        return "timeout", detail
    unavailable = status >= SERVER_FAULT or status == LOCKED
    return ("unavailable" if unavailable else "refused"), detail


def wanted_wait(retry_after: str, now: datetime) -> float:
    """Seconds; 0 where the server wants no wait or says it in a way nobody knows."""
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
