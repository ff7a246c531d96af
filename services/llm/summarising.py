"""Summaries made of the meeting's own sentences: a general one in sections, and compactions.

Pure. Decisions and action items are found by their phrases, so English only.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

import msgspec

from contracts.commands import Part
from contracts.events import SegmentRef
from services.llm import cues
from services.llm.centrality import central
from services.llm.lines import Line, in_meeting_order, numbered
from services.llm.retrieval import excerpt, named, shown
from services.llm.words import TOKEN, content, count_tokens, is_backchannel, sentences, words

_MOST_DISCUSSED = 6
_MOST_DECISIONS = 6
_MOST_ACTIONS = 8
_FEWEST_STEMS = 4
_FULLNESS = 0.4
_FEWEST_KEPT = 3
_FIRST_KEPT = 1
_MARKED_SHARE = 5
NOTHING_SAID = "Nothing has been said in the meeting so far."
_NONE = "- None found."


class Quote(msgspec.Struct, frozen=True):
    """A sentence of a line, and its place among all."""

    at: int
    line: Line
    text: str
    stems: tuple[str, ...]


def quotes(lines: Iterable[Line]) -> tuple[Quote, ...]:
    """The sentences that say something, in the order of the lines."""
    spoken = ((line, s) for line in lines for s in sentences(line.text) if not is_backchannel(s))
    return tuple(
        Quote(at, line, text, tuple(content(words(text)))) for at, (line, text) in enumerate(spoken)
    )


def summary(lines: Sequence[Line]) -> tuple[str, tuple[SegmentRef, ...]]:
    """Discussion, decisions and action items of `lines`, which are in meeting order."""
    found = quotes(lines)
    if not found:
        return NOTHING_SAID, ()
    taken, decided = _actions(found), _decisions(found)
    used = {quote.at for quote in (*taken, *decided)}
    discussed = _discussed([quote for quote in found if quote.at not in used] or found)
    text = "\n\n".join((_section("Discussion", discussed), *_outcomes(decided, taken, lines)))
    return text, cited(quote.line for quote in (*discussed, *decided, *taken))


def outcomes(lines: Sequence[Line]) -> tuple[str, tuple[SegmentRef, ...]]:
    """Only the decisions and action items; an empty text where there are none."""
    found = quotes(lines)
    taken, decided = _actions(found), _decisions(found)
    if not taken and not decided:
        return "", ()
    return "\n\n".join(_outcomes(decided, taken, lines)), cited(q.line for q in (*decided, *taken))


def cited(lines: Iterable[Line]) -> tuple[SegmentRef, ...]:
    """The segments of `lines`, each once, in order."""
    return tuple({ref.segment_id: ref for line in lines for ref in line.refs}.values())


def _outcomes(decided: list[Quote], taken: list[Quote], lines: Sequence[Line]) -> tuple[str, str]:
    return _section("Decisions", decided), _section("Action items", taken, lines)


def _section(title: str, found: Sequence[Quote], people: Sequence[Line] = ()) -> str:
    shown_lines = [f"- {shown(quote.line, _owned(quote, people))}" for quote in found]
    return "\n".join((title, *(shown_lines or [_NONE])))


def _owned(quote: Quote, people: Sequence[Line]) -> str:
    """An action item is its speaker's, unless it is asked of somebody by name."""
    text = excerpt(quote.text, ())
    if "?" not in quote.text:
        return text
    asked = sorted(named(quote.text, people) - {quote.line.speaker})
    return f"{text} (for {', '.join(asked)})" if asked else text


def _actions(found: Sequence[Quote]) -> list[Quote]:
    weighed = [(cues.action(quote.text), quote) for quote in found]
    best = sorted((w for w in weighed if w[0]), key=lambda w: (-w[0], w[1].at))[:_MOST_ACTIONS]
    return sorted((quote for _, quote in best), key=lambda quote: quote.at)


def _decisions(found: Sequence[Quote]) -> list[Quote]:
    decided = [
        _explained(quote, found)
        for quote in found
        if cues.decision(quote.text) and not cues.action(quote.text)
    ]
    said = [quote for quote in decided if len(quote.stems) >= _FEWEST_KEPT]
    best = sorted(said, key=lambda q: (-min(len(q.stems), _FEWEST_STEMS), q.at))
    return sorted(best[:_MOST_DECISIONS], key=lambda quote: quote.at)


def _explained(quote: Quote, found: Sequence[Quote]) -> Quote:
    """The sentence; with what its speaker goes on to say when it says little, as "Agreed." does."""
    if len(quote.stems) >= _FEWEST_STEMS:
        return quote
    line = (one for one in found[quote.at :] if one.line.number == quote.line.number)
    rest = [*takewhile(lambda one: not cues.action(one.text), line)]
    stems = tuple(stem for one in rest for stem in one.stems)
    return msgspec.structs.replace(quote, text=" ".join(one.text for one in rest), stems=stems)


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
    lines = in_meeting_order(numbered(source))
    found = quotes(lines)
    kept: dict[int, Quote] = {}
    left = target_tokens
    for quote in _worth_keeping(found):
        cost = _cost(quote, kept.values())
        if cost <= left:
            kept[quote.at] = quote
            left -= cost
    text, used = _joined(kept.values())
    if not text and lines:
        return _cut(found[0].line if found else lines[0], target_tokens)
    return text, cited(used)


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
    return count_tokens(quote.text) + label


def _joined(kept: Iterable[Quote]) -> tuple[str, list[Line]]:
    by_line: dict[int, list[Quote]] = {}
    for quote in sorted(kept, key=lambda quote: quote.at):
        by_line.setdefault(quote.line.number, []).append(quote)
    said = [
        msgspec.structs.replace(found[0].line, text=" ".join(quote.text for quote in found)).said
        for found in by_line.values()
    ]
    return "\n".join(said), [found[0].line for found in by_line.values()]


def _cut(line: Line, target_tokens: int) -> tuple[str, tuple[SegmentRef, ...]]:
    """As much of one line as fits, when no sentence does; at least one token."""
    found = list(TOKEN.finditer(line.text))[: max(1, target_tokens)]
    return line.text[: found[-1].end()], cited((line,))
