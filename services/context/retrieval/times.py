"""The part of the meeting that a question names: "in the last ten minutes", "after 00:42:10".

English only and pure. Clock times are offsets from the start of the meeting, never of the day.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "couple": 2, "two": 2, "three": 3, "few": 5, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15,
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
}  # fmt: skip
_UNITS = {"sec": 1.0, "min": 60.0, "hou": 3600.0}
_AROUND = 150.0
_JUST_NOW = 180.0
_EDGE = 0.15

_COUNT = rf"(?:\d{{1,4}}|(?:a\ )?(?:{'|'.join(_NUMBERS)})(?:\ of)?)"
_LONG = rf"""(?:{_COUNT}[ -](?:seconds?|secs?|minutes?|mins?|hours?)|hour
    |half[ -](?:an\ )?hour|(?:a\ )?quarter\ of\ an\ hour)"""
_INTO = r"\ (?:in)?to\ the\ (?:meeting|call|session|recording|conversation)"
_CLOCK = rf"(?:\d{{1,2}}:\d\d:\d\d|\d{{1,3}}:\d\d(?={_INTO})|minute\ \d{{1,3}}|{_LONG}(?={_INTO}))"


class Mark(msgspec.Struct, frozen=True):
    """A point of a meeting: a share of its length, and seconds before or after that."""

    share: float = 0.0
    seconds: float = 0.0

    def at(self, length: float) -> float:
        """Seconds from the start of a meeting that is so long."""
        return self.share * length + self.seconds


class Span(msgspec.Struct, frozen=True):
    """What lies between two marks."""

    since: Mark = Mark()
    until: Mark = Mark(share=1.0)


Meaning: TypeAlias = Callable[[re.Match[str]], Span]


def span(question: str) -> Span | None:
    """The part of the meeting that it names first in our list, or None."""
    for pattern, meant in _RULES:
        if (found := pattern.search(question)) is not None:
            return meant(found)
    return None


def without(question: str) -> str:
    """The question without the words that name a part of the meeting."""
    for pattern, _ in _RULES:
        question = pattern.sub(" ", question)
    return question


def _seconds(text: str) -> float:
    """How long "ten minutes", "half an hour", "00:42:10" or "minute 42" is."""
    text = text.lower()
    if ":" in text:
        parts = [float(part) for part in text.split(":")]
        return sum(part * 60.0**power for power, part in enumerate(reversed(parts)))
    if "half" in text or "quarter" in text:
        return 1800.0 if "half" in text else 900.0
    if text.startswith("minute "):
        return float(text.split()[1]) * 60
    *counts, unit = re.findall(r"\d+|[a-z]+", text)
    known = [float(_NUMBERS.get(count, 0) or count) for count in counts if count != "of"]
    return (known[-1] if known else 1.0) * _UNITS[unit[:3]]


def _rule(
    pattern: str, meant: Callable[[re.Match[str]], Span]
) -> tuple[re.Pattern[str], Callable[[re.Match[str]], Span]]:
    return re.compile(rf"\b(?:{pattern})\b", re.ASCII | re.IGNORECASE | re.VERBOSE), meant


def _since(mark: Mark) -> Span:
    return Span(since=mark)


def _until(mark: Mark) -> Span:
    return Span(until=mark)


def _between(found: re.Match[str]) -> Span:
    return Span(Mark(0, _seconds(found[1])), Mark(0, _seconds(found[2])))


def _offset(found: re.Match[str]) -> Mark:
    return Mark(0, _seconds(found[1]))


def _before_end(found: re.Match[str]) -> Mark:
    return Mark(1, -_seconds(found[1]))


def _near(mark: Mark) -> Span:
    before, after = mark.seconds - _AROUND, mark.seconds + _AROUND
    return Span(Mark(mark.share, before), Mark(mark.share, after))


_RULES = (
    _rule(rf"between\ ({_CLOCK})\ and\ ({_CLOCK})(?:{_INTO})?", _between),
    _rule(rf"(?:after|since|from)\ ({_CLOCK})(?:{_INTO})?", lambda m: _since(_offset(m))),
    _rule(rf"(?:before|until|till|up\ to)\ ({_CLOCK})(?:{_INTO})?", lambda m: _until(_offset(m))),
    _rule(rf"(?:(?:at|around|about)\ )?({_CLOCK})(?:{_INTO})?", lambda m: _near(_offset(m))),
    _rule(rf"(?:last|past|final|latest|previous)\ ({_LONG})", lambda m: _since(_before_end(m))),
    _rule(rf"(?:first|opening|initial)\ ({_LONG})", lambda m: _until(_offset(m))),
    _rule(rf"({_LONG})\ ago", lambda m: _near(_before_end(m))),
    _rule(r"just\ now|(?:a\ )?moment\ ago", lambda _: _since(Mark(1, -_JUST_NOW))),
    _rule(r"first\ half(?!\ (?:an\ )?hour)", lambda _: _until(Mark(0.5))),
    _rule(r"second\ half", lambda _: _since(Mark(0.5))),
    _rule(r"(?:at|in|from)\ the\ (?:very\ )?(?:beginning|start)", lambda _: _until(Mark(_EDGE))),
    _rule(r"(?:at|towards?|near)\ the\ (?:very\ )?end", lambda _: _since(Mark(1 - _EDGE))),
)
