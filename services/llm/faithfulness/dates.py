"""Months and days of the week that a text names, in full or shortened. Pure; English.

"May", "March" and short forms are also other words: as dates they are written with a capital within
a sentence, or stand next to a number.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.llm.faithfulness.numerals import is_number
from services.llm.faithfulness.openings import opens

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = "january february april june july august september october november december"
_FULL = {name: name for name in (*_DAYS, *_MONTHS.split())}
_VERBS = {"may": "may", "march": "march"}
_SHORT = (
    {name[:3]: name for name in (*_FULL, "march")}
    | {"sept": "september", "tues": "tuesday", "weds": "wednesday"}
    | {"thur": "thursday", "thurs": "thursday"}
)
_ALL = {**_FULL, **_VERBS, **_SHORT}
DATE_WORDS = frozenset({word + ending for word in _ALL for ending in ("", "s", "'s")})
_BEFORE_DATES = "in by until till since of next last early late mid this during before after from"
_PREPOSITIONS = frozenset(_BEFORE_DATES.split())


class Date(NamedTuple):
    """A month or day by its full name; not `sure` where the word may be another one."""

    name: str
    sure: bool


def dated(tokens: Sequence[str], lowered: Sequence[str]) -> Iterator[Date]:
    """The dates in the tokens, in order; `lowered` are the same tokens casefolded."""
    named = DATE_WORDS.intersection(lowered)
    for at in [at for at, word in enumerate(lowered) if word in named] if named else ():
        word = lowered[at]
        own = word.removesuffix("'s")
        full = _FULL.get(own) or _FULL.get(own.removesuffix("s"))
        if full is not None:
            yield Date(full, sure=True)
        elif (name := _VERBS.get(own) or _SHORT.get(own)) is not None:
            yield from _perhaps(tokens, lowered, at, name)


def _perhaps(tokens: Sequence[str], lowered: Sequence[str], at: int, name: str) -> Iterator[Date]:
    before = lowered[at - 1] if at else "\n"
    after = lowered[at + 1] if at + 1 < len(lowered) else "\n"
    counted = is_number(before) or is_number(after)
    if tokens[at].istitle():
        sure = counted or not opens(tokens, at)
        if sure or after == ":" or name != lowered[at]:
            yield Date(name, sure)
    elif counted or before in _PREPOSITIONS:
        yield Date(name, sure=False)
