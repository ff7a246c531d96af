"""How a segment reads as one line of context, and what that line costs."""

import re

from contracts.commands import UNKNOWN_SPEAKER
from services.context import tokens

_BREAKING = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def line(speaker: str | None, text: str) -> str:
    """`speaker: text` and a line end, whatever either contains."""
    return f"{_flat(speaker or UNKNOWN_SPEAKER)}: {_flat(text)}\n"


def estimate(speaker: str | None, text: str) -> int:
    """About as many units as the line has."""
    return tokens.estimate(speaker or UNKNOWN_SPEAKER) + tokens.estimate(text)


def _flat(text: str) -> str:
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _BREAKING.sub(" ", text).strip()
