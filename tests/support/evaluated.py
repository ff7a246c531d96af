"""Made-up meetings to score, and contexts as an honest system would give them."""

from contracts.events import Coverage, CoverageRange
from evaluation import counting, scoring
from evaluation.model import Case, Meeting, Question, Quoted, Reply, Turn
from evaluation.scoring import Heard


def meeting(*lines, evidence=((0, 0),), meeting_id="m1", domain="product"):
    """Each line is "speaker: text" and lasts ten seconds; one question."""
    turns = []
    for number, line in enumerate(lines):
        speaker, text = line.split(": ", 1)
        turns.append(Turn(speaker, text, 10.0 * number, 10.0 * number + 9))
    return Meeting(meeting_id, domain, tuple(turns), (Question("what?", tuple(evidence)),))


def case(of, budget=1000, upto=None, lag=None):
    return Case(of, 0, budget, lag, len(of.turns) if upto is None else upto)


def heard(of):
    """Turn n is segment sn at sequence 10 + 2n."""
    return Heard(
        segment_ids=tuple(f"s{number}" for number in range(len(of.turns))),
        seqs=tuple(10 + 2 * number for number in range(len(of.turns))),
        lines=tuple(turn.line for turn in of.turns),
        costs=scoring.costs(of, counting.regex),
    )


def quoted(of, *turns, kind="excerpt"):
    """A part that names and holds these turns."""
    text = "".join(f"{of.turns[turn].line}\n" for turn in turns)
    return Quoted(kind, text, tuple(f"s{turn}" for turn in turns))


def reply(of, *parts, told=None, upto=None, tokens=None):
    """A context whose coverage tells of `told`, by default of what its parts name."""
    total = len(of.turns) if upto is None else upto
    named = {int(one[1:]) for part in parts if part.kind != "summary" for one in part.segment_ids}
    verbatim = sorted(named if told is None else told)
    ranges = tuple(
        CoverageRange(
            kind="verbatim" if number in verbatim else "not_covered",
            from_seq=10 + 2 * number,
            to_seq=10 + 2 * number,
            segments=1,
        )
        for number in range(total)
    )
    coverage = Coverage(
        segments=total,
        verbatim=len(verbatim),
        summarised=0,
        not_covered=total - len(verbatim),
        ranges=ranges,
    )
    counted = sum(len(counting.regex(part.text)) for part in parts)
    return Reply(tokens or counted, parts, coverage, 1.0)


def score(of, given, *, budget=1000, upto=None):
    """The score and the faults."""
    asked = case(of, budget, upto)
    return scoring.score(asked, given, heard(of), counting.regex)
