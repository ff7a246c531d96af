"""Which lines answer a question, without a model: BM25, neighbours, named speakers, rare words.

Pure. It finds and quotes; it never rephrases or concludes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.commands import UNKNOWN_SPEAKER
from services.llm import cues, times
from services.llm.lines import Line, clock
from services.llm.ranking import bm25
from services.llm.words import ASKING, STOP, content, is_backchannel, sentences, words

MOST_HITS = 5
MOST_LINES = 8
_NEIGHBOURS = 0.3
_REACH = 4
_FULL_LINE = 6
_NAMED = 1.5
_DECIDED = 1.3
_FROM_SUMMARY = 0.8
_DATED = 2.0
_SETTLED = 1.3
_LATER = 0.1
_WORTH = 0.5
_ALONE_WORTH = 1 / 3
_MOST_WORDS = 60
_FOLLOWS_WITHIN_SECONDS = 60.0
_ASKS_DECISION = frozenset({"decid", "decision", "agre", "agreement"})


class Question(msgspec.Struct, frozen=True):
    """What is looked for: stems, the words themselves, the speakers named, a decision, a time."""

    stems: tuple[str, ...]
    words: tuple[str, ...]
    speakers: frozenset[str]
    decision: bool
    when: bool = False


class Hit(msgspec.Struct, frozen=True):
    """A line, how well it matches, and whether it alone holds a word of the question."""

    line: Line
    score: float
    alone: bool


def understood(text: str, lines: Sequence[Line]) -> Question:
    """Leave out the words of asking, where others are left; a mere name asks for its bearer."""
    found, when = words(text), times.asked(text)
    drops = (*([STOP | ASKING | times.ASKING_WHEN] if when else []), STOP | ASKING, STOP)
    kept = next((left for drop in drops if (left := [w for w in found if w not in drop])), found)
    speakers = named(text, lines)
    if set(kept) <= {word for speaker in speakers for word in words(speaker)}:
        kept = []
    stems = list(dict.fromkeys(content(kept, frozenset())))
    about = tuple(stem for stem in stems if stem not in _ASKS_DECISION)
    return Question(
        stems=times.other_words(about or tuple(stems)),
        words=tuple(dict.fromkeys(kept)),
        speakers=speakers,
        decision=len(about) < len(stems),
        when=when or times.postponed(about),
    )


def named(text: str, lines: Iterable[Line]) -> frozenset[str]:
    """The speakers of whose names the text holds a whole word that is not an ordinary one."""
    asked = Counter(words(text))
    speakers = sorted(
        {line.speaker for line in lines if line.speaker not in (None, UNKNOWN_SPEAKER)}
    )
    parts = {speaker: [w for w in words(speaker) if w not in STOP] for speaker in speakers}
    full = {who for who, name in parts.items() if name and all(word in asked for word in name)}
    if full:
        return frozenset(full)
    shared = Counter(word for name in parts.values() for word in set(name))
    return frozenset(
        who for who, name in parts.items() if any(w in asked and shared[w] == 1 for w in name)
    )


def ranked(question: Question, lines: Sequence[Line]) -> tuple[Hit, ...]:
    """The lines that have to do with the question, best first; `lines` in meeting order.

    A line that alone holds a word of the question comes before those that do not.
    """
    if not lines:
        return ()
    found = [words(line.text) for line in lines]
    scores = _scores(question, lines, found)
    alone = _alone(question, found, lines)
    hits = [
        Hit(line, float(score), only)
        for line, score, only in zip(lines, scores, alone, strict=True)
        if (score > 0 or only) and not is_backchannel(line.text)
    ]
    return tuple(sorted(hits, key=lambda hit: (not hit.alone, -hit.score, hit.line.number)))


def _scores(
    question: Question, lines: Sequence[Line], found: Sequence[list[str]]
) -> NDArray[np.float64]:
    """BM25, better where the lines around match too and where a line says much."""
    stems = [content(line) for line in found]
    own = bm25(stems, question.stems)
    spoken = np.array([line.kind != "summary" for line in lines], dtype=bool)
    around = np.where(spoken, _around(own * spoken), 0.0)
    scores = own + np.where(own > 0, _NEIGHBOURS * around, 0.0)
    if question.when:
        scores = _timed(scores, around, lines)
    full = np.array([len(set(line)) for line in stems], dtype=np.float64) / _FULL_LINE
    scores *= np.sqrt(np.minimum(full, 1.0)) * np.where(spoken, 1.0, _FROM_SUMMARY)
    scores *= [_NAMED if line.speaker in question.speakers else 1.0 for line in lines]
    if question.decision:
        scores *= [_DECIDED if cues.decision(line.text) else 1.0 for line in lines]
    return scores


def _timed(
    scores: NDArray[np.float64], around: NDArray[np.float64], lines: Sequence[Line]
) -> NDArray[np.float64]:
    """Better where a day is named, or settled, or late in the meeting.

    A correction need not repeat what it corrects, so it counts by the lines around it.
    """
    dated = np.array([times.named(line.text) for line in lines], dtype=bool)
    mended = dated & np.array([times.corrected(line.text) for line in lines], dtype=bool)
    decided = dated & np.array([cues.decision(line.text) for line in lines], dtype=bool)
    weighed = np.where(mended, np.maximum(scores, around), scores)
    weighed = weighed * np.where(dated, _DATED, 1.0) * np.where(mended | decided, _SETTLED, 1.0)
    return weighed * (1 + _LATER * np.arange(len(lines)) / len(lines))


def _around(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the neighbours' scores, the nearer the heavier."""
    distances = np.abs(np.arange(-_REACH, _REACH + 1))
    weights = np.where(distances == 0, 0.0, 1 - distances / (_REACH + 1))
    summed: NDArray[np.float64] = np.convolve(scores, weights)[_REACH:-_REACH]
    return summed


def _alone(question: Question, found: Sequence[list[str]], lines: Sequence[Line]) -> list[bool]:
    """Which lines hold a word of the question that no other line of their kind holds.

    A summary repeats what was said, so it counts only for words that are nowhere else. Where a
    time is asked for, a line without one does not count.
    """
    asked = set(question.words)
    told = [not question.when or times.named(line.text) for line in lines]
    spoken: Counter[str] = Counter()
    summarised: Counter[str] = Counter()
    for said, line in zip(found, lines, strict=True):
        (summarised if line.kind == "summary" else spoken).update(asked.intersection(said))
    once = {word for word, count in spoken.items() if count == 1}
    only_summarised = {w for w, count in summarised.items() if count == 1 and w not in spoken}
    return [
        tells and not (only_summarised if line.kind == "summary" else once).isdisjoint(said)
        for said, line, tells in zip(found, lines, told, strict=True)
    ]


def picked(question: Question, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The few best lines and what makes them readable, in meeting order."""
    best = ranked(question, lines) or _of_the_named(question, lines)
    highest = max((hit.score for hit in best), default=0.0)
    worth = {False: _WORTH * highest, True: _ALONE_WORTH * highest}
    hits = [hit.line for hit in best[:MOST_HITS] if hit.score >= worth[hit.alone]]
    hits = hits or [hit.line for hit in best[:1]]
    chosen = {line.number for line in hits}
    for line in hits:
        if len(chosen) < MOST_LINES and (reply := _reply(line, lines)) is not None:
            chosen.add(reply.number)
    return tuple(line for line in lines if line.number in chosen)


def _of_the_named(question: Question, lines: Sequence[Line]) -> tuple[Hit, ...]:
    """Only a name was asked for: what its bearer said most in."""
    theirs = [line for line in lines if line.speaker in question.speakers]
    hits = [Hit(line, float(len(set(content(words(line.text))))), False) for line in theirs]
    return tuple(sorted((h for h in hits if h.score), key=lambda h: (-h.score, h.line.number)))


def _reply(line: Line, lines: Sequence[Line]) -> Line | None:
    """The line after one that asks, when it says something and comes soon."""
    after = lines[lines.index(line) + 1 :][:1]
    if not line.text.endswith("?") or line.kind == "summary" or not after:
        return None
    soon = after[0].start - line.refs[0].end <= _FOLLOWS_WITHIN_SECONDS
    return after[0] if soon and not is_backchannel(after[0].text) else None


def shown(line: Line, text: str) -> str:
    """One line of an answer; a summary's line has no one time."""
    when = clock(line.start) if line.refs else "--:--"
    said = text if line.speaker is None else f"{line.speaker}: {text}"
    return f"[{when}] {said}"


def excerpt(text: str, stems: Iterable[str]) -> str:
    """At most sixty words of the text, from where most of `stems` are."""
    spoken = text.split()
    if len(spoken) <= _MOST_WORDS:
        return " ".join(spoken)
    wanted = frozenset(stems)
    hit = [not wanted.isdisjoint(content(words(word))) for word in spoken]
    starts, at = [], 0
    for sentence in sentences(text):
        starts.append(at)
        at += len(sentence.split())
    start = max(starts, key=lambda s: (sum(hit[s : s + _MOST_WORDS]), -s))
    end = start + _MOST_WORDS
    cut = " ".join(spoken[start:end])
    return f"{'… ' if start else ''}{cut}{' …' if end < len(spoken) else ''}"
