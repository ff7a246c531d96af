"""Where sentences and lines open, so that a capital there says nothing. Pure."""

from collections.abc import Sequence

_ENDS = frozenset('.!?:;"\u2013\u2014\u201c\u201e\u00ab\u2018\u3002')
_BULLETS = frozenset("*_#>-\u2022\u00b7")
_EMPHASIS = frozenset("*_")
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "st"})


def opens(tokens: Sequence[str], at: int) -> bool:
    """Whether the token at this place is the first of its line or sentence."""
    before = at - 1
    while before >= 0 and tokens[before] in _EMPHASIS:
        before -= 1
    if before >= 0 and tokens[before] in _ENDS:
        return before == 0 or tokens[before - 1].casefold() not in _TITLES
    while before >= 0 and tokens[before] in _BULLETS:
        before -= 1
    return before < 0 or tokens[before] == "\n"
