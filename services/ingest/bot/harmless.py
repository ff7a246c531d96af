"""Whole payloads of Daily's client made storable: any shape in, bounded clean JSON out. Pure.

Nothing here raises, and nothing here knows what the values mean.
"""

from math import isfinite
from typing import Any

import msgspec

from contracts import app_messages

DETAIL = 500
"""Characters of a foreign text that are kept."""
CHAT = 4000
SETTINGS_BYTES = 65_536
DEEPEST = 20

_KEPT = "\t\n\r"
_CONTROLS = (code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT)
_SURROGATES = range(0xD800, 0xE000)
_UNWANTED = dict.fromkeys((*_CONTROLS, *_SURROGATES))


def plain(text: str) -> str:
    """Without control characters and lone surrogates; tabs and line breaks stay."""
    return text.translate(_UNWANTED)


def words(value: object, longest: int = DETAIL) -> str:
    """A text of at most `longest` characters; what is no text is ""."""
    return plain(value)[:longest] if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A finite number that JSON holds, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if _holds(value) else None


def field(value: object, key: str) -> Any:  # noqa: ANN401 - any JSON
    """The value under `key`; None when there is none, or `value` is no object."""
    return value.get(key) if isinstance(value, dict) else None


def clean(value: object, longest: int = DETAIL, deepest: int = DEEPEST) -> Any:  # noqa: ANN401, PLR0911 - any JSON; one row a kind
    """JSON that can be stored: texts plain and cut at `longest` characters, levels below `deepest`
    null, numbers that JSON or 64 bits do not hold null, and keys that are no text left out."""
    match value:
        case str():
            return words(value, longest)
        case None | bool():
            return value
        case int() | float():
            return value if _holds(value) else None
        case _ if deepest == 0:
            return None
        case dict():
            pairs = ((key, one) for key, one in value.items() if isinstance(key, str))
            return {words(key, longest): clean(one, longest, deepest - 1) for key, one in pairs}
        case list() | tuple():
            return [clean(one, longest, deepest - 1) for one in value]
        case _:
            return None


def deeper(value: object, deepest: int = DEEPEST) -> bool:
    """Whether objects and lists stand in each other more than `deepest` times."""
    match value:
        case dict():
            inner = list(value.values())
        case list() | tuple():
            inner = list(value)
        case _:
            return False
    return deepest == 0 or any(deeper(one, deepest - 1) for one in inner)


def message(value: object) -> Any:  # noqa: ANN401 - any JSON
    """An app message, clean and whole; None when it is nested too deep or over Daily's limit."""
    if deeper(value):
        return None
    kept = clean(value, longest=app_messages.LIMIT + 1)
    return kept if app_messages.size(kept) <= app_messages.LIMIT else None


def bounded(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Clean JSON of at most 65,536 bytes, or an object that says that it was larger."""
    kept = clean(value)
    if len(msgspec.json.encode(kept)) > SETTINGS_BYTES:
        return {"omitted": f"more than {SETTINGS_BYTES} bytes"}
    return kept


def chat(value: object) -> str | None:
    """The line that an app message of Daily Prebuilt's chat carries; None for any other message."""
    text = field(value, "message")
    if field(value, "event") != "chat-msg" or not isinstance(text, str):
        return None
    return words(text, CHAT)


def _holds(value: float) -> bool:
    return isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**64
