"""Summaries made of the meeting's own sentences: a general one in sections, and compactions.

Pure. It quotes; what counts as a decision or an action item is found elsewhere.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from contracts.commands import Part
from contracts.events import SegmentRef
from services.llm import cues
from services.llm.centrality import central
from services.llm.lines import Line, in_meeting_order, numbered
from services.llm.outcomes import Item, Quote, actions, decisions, quotes
from services.llm.retrieval import excerpt, shown
from services.llm.words import count_tokens, unbroken

_MOST_DISCUSSED = 6
_FEWEST_STEMS = 4
_FULLNESS = 0.4
_FEWEST_KEPT = 3
_FIRST_KEPT = 1
_MARKED_SHARE = 5
_ENDS = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f")
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_A_WORD = re.compile(r"[^\W_]")
NOTHING_SAID = "Nothing has been said in the meeting so far."
_NONE = "- None found."


def summary(lines: Sequence[Line]) -> tuple[str, tuple[SegmentRef, ...]]:
    """Discussion, decisions and action items of `lines`, which are in meeting order."""
    found = quotes(lines)
    if not found:
        return NOTHING_SAID, ()
    taken, decided = actions(found, lines), decisions(found)
    used = {at for one in taken for at in one.places} | {quote.at for quote in decided}
    discussed = _discussed([quote for quote in found if quote.at not in used] or found)
    text = "\n\n".join((_section("Discussion", discussed), _decided(decided), _taken(taken)))
    return text, cited(quote.line for quote in (*discussed, *decided, *_lines_of(taken)))


def outcomes(
    lines: Sequence[Line], wanted: frozenset[cues.Outcome]
) -> tuple[str, tuple[SegmentRef, ...]]:
    """Only the wanted of decisions and action items; an empty text where there are none."""
    found = quotes(lines)
    taken = actions(found, lines) if "actions" in wanted else []
    decided = decisions(found) if "decisions" in wanted else []
    if not taken and not decided:
        return "", ()
    sections = {"decisions": _decided(decided), "actions": _taken(taken)}
    text = "\n\n".join(section for name, section in sections.items() if name in wanted)
    return text, cited(q.line for q in (*decided, *_lines_of(taken)))


def cited(lines: Iterable[Line]) -> tuple[SegmentRef, ...]:
    """The segments of `lines`, each once, in order."""
    return tuple({ref.segment_id: ref for line in lines for ref in line.refs}.values())


def _decided(decided: Sequence[Quote]) -> str:
    return _section("Decisions", decided)


def _taken(taken: Sequence[Item]) -> str:
    return _section("Action items", _lines_of(taken), [_owned(item) for item in taken])


def _lines_of(taken: Sequence[Item]) -> list[Quote]:
    return [item.quote for item in taken]


def _section(title: str, found: Sequence[Quote], texts: Sequence[str] = ()) -> str:
    said = texts or [excerpt(quote.text, ()) for quote in found]
    shown_lines = [f"- {shown(q.line, text)}" for q, text in zip(found, said, strict=True)]
    return "\n".join((title, *(shown_lines or [_NONE])))


def _owned(item: Item) -> str:
    """Whose it is goes without saying where its speaker takes it on."""
    text = excerpt(item.quote.text, ())
    other = item.owner not in (None, item.quote.line.speaker)
    return f"{text} (for {item.owner})" if other else text


def _discussed(found: Sequence[Quote]) -> list[Quote]:
    """The most central sentence of each stretch of the meeting."""
    full = [quote for quote in found if _is_full(quote)] or list(found)
    stretches: dict[int, Quote] = {}
    for at in central([quote.stems for quote in full]):
        stretches.setdefault(at * _MOST_DISCUSSED // len(full), full[at])
        if len(stretches) == _MOST_DISCUSSED:
            break
    return [stretches[stretch] for stretch in sorted(stretches)]


def _is_full(quote: Quote) -> bool:
    """Enough words that mean something, and not lost among those that do not."""
    return len(quote.stems) >= max(_FEWEST_STEMS, len(quote.text.split()) * _FULLNESS)


def compaction(source: Sequence[Part], target_tokens: int) -> tuple[str, tuple[SegmentRef, ...]]:
    """The most central sentences that fit, a line a segment; never empty where there is text."""
    lines = in_meeting_order(_showable(line) for line in numbered(source))
    found = quotes(lines)
    kept: dict[int, Quote] = {}
    left = target_tokens
    for quote in _worth_keeping(found):
        cost = _cost(quote, kept.values())
        if cost <= left:
            kept[quote.at] = quote
            left -= cost
    text, used = _joined(kept.values())
    if _A_WORD.search(text) or not lines:
        return text, cited(used)
    return _cut([quote.line for quote in found] or lines, target_tokens)


def _showable(line: Line) -> Line:
    return msgspec.structs.replace(line, text=_UNSHOWN.sub(" ", line.text))


def _worth_keeping(found: Sequence[Quote]) -> list[Quote]:
    """The most central first, but decisions and work taken on soon after the first few."""
    full = [quote for quote in found if len(quote.stems) >= _FEWEST_KEPT] or list(found)
    order = [full[at] for at in central([quote.stems for quote in full])]
    marked = [quote for quote in order if cues.action(quote.text) or cues.decision(quote.text)]
    first = (*order[:_FIRST_KEPT], *marked[: len(order) // _MARKED_SHARE])
    return list(dict.fromkeys((*first, *order)))


def _cost(quote: Quote, kept: Iterable[Quote]) -> int:
    shared = any(other.line.number == quote.line.number for other in kept)
    label = 0 if shared or quote.line.speaker is None else count_tokens(f"{quote.line.speaker}:")
    return count_tokens(quote.text) + label + (not quote.text.endswith(_ENDS))


def _joined(kept: Iterable[Quote]) -> tuple[str, list[Line]]:
    by_line: dict[int, list[Quote]] = {}
    for quote in sorted(kept, key=lambda quote: quote.at):
        by_line.setdefault(quote.line.number, []).append(quote)
    said = [
        msgspec.structs.replace(found[0].line, text=_run_on(found)).said
        for found in by_line.values()
    ]
    return "\n".join(said), [found[0].line for found in by_line.values()]


def _run_on(found: Sequence[Quote]) -> str:
    """Sentences of one line; a mark stands where one that has no end is not followed by its own."""
    text, spoken = found[0].text, " ".join(found[0].line.text.split())
    for before, quote in pairwise(found):
        follows = before.text.endswith(_ENDS) or f"{before.text} {quote.text}" in spoken
        text += f" {quote.text}" if follows else f" \u2026 {quote.text}"
    return text


def _cut(lines: Sequence[Line], target_tokens: int) -> tuple[str, tuple[SegmentRef, ...]]:
    """As much of one line as fits, in whole words and numbers, when no sentence does."""
    line = next((one for one in lines if _A_WORD.search(one.text)), lines[0])
    if not _A_WORD.search(line.text):
        return line.said, cited((line,))
    pieces = [piece for group in unbroken(line.text.split()) for piece in _pieces(" ".join(group))]
    text, left = "", target_tokens
    for piece in pieces:
        cost = count_tokens(piece)
        if text and cost > left:
            break
        if cost <= left and (text or _A_WORD.search(piece)):
            text, left = text + piece, left - cost
    shortest = min((one for one in pieces if _A_WORD.search(one)), key=count_tokens)
    return (text or shortest).strip(), cited((line,))


def _pieces(said: str) -> list[str]:
    """The words with a blank before; what is written without blanks comes letter by letter."""
    pieces = [" "]
    for before, letter in pairwise(f" {said}"):
        if _is_caseless(before) and _is_caseless(letter):
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _is_caseless(letter: str) -> bool:
    return letter.isalpha() and letter.lower() == letter.upper()
