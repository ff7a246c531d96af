"""Short meetings as the llm service gets them: parts, contexts and jobs."""

from collections.abc import Iterable
from datetime import UTC, datetime

from contracts.commands import AnswerQuery, CompactContext, Context, Part
from contracts.events import Coverage, PartKind, SegmentRef, Task

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
Said = tuple[str | None, str]

PLANNING: tuple[Said, ...] = (
    ("Maria", "Good morning, the agenda is the launch of the mobile app and the marketing budget."),
    ("Tom", "Yeah."),
    ("Tom", "The mobile app still crashes on older phones, so the launch date is at risk."),
    ("Priya", "How many testers do we have for the older phones?"),
    ("Tom", "Only two testers, and both are on holiday until Thursday."),
    ("Priya", "Mm-hmm."),
    ("Maria", "We decided to move the launch of the mobile app to June."),
    ("Priya", "The marketing budget is forty thousand, and half of it goes to the launch video."),
    ("Lee", "I think the xylophone tune in the launch video sounds strange."),
    ("Maria", "Let's go with a piano tune instead."),
    ("Priya", "Agreed. I'll send the new budget to everyone by Friday."),
    ("Maria", "Tom, can you follow up with the testers about the crashes?"),
    ("Tom", "Okay."),
    ("Lee", "The office plants need water again."),
)


def ref(number: int, speaker: str | None = "Maria") -> SegmentRef:
    start = number * 5.0
    return SegmentRef(
        segment_id=f"seg_{number}", seq=number + 2, start=start, end=start + 4, speaker=speaker
    )


def part(said: Iterable[Said], kind: PartKind = "tail", first: int = 0) -> Part:
    turns = tuple(said)
    refs = tuple(ref(at, speaker) for at, (speaker, _) in enumerate(turns, first))
    text = "".join(f"{speaker or 'Unknown speaker'}: {words}\n" for speaker, words in turns)
    return Part(
        kind=kind, text=text, from_seq=first + 2, to_seq=first + 1 + len(refs), segments=refs
    )


def summary(text: str, *refs: SegmentRef) -> Part:
    seqs = [one.seq for one in refs] or [0]
    return Part(kind="summary", text=text, from_seq=min(seqs), to_seq=max(seqs), segments=refs)


def asked(query: str, *parts: Part, task: Task = "query") -> AnswerQuery:
    segments = sum(len(one.segments) for one in parts)
    coverage = Coverage(segments=segments, verbatim=segments, summarised=0, not_covered=0)
    return AnswerQuery(
        session_id="ses_1",
        query_id="qry_1",
        task=task,
        query=query,
        deadline=NOW,
        context=Context(as_of_seq=segments + 1, tokens=0, parts=parts, coverage=coverage),
    )


def to_compact(*parts: Part, target_tokens: int = 40, level: int = 1) -> CompactContext:
    return CompactContext(
        session_id="ses_1",
        compaction_id="cmp_1",
        level=level,
        first_segment_id="seg_0",
        last_segment_id="seg_9",
        source=parts,
        target_tokens=target_tokens,
    )
