"""Line numbers in what a model wrote, to citations: [3], [3, 7], [3-5].

Pure. Only lines that were shown can be cited, whatever the model wrote.
"""

import re
from collections.abc import Iterator, Mapping

from contracts.events import SegmentRef

MOST_CITATIONS = 40
_MOST_DIGITS = 6
_INSIDE = r"[0-9][0-9,;\s\u2013\u2014-]{0,80}"
_MARK = re.compile(rf"( ?)\[({_INSIDE})\]")
_UNFINISHED = re.compile(rf" ?(?:\[(?:{_INSIDE})?)?\Z")
_RANGE = re.compile(r"([0-9]+)(?:\s*[\u2013\u2014-]\s*([0-9]+))?")

Numbered = Mapping[int, tuple[SegmentRef, ...]]


def citations(text: str, numbered: Numbered) -> tuple[SegmentRef, ...]:
    """The segments behind the numbers in it, in order of first use, once each, forty at most."""
    return rewritten(text, numbered)[1]


def rewritten(text: str, numbered: Numbered) -> tuple[str, tuple[SegmentRef, ...]]:
    """`text` with each line's number replaced by the place of its citations, counted from 1.

    A number that stands for nothing is left out.
    """
    places: dict[str, int] = {}
    cited: list[SegmentRef] = []

    def place(match: re.Match[str]) -> str:
        refs = [ref for n in _numbers(match[2], numbered) for ref in numbered[n]]
        for ref in refs:
            if ref.segment_id not in places and len(cited) < MOST_CITATIONS:
                cited.append(ref)
                places[ref.segment_id] = len(cited)
        shown = dict.fromkeys(places[r.segment_id] for r in refs if r.segment_id in places)
        return f"{match[1]}[{', '.join(map(str, shown))}]" if shown else ""

    return _MARK.sub(place, text), tuple(cited)


def without_numbers(text: str) -> str:
    """`text` with all its numbers in brackets left out."""
    return _MARK.sub("", text)


def settled(text: str) -> str:
    """The start of `text` whose rewriting no later piece can change."""
    unfinished = _UNFINISHED.search(text)
    return text if unfinished is None else text[: unfinished.start()]


def _numbers(inside: str, numbered: Numbered) -> Iterator[int]:
    for match in _RANGE.finditer(inside):
        first, last = match[1], match[2] or match[1]
        if max(len(first), len(last)) <= _MOST_DIGITS:
            highest = min(int(last), max(numbered, default=0))
            yield from (n for n in range(int(first), highest + 1) if n in numbered)
