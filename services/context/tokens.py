"""How many tokens a text costs, counted without a tokeniser and rather too high than too low.

Calibrated on 162 English meetings: of stretches of 2,000 tokens and more, one in a hundred costs
more with o200k, by 1.7 % at most; cl100k, which older models use, is met within 2.5 % in 99 of 100.
Of other languages only sentences were sampled: most cost less than is counted here, up to half of
it; short lines without accents (Turkish, Finnish) up to a third more. Costs are in units, a
hundredth of a token: whole numbers, and those of lines add up.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

Measure: TypeAlias = Callable[[str], int]
"""Units of a text; those of several whole lines are the sum of theirs."""

UNITS = 100
"""Units in a token."""

_WORD = 100
_LONG_AFTER, _LONG_LETTER = 8, 3
_RARE_AFTER, _RARE_LETTER = 11, 20
_NAME = 18
_ODD = 35
_DIGITS = 174
_MARK = 96
_LINE_END = 74
_ACCENT = 150
_FOREIGN_LETTER, _PLAIN_LETTER, _ACCENTED_LETTER = 38, 30, 80
"""Letters of other languages in the Latin alphabet: written without any accents, or with."""
_ENOUGH = 8
"""An English line of so many words has one of these among them, but for one in 200."""
_COMMON_WORDS = """
    about and are because but for from get have here how i if it just know my not of one or our that
    the them then there they think this what when which with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())

_FOREIGN_SHARE = 0.3
_RUN = re.compile(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]")
_LETTERS = re.compile(r"[A-Za-z]+")
_LONG = re.compile(r"[A-Za-z]{9,}")
_CAPITAL = re.compile(r"(?<=[a-z,] )[A-Z][a-z]")
_ODDITY = re.compile(r"\b(?:[A-Z]{2,}|[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{2,})\b")
_THOUSANDS = re.compile(r"\d{1,3}")
_SIGN = re.compile(r"[^\sA-Za-z\d]")
_ACCENTED = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]")
_SCRIPTS = (
    (re.compile(r"[\u2010-\u203a]"), 110),
    (re.compile(r"[\u0370-\u03ff\u0400-\u04ff]"), 45),
    (re.compile(r"[\u0530-\u06ff\u0900-\u0dff\u10a0-\u10ff]"), 42),
    (re.compile(r"[\u0e00-\u0e7f]"), 65),
    (re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]"), 95),
    (re.compile(r"[\u2000-\u2bff\ufe00-\ufe0f\U00010000-\U0010ffff]"), 300),
    (re.compile(r"[\u0250-\u1dff\u1f00-\u1fff\u2c00-\u303f\ua000-\uabff\ud7b0-\ufdff]"), 230),
)
"""Blocks of the writings most people use, then symbols, then the others; the first one counts."""


def units(text: str) -> int:
    """Units of `text`, without a tokeniser."""
    return text.count("\n") * _LINE_END + sum(_of_line(line) for line in text.split("\n"))


def runs(text: str) -> int:
    """Runs of letters, runs of digits and other characters: what is often counted as tokens.

    0 for a text in another alphabet, for which nobody counts so.
    """
    if not text.isascii() and sum(map("\x7f".__lt__, text)) > len(text) * _FOREIGN_SHARE:
        return 0
    return len(_RUN.findall(text))


def of_units(found: int) -> int:
    """Tokens that so many units cost, rounded up."""
    return -(-found // UNITS)


def units_in(budget: int) -> int:
    """Units that fit into so many tokens."""
    return budget * UNITS


def count(text: str) -> int:
    """Tokens of `text`, rounded up."""
    return of_units(units(text))


def estimate(text: str) -> int:
    """About as many units as `text` has, within a fifth for English; much faster."""
    return len(text) * UNITS // 4 + UNITS if text.isascii() else units(text)


def _of_line(text: str) -> int:
    words = _LETTERS.findall(text)
    cost = len(words) * _WORD + sum(_extra(len(word)) for word in _LONG.findall(text))
    cost += len(_CAPITAL.findall(text)) * _NAME + len(_ODDITY.findall(text)) * _ODD
    digits = len(_THOUSANDS.findall(text)) * _DIGITS
    common = not _COMMON.isdisjoint(map(str.lower, words))
    if not text.isascii():
        return digits + _beyond_ascii(text, cost, len("".join(words)), english=common)
    if len(words) >= _ENOUGH and not common:
        cost = max(cost, len("".join(words)) * _FOREIGN_LETTER)
    return cost + digits + (len(_SIGN.findall(text)) - text.count("'")) * _MARK


def _extra(letters: int) -> int:
    rare = max(0, letters - _RARE_AFTER)
    return (letters - rare - _LONG_AFTER) * _LONG_LETTER + rare * _RARE_LETTER


def _beyond_ascii(text: str, words: int, plain: int, *, english: bool) -> int:
    accented = len(_ACCENTED.findall(text))
    if accented and not english:
        words = max(words, plain * _PLAIN_LETTER + accented * _ACCENTED_LETTER)
    cost = words + (accented * _ACCENT if english else 0)
    rest = "".join(filter("\x7f".__lt__, _ACCENTED.sub("", text)))
    for script, price in _SCRIPTS:
        rest, found = script.subn("", rest)
        cost += found * price
    signs = sum(map("\x80".__gt__, _SIGN.findall(text))) - text.count("'")
    return cost + (signs + len(rest)) * _MARK
