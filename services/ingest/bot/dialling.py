"""Where a text has a telephone number: written, or dictated digit by digit in English. Pure.

International numbers are known by their plus, or the prefix dialled in its place. National ones are
known by their shape: a trunk zero and eight to eleven digits more, or the groups that North
America, Mexico, Brazil, India and Spain write. (To try each country's tables would take seconds
over a text made for that.) Short local numbers, which look like any other, are not found.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

import phonenumbers

Span: TypeAlias = tuple[int, int]

SPOKEN_DIGITS = 7
_FEWEST, _MOST = 7, 15
"""Digits of an international number, its country's code included."""
_MOST_GROUPS = 8

RUN = re.compile(r"\d+(?:[ ./()-]{1,3}\d+)*")
GROUP = re.compile(r"\d+")

_SHAPES = {
    (10,): "23456789",
    (11,): "1",
    (9,): "67",
    (3, 3, 4): "23456789",
    (1, 3, 3, 4): "1",
    (1, 10): "1",
    (5, 5): "6789",
    (2, 4, 4): "123456789",
    (2, 5, 4): "123456789",
    (3, 3, 3): "56789",
    (3, 2, 2, 2): "6789",
}
"""The digits of each group, and what the first digit may be."""

_DATE = re.compile(
    r"\d{1,2}([./ -])\d{1,2}\1(?:19|20)\d{2}(?!\d)|(?:19|20)\d{2}([./ -])\d{1,2}\2\d{1,2}(?!\d)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_DECIMALS = re.compile(r"\d[.,]")
_CURRENCY = re.compile(r"[$€£¥₹] ?")
_UNIT = re.compile(
    r" ?(?:[$€£¥₹%]|(?:dollars?|euros?|pounds?|yen|rupees?|usd|eur|gbp|percent|bytes)\b)",
    re.IGNORECASE,
)

_ONES = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
_TENS = "(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred"
_SPOKEN = rf"(?:(?:double|triple)\s(?:{_ONES})|{_ONES}|{_TEENS}|{_TENS}|\d)"
_DICTATED = re.compile(rf"\b{_SPOKEN}\b(?:[\s,.-]{{1,3}}{_SPOKEN}\b)*", re.IGNORECASE)
_WORD = re.compile(r"\w+")


def groups(text: str, run: re.Match[str]) -> list[Span]:
    """Where the digits between the separators of a run stand."""
    return [one.span() for one in GROUP.finditer(text, *run.span())]


def written(text: str) -> Iterator[Span]:
    """Numbers in figures, from their plus or bracket to their last digit; `text` has ASCII ones."""
    for run in RUN.finditer(text):
        known, first = groups(text, run), 0
        while first < len(known):
            last = _last_group(text, known, first)
            if last is not None:
                yield _opened(text, known[first][0]), known[last][1]
            first = first + 1 if last is None else last + 1


def dictated(text: str) -> Iterator[Span]:
    """Seven or more number words or single figures in a row."""
    for run in _DICTATED.finditer(text):
        spoken = [word.casefold() for word in _WORD.findall(run[0])]
        if len(spoken) + spoken.count("triple") >= SPOKEN_DIGITS:
            yield run.span()


def _last_group(text: str, known: list[Span], first: int) -> int | None:
    """The last group of the longest number that begins with the group `first`."""
    start = known[first][0]
    opening = text[_opened(text, start) : start]
    if not opening and text[start - 1 : start].isalpha():
        return None
    digits, best, possible = "", None, None
    for last in range(first, min(first + _MOST_GROUPS, len(known))):
        digits += text[slice(*known[last])]
        if len(digits) > _MOST:
            break
        end = known[last][1]
        if text[end : end + 1].isalpha():
            continue
        if "+" in opening:
            possible = last if len(digits) >= _FEWEST else None
            best = last if _exists(digits) else best
        elif _is_dialled_abroad(digits) or _is_national(text, known[first : last + 1], digits):
            best = last
    return possible if best is None else best


def _opened(text: str, start: int) -> int:
    """Where the plus or the bracket before a number's first digit stands; else the digit."""
    for opening in ("+(", "+", "("):
        if text.endswith(opening, 0, start):
            return start - len(opening)
    return start


def _is_national(text: str, known: list[Span], digits: str) -> bool:
    shape = tuple(last - first for first, last in known)
    shaped = digits[0] in _SHAPES.get(shape, "")
    trunk = digits[0] == "0" and digits[1:2] != "0" and 9 <= len(digits) <= 12  # noqa: PLR2004 - of all countries
    if not shaped and not trunk:
        return False
    start, end = known[0][0], known[-1][1]
    number = text[start:end]
    return not (
        _DATE.match(number)
        or _THOUSANDS.fullmatch(number)
        or (len(known) == 1 and _DECIMALS.fullmatch(text, max(0, start - 2), start))
        or (shape == (1, 10) and "." in number)
        or _CURRENCY.search(text[max(0, start - 2) : start])
        or _UNIT.match(text, end)
    )


def _is_dialled_abroad(digits: str) -> bool:
    """With the prefix that Europe (00) or North America (011) dials in place of a plus."""
    return any(
        digits.startswith(prefix) and _exists(digits.removeprefix(prefix))
        for prefix in ("00", "011")
    )


def _exists(digits: str) -> bool:
    if len(digits) < _FEWEST:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))
    except phonenumbers.NumberParseException:
        return False
