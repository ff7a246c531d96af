"""Numbers as people write and say them, with all that each may mean. Pure.

It reads tokens: casefolded words, ASCII digits with the marks between them, single marks. Whether
it is twenty Euros or twenty people is not looked at.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, pairwise, takewhile
from typing import NamedTuple

from services.llm.faithfulness.spoken import JOINING, MONEY, NOUGHTS, NUMBER_WORDS, Value, spoken

_MARKS = re.compile(r"[.,:' ]")
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_UNITS = frozenset({"m", "b"})
_CENTS = frozenset({"cent", "cents", "pence", "p"})
_IN_PRICES = MONEY | {"and"}
_GAP = 4
_THOUSAND, _PAIR, _TEN, _HUNDRED = 3, 2, 10, 100
_NOON, _HOURS, _MINUTES = 12, 24, 60
_COMMON = 12
_PARTS_OF_HOUR = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20}


class Number(NamedTuple):
    """One number of a text. A source has it when it has one of `readings`, or all `parts`.

    `also` is what else it counts as when it stands in a source. A word for a small count is
    `common`: it says too little to be looked for.
    """

    readings: frozenset[str]
    parts: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    common: bool = False


def numbers(tokens: Sequence[str]) -> Iterator[Number]:
    """The numbers in the tokens, in order; those of equal words side by side come once."""
    seen: set[tuple[str, ...]] = set()
    for first, end in _runs(tokens):
        before = tokens[first - 1] if first else ""
        after = tokens[end] if end < len(tokens) else ""
        words = (before if before == "point" else "", *tokens[first:end], after)
        if words not in seen:
            seen.add(words)
            yield from _numbers(*words)


def known(found: Iterable[Number]) -> frozenset[str]:
    """All that the numbers of a source may mean."""
    return frozenset().union(*(one.readings | one.parts | one.also for one in found))


def has(source: frozenset[str], one: Number) -> bool:
    """Whether a number is among those of the source."""
    if one.common or not source.isdisjoint(one.readings):
        return True
    return bool(one.parts) and one.parts <= source


def is_number(token: str) -> bool:
    """Whether it is, or begins, a number."""
    return token in NUMBER_WORDS or "0" <= token[0] <= "9"


def _runs(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where numbers stand with nothing between them but what joins them: from, to before."""
    figures = frozenset(filter(is_number, frozenset(tokens)))
    places = [at for at, word in enumerate(tokens) if word in figures]
    first = last = -1
    for at in places:
        if first >= 0 and (at - last > _GAP or not JOINING.issuperset(tokens[last + 1 : at])):
            yield first, last + 1
            first = at
        first, last = (at if first < 0 else first), at
    if first >= 0:
        yield first, last + 1


def _numbers(before: str, *words: str) -> Iterator[Number]:
    run, after = words[:-1], words[-1]
    found = spoken(run)
    told = _spelled(run, found) | _times(run, found) | _bare_point(before, found)
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for at, value in enumerate(found):
        near = found[max(0, at - 1) : at + 2]
        place = min(at, 1), run[near[0].first : near[-1].last + 1]
        is_last = value.last + 1 == len(run)
        if is_last or place not in seen:
            seen.add(place)
            own = _own(value, run, after if is_last else "")
            joint = frozenset(chain(*(_together(run, one, two) for one, two in pairwise(near))))
            yield own._replace(readings=own.readings | joint, also=own.also | told)


def _own(value: Value, run: Sequence[str], after: str) -> Number:
    if value.value is None or (value.first == value.last and not value.worded):
        return _suffixed(_written(run[value.first]), value.value, after)
    also = _on_the_clock(value.value)
    if after in _CENTS and value.value < _HUNDRED:
        also |= {_shown(value.value / _HUNDRED)}
    common = value.worded and value.value <= _COMMON and value.value % 1 in (0, value.value)
    return Number(frozenset({_shown(value.value)}), also=also, common=common)


def _suffixed(written: Number, value: Decimal | None, after: str) -> Number:
    scale = _SUFFIXES.get(after)
    if value is None:
        return written
    also = written.also | _on_the_clock(value)
    if after in _CENTS and value < _HUNDRED:
        also |= {_shown(value / _HUNDRED)}
    if scale is None:
        return written._replace(also=also)
    kept = written.readings if after in _UNITS else frozenset()
    return Number(kept | {_shown(value * scale)}, also=also | written.readings)


def _written(token: str) -> Number:
    """What digits with marks between them may mean: "1,000", "2.5", "10:30", "3.4.2026"."""
    groups, marks = _MARKS.split(token), _MARKS.findall(token)
    if not marks:
        return Number(frozenset({_whole(token)}))
    parts = frozenset(_whole(group) for group in groups)
    if set(marks) == {":"} and len(groups) == _PAIR:
        clock = _clock(_whole(groups[0]), groups[1])
        return Number(frozenset({clock}), also=parts | _later(clock))
    if _are_thousands(groups, marks):
        readings = {_whole("".join(groups))}
        readings |= {".".join(groups)} if len(groups) == _PAIR else set()
        return Number(frozenset(readings), also=parts)
    if len(groups) == _PAIR:
        clock = _clock(_whole(groups[0]), groups[1])
        return Number(frozenset({_point(groups)}), also=parts | {clock} | _later(clock))
    if (
        marks[-1] in ".,"
        and marks[-1] not in marks[:-1]
        and _are_thousands(groups[:-1], marks[:-1])
    ):
        return Number(frozenset({_point(("".join(groups[:-1]), groups[-1]))}), also=parts)
    return Number(frozenset({token}), parts, parts)


def _are_thousands(groups: Sequence[str], marks: Sequence[str]) -> bool:
    first, *others = groups
    fit = len(first) <= _THOUSAND and first[0] != "0"
    return (
        fit
        and ":" not in marks
        and len(set(marks)) == 1
        and all(len(group) == _THOUSAND for group in others)
    )


def _whole(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _point(groups: Sequence[str]) -> str:
    part = groups[1].rstrip("0")
    return f"{_whole(groups[0])}.{part}" if part else _whole(groups[0])


def _shown(value: Decimal) -> str:
    return _point((*f"{value:f}".split("."), ""))


def _clock(hour: str, minute: str) -> str:
    return f"{hour}:{minute}"


def _later(clock: str) -> frozenset[str]:
    """The same time in the afternoon."""
    hour, _, minute = clock.partition(":")
    late = len(hour) <= _PAIR and int(hour) <= _NOON and len(minute) == _PAIR
    return frozenset({_clock(str((int(hour) + _NOON) % _HOURS), minute)}) if late else frozenset()


def _on_the_clock(value: Decimal) -> frozenset[str]:
    if value % 1 or value > _HOURS:
        return frozenset()
    clock = _clock(_shown(value), "00")
    return _later(clock) | {clock}


def _together(run: Sequence[str], one: Value, other: Value) -> frozenset[str]:
    """What two numbers side by side mean as one: a year, a price, a time."""
    between = frozenset(run[one.last + 1 : other.first])
    if one.value is None or other.value is None or one.value % 1 or other.value % 1:
        return frozenset()
    nought = bool(between & NOUGHTS)
    if not (between <= NOUGHTS or (between & MONEY and between <= _IN_PRICES)) or not (
        nought or other.value >= _TEN
    ):
        return frozenset()
    if not (1 <= one.value < _HUNDRED and other.value < (_TEN if nought else _HUNDRED)):
        return frozenset()
    first, second = _shown(one.value), f"{int(other.value):02}"
    price = _point((first, second))
    if between & MONEY:
        return frozenset({price})
    clock = _clock(first, second)
    times = _later(clock) | {clock} if one.value <= _HOURS and other.value < _MINUTES else set()
    return frozenset({_whole(first + second), price, *times})


def _spelled(run: Sequence[str], found: Sequence[Value]) -> frozenset[str]:
    """Digits named one after the other, as of a telephone number."""
    digits = [one.value for one in found if one.value is not None and one.value < _TEN]
    if len(digits) < _PAIR or len(digits) < len(found) or "and" in run:
        return frozenset()
    return frozenset({_whole("".join(_shown(value) for value in digits))})


def _bare_point(before: str, found: Sequence[Value]) -> frozenset[str]:
    """What "point five" means without the nought before it."""
    if before != "point" or not found or found[0].value is None or found[0].value % 1:
        return frozenset()
    digits = takewhile(lambda one: one.value is not None and one.value < _HUNDRED, found)
    part = "".join(_shown(one.value) for one in digits if one.value is not None)
    return frozenset({_point(("0", part))})


def _times(run: Sequence[str], found: Sequence[Value]) -> frozenset[str]:
    """Half past ten, twenty to three."""
    hours = {one.first: int(one.value) for one in found if one.value and one.value <= _NOON}
    clocks: set[str] = set()
    for before, word, at in zip(run, run[1:], range(2, len(run) + 1), strict=False):
        minutes, hour = _PARTS_OF_HOUR.get(before), hours.get(at)
        if minutes and hour and word == "past":
            clocks.add(_clock(str(hour), f"{minutes:02}"))
        elif minutes and hour and word == "to":
            clocks.add(_clock(str((hour - 2) % _NOON + 1), f"{_MINUTES - minutes:02}"))
    return frozenset(clocks).union(*(_later(clock) for clock in clocks))
