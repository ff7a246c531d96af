"""What was decided and who takes on what, as sentences of the meeting; English only.

Pure. They are found by their phrases, and each piece of work of one person is listed once.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

import msgspec

from contracts.commands import UNKNOWN_SPEAKER
from services.llm import cues, times
from services.llm.lines import Line
from services.llm.retrieval import named
from services.llm.words import STOP, content, is_backchannel, sentences, words

_MOST_DECISIONS = 6
_MOST_ACTIONS = 8
_FEWEST_STEMS = 4
_FEWEST_SAID = 3
_SAME = 0.6
_CLAIM = 3
_TOLD = 4


class Quote(msgspec.Struct, frozen=True):
    """A sentence of a line, and its place among all."""

    at: int
    line: Line
    text: str
    stems: tuple[str, ...]


class Item(msgspec.Struct, frozen=True):
    """Work to do, whose it is if that is told, how surely, and the places of its sentences."""

    quote: Quote
    owner: str | None
    weight: int
    places: tuple[int, ...]


def quotes(lines: Iterable[Line]) -> tuple[Quote, ...]:
    """The sentences that say something, in the order of the lines."""
    spoken = ((line, s) for line in lines for s in sentences(line.text) if not is_backchannel(s))
    return tuple(
        Quote(at, line, text, tuple(content(words(text)))) for at, (line, text) in enumerate(spoken)
    )


def decisions(found: Sequence[Quote]) -> list[Quote]:
    """The sentences that say so, those that say little with what their speaker goes on to say."""
    decided = [
        _explained(quote, found)
        for quote in found
        if cues.decision(quote.text) and not cues.action(quote.text)
    ]
    said = [quote for quote in decided if len(quote.stems) >= _FEWEST_SAID]
    best = sorted(said, key=lambda q: (-min(len(q.stems), _FEWEST_STEMS), q.at))
    return sorted(best[:_MOST_DECISIONS], key=lambda quote: quote.at)


def _explained(quote: Quote, found: Sequence[Quote]) -> Quote:
    """The sentence; with what its speaker goes on to say when it says little, as "Agreed." does."""
    if len(quote.stems) >= _FEWEST_STEMS:
        return quote
    line = (one for one in found[quote.at :] if one.line.number == quote.line.number)
    return _together([*takewhile(lambda one: not cues.action(one.text), line)])


def _together(said: Sequence[Quote]) -> Quote:
    stems = tuple(stem for one in said for stem in one.stems)
    return msgspec.structs.replace(said[0], text=" ".join(one.text for one in said), stems=stems)


def actions(found: Sequence[Quote], lines: Sequence[Line]) -> list[Item]:
    """The surest of the work taken on, in meeting order, each once; `lines` tell who is there."""
    people = {name for line in lines if (name := line.speaker) and name != UNKNOWN_SPEAKER}
    callings = _callings(sorted(people))
    items: dict[int, Item] = {}
    for quote in found:
        claim = _claim(quote, found, items) if cues.claimed(quote.text) else None
        if (item := claim or _item(quote, callings, lines)) is not None:
            items[item.quote.at] = item
    surest = sorted(items.values(), key=lambda one: (-one.weight, one.quote.at))
    return sorted(_each_once(surest), key=lambda one: one.quote.at)


def _each_once(surest: Iterable[Item]) -> list[Item]:
    best: list[tuple[Item, frozenset[str]]] = []
    for item in surest:
        work = _work(item)
        if not any(_is_same(item, work, other, done) for other, done in best):
            best.append((item, work))
        if len(best) == _MOST_ACTIONS:
            break
    return [item for item, _ in best]


def _callings(people: Sequence[str]) -> dict[str, str]:
    """What each may be called, whole name or first word, where that is nobody else's."""
    firsts = [name.split()[0] for name in people]
    short = {f: n for f, n in zip(firsts, people, strict=True) if firsts.count(f) == 1}
    usual = {first: name for first, name in short.items() if first.casefold() not in STOP}
    return usual | {name: name for name in people}


def _item(quote: Quote, callings: dict[str, str], lines: Sequence[Line]) -> Item | None:
    weight = cues.action(quote.text)
    if (name := cues.doer(quote.text, callings)) is not None:
        return Item(quote, callings[name], max(weight, _TOLD) + 1, (quote.at,))
    if not weight:
        return None
    owner = quote.line.speaker
    if cues.asks(quote.text):
        asked = sorted(named(quote.text, lines) - {owner})
        owner = ", ".join(asked) or None
    return Item(quote, owner, weight, (quote.at,))


def _claim(quote: Quote, found: Sequence[Quote], items: dict[int, Item]) -> Item | None:
    """What is taken on by "that's mine": the sentence before it, whoever said that."""
    if not quote.at:
        return None
    before = found[quote.at - 1]
    own = before.line.number == quote.line.number
    known = items.get(before.at)
    said = _together([before, quote]) if own else before
    weight = _CLAIM + max(known.weight if known else 0, cues.action(quote.text))
    owner = known.owner if known and known.owner and not own else quote.line.speaker
    return Item(said, owner, weight, (before.at, quote.at))


def _is_same(item: Item, work: frozenset[str], other: Item, done: frozenset[str]) -> bool:
    """Whether both say the same work; what nobody has taken on is the same as when one has."""
    if item.owner != other.owner and item.owner is not None:
        return False
    return len(work & done) >= _SAME * max(1, min(len(work), len(done)))


def _work(item: Item) -> frozenset[str]:
    """What is to be done, without who and when."""
    who = set(words(item.owner or ""))
    said = [word for word in words(times.without(item.quote.text)) if word not in STOP | who]
    return frozenset(content(said))
