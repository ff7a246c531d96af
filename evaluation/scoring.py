"""A context to a score: how much of the evidence is in it word for word, and whether it is honest.

A turn counts when a part names its segment, its whole line ("speaker: text") stands in that part,
and the line ends within the budget's first tokens. Padding costs, a paraphrase earns nothing, a
claim without its text is a fault. Pure.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from evaluation.counting import Counter, cost
from evaluation.model import Case, Meeting, Quoted, Reply, Score, Turn

VERBATIM = frozenset({"excerpt", "tail"})


class Heard(msgspec.Struct, frozen=True):
    """A meeting's segments as its system knows them, with their lines and what those cost in
    tokens, in the order of the turns."""

    segment_ids: tuple[str, ...]
    seqs: tuple[int, ...]
    lines: tuple[str, ...]
    costs: tuple[int, ...]


class Found(msgspec.Struct, frozen=True):
    """Turns that a context holds, those of them within the budget, and what is wrong with it."""

    quoted: frozenset[int]
    within: frozenset[int]
    counted: int
    faults: tuple[str, ...]


def score(
    case: Case, reply: Reply, heard: Heard, counter: Counter
) -> tuple[Score, tuple[str, ...]]:
    """What the context is worth for its question, and its faults; they quote no speech."""
    found = find(case, reply.parts, heard, counter)
    faults = [*found.faults, *_dishonest(case, reply, heard, found.quoted)]
    faults += _over(case, reply, found.counted)
    mass, turns = recall(case.question.gold, found.within, heard.costs)
    scored = Score(
        meeting=case.meeting.meeting_id,
        question=case.number,
        row=case.row,
        domain=case.meeting.domain,
        mass=mass,
        turns=turns,
        counted=found.counted,
        reported=reply.tokens,
        took=reply.took,
        assembly=reply.assembly,
    )
    where = f"{case.meeting.meeting_id}, question {case.number}, {case.row}"
    return scored, tuple(f"{where}: {fault}" for fault in faults)


def line(speaker: str | None, text: str) -> str:
    """How a segment has to read in a context."""
    return Turn(speaker, text, 0.0, 0.0).line


def costs(meeting: Meeting, counter: Counter) -> tuple[int, ...]:
    """Tokens of each turn's line."""
    return tuple(cost(counter, turn.line) for turn in meeting.turns)


def recall(
    gold: AbstractSet[int], within: AbstractSet[int], costs: Sequence[int]
) -> tuple[float, float]:
    """The share of the evidence that these turns are, by tokens and by count."""
    got = gold & within
    return sum(costs[turn] for turn in got) / sum(costs[turn] for turn in gold), len(got) / len(
        gold
    )


def find(case: Case, parts: Sequence[Quoted], heard: Heard, counter: Counter) -> Found:
    """The turns in a context's text."""
    text = "\n".join(part.text for part in parts)
    ends = counter(text)
    border = ends[case.budget - 1] if len(ends) > case.budget else len(text)
    numbers = {one: turn for turn, one in enumerate(heard.segment_ids[: case.upto])}
    faults: list[str] = []
    places: dict[int, int] = {}
    base = 0
    for part in parts:
        if part.kind in VERBATIM:
            for turn, end in _located(part, numbers, heard.lines, faults):
                places[turn] = min(base + end, places.get(turn, len(text)))
        base += len(part.text) + 1
    return Found(
        quoted=frozenset(places),
        within=frozenset(turn for turn, end in places.items() if end <= border),
        counted=len(ends),
        faults=tuple(faults),
    )


def _located(
    part: Quoted, numbers: Mapping[str, int], known: Sequence[str], faults: list[str]
) -> Iterator[tuple[int, int]]:
    """Each turn that the part names and holds, in the part's order, and where its line ends."""
    lines, at = _lines(part.text), 0
    left = Tally(line for line, _ in lines)
    for segment_id in part.segment_ids:
        turn = numbers.get(segment_id)
        if turn is None:
            faults.append(f"segment {segment_id} was not heard by then")
            continue
        place = next((n for n in range(at, len(lines)) if lines[n][0] == known[turn]), None)
        if place is None:
            faults.append(f"turn {turn} is named and is not there whole")
            continue
        at = place + 1
        left[known[turn]] -= 1
        yield turn, lines[place][1]
    if unnamed := sum(left[line] for line in left.keys() & set(known)):
        faults.append(f"{unnamed} lines are quoted without being named")


def _lines(text: str) -> list[tuple[str, int]]:
    """Lines with single spaces, and the offset where each ends."""
    found, at = [], 0
    for line in text.split("\n"):
        found.append((" ".join(line.split()), at + len(line.rstrip())))
        at += len(line) + 1
    return found


def _over(case: Case, reply: Reply, counted: int) -> Iterator[str]:
    if counted > case.budget:
        yield f"{counted} tokens, {case.budget} are allowed"
    if reply.tokens > case.budget:
        yield f"{reply.tokens} tokens by its own count, {case.budget} are allowed"


def _dishonest(case: Case, reply: Reply, heard: Heard, quoted: AbstractSet[int]) -> Iterator[str]:
    """What the coverage says and is not so."""
    coverage, seqs = reply.coverage, heard.seqs[: case.upto]
    if coverage.segments != case.upto:
        yield f"coverage tells of {coverage.segments} segments, {case.upto} were heard"
    if coverage.verbatim + coverage.summarised + coverage.not_covered != coverage.segments:
        yield "coverage does not add up"
    if coverage.verbatim != len(quoted):
        yield f"coverage says {coverage.verbatim} are verbatim, {len(quoted)} are there"
    named = sum(len(part.segment_ids) for part in reply.parts if part.kind in VERBATIM)
    if named > len(
        {one for part in reply.parts if part.kind in VERBATIM for one in part.segment_ids}
    ):
        yield "a segment is quoted twice"
    told: set[int] = set()
    for one in coverage.ranges:
        within = range(bisect_left(seqs, one.from_seq), bisect_left(seqs, one.to_seq + 1))
        if len(within) != one.segments:
            yield f"coverage counts {one.segments} from {one.from_seq} to {one.to_seq}"
        if one.kind == "verbatim":
            told.update(within)
    if told != quoted:
        yield f"coverage is wrong about {len(told ^ quoted)} turns"
