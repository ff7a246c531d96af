"""The values of number words, and of digits among them: "two and a half million". Pure.

English only. It knows no numbers beyond the trillions, and no fractions but halves and decimals.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

_ONES_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_ORDINALS_WORDS = """
    zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
    thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth
"""
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_MONEY_WORDS = "euro euros pound pounds dollar dollars buck bucks quid franc francs"
_ONES, _ORDINALS, _TENS = _ONES_WORDS.split(), _ORDINALS_WORDS.split(), _TENS_WORDS.split()
_OTHERS = {"nil": 0, "nought": 0, "fourty": 40, "couple": 2, "pair": 2, "twice": 2, "double": 2}
SMALL: dict[str, int] = (
    {word: value for value, word in enumerate(_ONES)}
    | {word: value for value, word in enumerate(_ORDINALS)}
    | {word: ten * 10 for ten, word in enumerate(_TENS, 2)}
    | {word[:-1] + "ieth": ten * 10 for ten, word in enumerate(_TENS, 2)}
    | {word[:-1] + "ies": ten * 10 for ten, word in enumerate(_TENS, 2)}
    | _OTHERS
)
HUNDRED, DOZEN, HALF, QUARTER = "hundred", "dozen", "half", "quarter"
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NUMBER_WORDS = frozenset({*SMALL, *_SCALES, HUNDRED, DOZEN, HALF, QUARTER})
NOUGHTS = frozenset({"oh", "o"})
MONEY = frozenset(_MONEY_WORDS.split())
_SKIPPED = frozenset({"a", "an", "uh", "um", "uhm", "er", "erm", "mm", "hmm"})
JOINING = frozenset({"and", "point", "past", "to", *NOUGHTS, *MONEY, *_SKIPPED})
"""What may stand inside a number, but does not begin one."""
_TEN, _TWENTY, _LARGEST = 10, 20, 10**15
_LONGEST = 15


class Value(NamedTuple):
    """One number: `value` is null for what is only digits and marks, as "10:30" is.

    It stands at `first` to `last` of its run; `worded` when no digit is in it.
    """

    value: Decimal | None
    first: int
    last: int
    worded: bool


def spoken(run: Sequence[str]) -> list[Value]:
    """The numbers in a run of number words, digits and what joins them, in order."""
    reader = _Reader()
    for at, word in enumerate(run):
        reader.take(at, word)
    reader.close()
    return reader.found


def decimal(token: str) -> Decimal | None:
    """The value of plain digits, or digits with one point; null for any other."""
    whole, _, part = token.partition(".")
    digits = whole + part
    if not (digits.isascii() and digits.isdigit()) or len(token) > _LONGEST:
        return None
    return Decimal(token)


class _Reader:
    """The number being read is `total` (thousands and more) and `current`; what is less than `room`
    may still be added."""

    def __init__(self) -> None:
        self.found: list[Value] = []
        self._reset()

    def _reset(self) -> None:
        self._span: tuple[int, int] | None = None
        self._total = self._current = Decimal(0)
        self._room, self._limit = 0, _LARGEST
        self._part: str | None = None
        self._worded, self._anded = True, False

    def take(self, at: int, word: str) -> None:
        """One more word."""
        if word[0].isdigit():
            self._digits(at, word)
        elif word in SMALL:
            self._small(at, SMALL[word])
        elif word in _SCALES:
            self._scaled(at, _SCALES[word])
        elif word in (HUNDRED, DOZEN):
            self._counted(at, 100 if word == HUNDRED else 12)
        elif word == HALF:
            self._half(at)
        else:
            self._joined(at, word)

    def close(self) -> None:
        """The number being read is over."""
        if self._span is not None:
            self._pointed()
            value = self._total + self._current
            self.found.append(Value(value, *self._span, self._worded))
        self._reset()

    def _open(self, at: int, value: Decimal | int, room: int = 0) -> None:
        self.close()
        self._span, self._current, self._room = (at, at), Decimal(value), room

    def _on(self, at: int) -> None:
        self._span = (self._span[0] if self._span else at, at)
        self._anded = False

    def _digits(self, at: int, token: str) -> None:
        if self._part is not None and token.isdigit() and self._goes_on(token):
            self._worded = False
            self._on(at)
            return
        value = decimal(token)
        if value is None:
            self.close()
            self.found.append(Value(None, at, at, worded=False))
        else:
            self._open(at, value)
            self._worded = False

    def _goes_on(self, digits: str) -> bool:
        """Whether the digits still belong behind the point."""
        if self._part is None or len(self._part) + len(digits) > _LONGEST:
            return False
        self._part += digits
        return True

    def _small(self, at: int, value: int) -> None:
        room = _TEN if value >= _TWENTY else 0
        if self._goes_on(str(value)):
            self._on(at)
        elif 0 < value < self._room and not (self._anded and self._room <= _TEN):
            self._current += value
            self._room = room
            self._on(at)
        else:
            self._open(at, value, room)

    def _counted(self, at: int, count: int) -> None:
        self._pointed()
        if self._span and 0 < self._current < count and not self._anded:
            self._current *= count
            self._on(at)
        else:
            self._open(at, count)
        self._room = count

    def _scaled(self, at: int, scale: int) -> None:
        self._pointed()
        if self._span and self._current and scale < self._limit and not self._anded:
            self._total += self._current * scale
            self._on(at)
        else:
            self._open(at, 0)
            self._total = Decimal(scale)
        self._current, self._room, self._limit = Decimal(0), scale, scale

    def _half(self, at: int) -> None:
        if self._span and self._anded:
            self._pointed()
            self._current += Decimal("0.5")
            self._room = 0
            self._on(at)
        else:
            self._open(at, Decimal("0.5"))

    def _joined(self, at: int, word: str) -> None:
        if word == "and" and self._span:
            self._anded = True
        elif word == "point" and self._span and self._part is None and not self._anded:
            self._part = ""
        elif word in NOUGHTS and self._goes_on("0"):
            self._on(at)
        elif word not in _SKIPPED:
            self.close()

    def _pointed(self) -> None:
        if self._part:
            self._current += Decimal(f"0.{self._part}")
        self._part = None
