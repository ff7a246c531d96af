"""Histories of one session that could have happened, for property tests of folds."""

from hypothesis import strategies as st

from contracts import ids
from contracts.events import (
    CompactionRequested,
    ContextSummarised,
    Coverage,
    GapOpened,
    ParticipantJoined,
    QueryAnswered,
    QueryFailed,
    SessionEnded,
    Usage,
)
from tests.support.facts import asked, at, heard, requested, started

words = st.text('aé \n"語🎉<[1]', min_size=1, max_size=40)
speakers = st.sampled_from(["Ada", "Grace", None])


@st.composite
def histories(draw, most=40):  # noqa: C901 - one row a kind of event
    """(seq, event) pairs; sequences have gaps, as other sessions share the stream."""
    events = [requested(), started()]
    segments, open_queries, open_compaction, summaries = [], [], None, []
    for number in range(draw(st.integers(0, most))):
        match draw(st.sampled_from("sssssqafcmpgw")):
            case "s":
                events.append(heard(number, draw(words), speaker=draw(speakers)))
                segments.append(f"seg{number}")
            case "q":
                open_queries.append(f"q{number}")
                events.append(asked(f"q{number}"))
            case "a" if open_queries:
                events.append(_answered(open_queries.pop(draw(_at(open_queries)))))
            case "f" if open_queries:
                query = open_queries.pop()
                failed = {"query_id": query, "task": "query", "reason": "timeout"}
                events.append(QueryFailed(session_id="s1", time=at(), **failed))
            case "c" if segments and open_compaction is None:
                last = draw(st.sampled_from(segments))
                open_compaction = _compaction(1, segments[0], last)
                events.append(open_compaction)
                segments = segments[segments.index(last) + 1 :]
            case "m" if open_compaction is not None:
                events.append(_summarised(open_compaction, draw(words)))
                summaries.append(open_compaction)
                open_compaction = None
            case "w":  # a request or a summary that does not fit what is there
                stray = _compaction(draw(st.integers(1, 3)), "seg0", draw(words))
                events.append(draw(st.sampled_from([stray, _summarised(stray, "stray")])))
            case "p":
                joined = {"participant_id": f"p{number}", "name": "Ada"}
                events.append(ParticipantJoined(session_id="s1", time=at(), **joined))
            case "g":
                gap = {"gap_id": f"g{number}", "cause": "test", "start": 1.0}
                events.append(GapOpened(session_id="s1", time=at(), **gap))
    if draw(st.booleans()):
        events.append(SessionEnded(session_id="s1", time=at(), reason="source_ended"))
    steps = draw(st.lists(st.integers(1, 5), min_size=len(events), max_size=len(events)))
    seqs = [sum(steps[: n + 1]) for n in range(len(events))]
    return list(zip(seqs, events, strict=True))


def _at(items):
    return st.integers(0, len(items) - 1)


def _answered(query):
    return QueryAnswered(
        session_id="s1",
        time=at(),
        query_id=query,
        task="query",
        answer="yes",
        citations=(),
        as_of_seq=1,
        coverage=Coverage(segments=0, verbatim=0, summarised=0, not_covered=0),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )


def _compaction(level, first, last):
    return CompactionRequested(
        session_id="s1",
        time=at(),
        compaction_id=ids.compaction_id("s1", level, first, last),
        level=level,
        first_segment_id=first,
        last_segment_id=last,
    )


def _summarised(compaction, text):
    return ContextSummarised(
        session_id="s1",
        time=at(),
        compaction_id=compaction.compaction_id,
        level=compaction.level,
        first_segment_id=compaction.first_segment_id,
        last_segment_id=compaction.last_segment_id,
        text=text,
        cited=(compaction.first_segment_id, "made-up"),
        model="m",
        prompt_version="1",
        usage=Usage(),
    )
