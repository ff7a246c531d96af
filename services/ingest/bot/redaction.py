"""Personal data out of what is stored, for a session that asked for it. Pure.

What `pii` finds becomes "[email]", "[iban]", "[card]", "[ssn]", "[ip]" or "[phone]". Redacting once
more changes nothing.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from contracts.events import (
    AppMessageReceived,
    ChatReceived,
    DialinConnected,
    Fact,
    ParticipantJoined,
    ParticipantUpdated,
    SegmentHeard,
    Word,
)
from contracts.queries import Caption
from services.ingest.bot import pii

E = TypeVar("E", bound=Fact | Caption)

_FIELDS: dict[type[Any], tuple[str, ...]] = {
    AppMessageReceived: ("message",),
    Caption: ("text", "speaker"),
    ChatReceived: ("text", "name"),
    DialinConnected: ("display_name", "sip_from", "sip_headers"),
    ParticipantJoined: ("name", "user_id"),
    ParticipantUpdated: ("name", "user_id"),
    SegmentHeard: ("text", "speaker"),
}
"""Where people's own words are; who calls by telephone is named by their number."""

_PLACEHOLDER = re.compile(r"\[(?:email|iban|card|ssn|ip|phone)\]")


def redact(text: str) -> str:
    """The text with placeholders for what it should not tell."""
    while found := pii.find(text):
        text = "".join(_pieces(text, found))
    return text


def redact_event(event: E) -> E:
    """The fact or caption with all of its texts redacted; those without people's words as is.

    Words that are part of what was redacted become one word with the placeholder. Where the words
    and the text of a segment do not show the same, the words are left out.
    """
    fields = _FIELDS.get(type(event), ())
    redacted = {name: _each(getattr(event, name)) for name in fields}
    if isinstance(event, SegmentHeard):
        redacted["words"] = _agreeing(redact_words(event.words), redacted["text"])
    changed = {name: new for name, new in redacted.items() if new != getattr(event, name)}
    return replace(event, **changed) if changed else event


def redact_words(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words, those that something runs over made one, with its placeholder."""
    kept = tuple(words)
    while found := pii.find(" ".join(word.text for word in kept)):
        kept = tuple(_joined(kept, found))
    return kept


def _joined(words: Sequence[Word], found: Sequence[pii.Found]) -> list[Word]:
    kept: list[Word] = []
    offset, next_found, open_until = 0, 0, 0
    for word in words:
        start, offset = offset, offset + len(word.text) + 1
        while next_found < len(found) and found[next_found].end <= start:
            next_found += 1
        hit = found[next_found] if next_found < len(found) else None
        if hit is None or hit.start >= start + len(word.text):
            kept.append(word)
        elif hit.end == open_until:
            kept[-1] = replace(kept[-1], end=word.end)
        else:
            kept.append(replace(word, text=_placeholder(hit), confidence=None))
            open_until = hit.end
    return kept


def _agreeing(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    shown = _PLACEHOLDER.findall(" ".join(word.text for word in words))
    return words if shown == _PLACEHOLDER.findall(text) else ()


def _pieces(text: str, found: Sequence[pii.Found]) -> Iterator[str]:
    told = 0
    for one in found:
        yield text[told : one.start]
        yield _placeholder(one)
        told = one.end
    yield text[told:]


def _placeholder(found: pii.Found) -> str:
    return f"[{found.kind}]"


def _each(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case str():
            return redact(value)
        case bool():
            return value
        case int() if found := pii.find(str(value)):
            return _placeholder(found[0])
        case dict():
            return {redact(key): _each(one) for key, one in value.items()}
        case list():
            return [_each(one) for one in value]
        case _:
            return value
