"""Histories of one session that could have happened, for property tests of folds.

A Story keeps beside the events what they add up to, in plain lists: what a fold is compared with.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from contracts import ids
from contracts.events import (
    ChatReceived,
    CompactionRequested,
    ContextSummarised,
    Coverage,
    GapOpened,
    ParticipantJoined,
    QueryAnswered,
    QueryFailed,
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SpeakerRenamed,
    SpeakersMerged,
    Usage,
)
from tests.support.facts import asked, at, heard, requested, started

words = st.text('aé \n"語🎉<[b]', min_size=1, max_size=40)
speakers = st.sampled_from(["Ada", "Grace", None])
MOST_CHARS = 8000


@dataclass
class Said:
    """One segment: what it says by now, and whether it is still there."""

    segment_id: str
    text: str
    removed: bool = False


@dataclass
class Made:
    """One summary in its level, from segment number `first` to before `end`."""

    first: int
    end: int
    text: str
    failed: bool = False


@dataclass
class Story:
    """Events so far, and what is true after them."""

    events: list = field(default_factory=lambda: [requested(), started()])
    said: list = field(default_factory=list)
    levels: list = field(default_factory=list)
    underway: tuple | None = None
    withdrawals: int = 0
    open_queries: list = field(default_factory=list)
    changes: int = 0

    @property
    def compacted(self):
        """How many segments level 1 holds."""
        return self.levels[0][-1].end if self.levels and self.levels[0] else 0

    def tell(self, draw, what, number):
        """One more event of a kind, or none where it could not have happened."""
        getattr(self, f"_{what}")(draw, number)

    def _hear(self, draw, number):
        text = draw(words)
        self.events.append(heard(number, text, speaker=draw(speakers)))
        self.said.append(Said(f"seg{number}", text))

    def _chat(self, draw, number):
        text = draw(words)
        common = {"bot_id": "b1", "number": number, "sender_id": "p1", "name": "Ada"}
        self.events.append(ChatReceived(session_id="s1", time=at(), text=text, **common))
        self.said.append(Said(ids.chat_id("s1", "b1", number), text))

    def _alter(self, draw, number):
        """Correct, suppress or redact a segment: one that is there, was, or never was."""
        known = [*(one.segment_id for one in self.said), "never-heard"]
        segment_id, text = draw(st.sampled_from(known)), draw(words)
        kinds = (SegmentSuppressed, SegmentRedacted, SegmentCorrected, SegmentCorrected)
        kind = draw(st.sampled_from(kinds))
        how = {"text": text, "revision": number} if kind is SegmentCorrected else {}
        self.events.append(kind(session_id="s1", time=at(), segment_id=segment_id, **how))
        found = [n for n, one in enumerate(self.said) if one.segment_id == segment_id]
        if not found or self.said[found[0]].removed:
            return
        one, gone = self.said[found[0]], kind is not SegmentCorrected
        one.text, one.removed = "" if gone else text, gone
        self._withdraw(found[0])

    def _withdraw(self, number):
        self.withdrawals += 1
        for level in self.levels:
            for one in level:
                if one.first <= number < one.end:
                    one.text, one.failed = "", False
        if self.underway and self.underway[1].first <= number < self.underway[1].end:
            self.underway = None

    def _request(self, draw, _number):
        """Ask for a level 1 summary of the oldest, a level 2 one, or one that was withdrawn."""
        if self.underway is not None:
            return
        ranges = [(1, self.compacted, end) for end in range(self.compacted + 1, len(self.said) + 1)]
        for at_level, level in enumerate(self.levels, 1):
            above = self.levels[at_level] if at_level < len(self.levels) else []
            border = above[-1].end if above else 0
            ranges += [(at_level + 1, border, one.end) for one in level if one.first >= border]
            ranges += [(at_level, o.first, o.end) for o in level if not o.text and not o.failed] * 3
        if not ranges:
            return
        level, first, end = draw(st.sampled_from(ranges))
        bounds = self.said[first].segment_id, self.said[end - 1].segment_id
        compaction_id = ids.compaction_id("s1", level, *bounds, self.withdrawals)
        self.events.append(compaction(level, *bounds, compaction_id))
        if self._has_words(level, first, end):
            self.underway = (level, Made(first, end, ""), compaction_id)

    def _has_words(self, level, first, end):
        if level == 1:
            return any(not one.removed for one in self.said[first:end])
        return any(one.text for one in self.levels[level - 2] if first <= one.first < end)

    def _summarise(self, draw, _number):
        """Conclude what is under way, now and then with a summary that is none."""
        if self.underway is None:
            return
        level, made, compaction_id = self.underway
        ends = self.said[made.first].segment_id, self.said[made.end - 1].segment_id
        if draw(st.integers(0, 3)):
            text = draw(words.filter(str.strip))
            self.events.append(summarised(level, *ends, compaction_id, text))
            self._make(level, Made(made.first, made.end, text))
        else:
            none = draw(st.sampled_from([" \n", "x" * (MOST_CHARS + 1)]))
            self.events.append(summarised(level, *ends, compaction_id, none))
            self._make(level, Made(made.first, made.end, "", failed=True))

    def _make(self, level, made):
        while len(self.levels) < level:
            self.levels.append([])
        held = [one for one in self.levels[level - 1] if one.first != made.first]
        self.levels[level - 1] = sorted([*held, made], key=lambda one: one.first)
        self.underway = None

    def _stray(self, draw, _number):
        """A request or a summary that does not fit what is there, or is of what is summarised."""
        made = [(n, one) for n, level in enumerate(self.levels, 1) for one in level if one.text]
        if made and draw(st.booleans()):
            level, one = draw(st.sampled_from(made))
            bounds = self.said[one.first].segment_id, self.said[one.end - 1].segment_id
            self.events.append(compaction(level, *bounds, "cmp_again"))
            return
        level, other = draw(st.integers(1, 3)), draw(words)
        stray = compaction(level, "never-heard", other, "cmp_stray")
        late = summarised(level, "never-heard", other, "cmp_stray", "late")
        self.events.append(draw(st.sampled_from([stray, late])))

    def _speak(self, draw, _number):
        """Rename or merge somebody."""
        self.changes += 1
        names = st.sampled_from(["Ada", "Grace", "p1", "Liza", "S1"])
        common = {"session_id": "s1", "time": at(), "change_id": f"c{self.changes}"}
        if draw(st.booleans()):
            event = SpeakerRenamed(**common, speaker=draw(names), name=draw(names))
        else:
            event = SpeakersMerged(**common, speaker=draw(names), into=draw(names))
        self.events.append(event)

    def _ask(self, _draw, number):
        self.open_queries.append(f"q{number}")
        self.events.append(asked(f"q{number}"))

    def _answer(self, draw, _number):
        if self.open_queries:
            at_query = draw(st.integers(0, len(self.open_queries) - 1))
            self.events.append(_answered(self.open_queries.pop(at_query)))

    def _fail(self, _draw, _number):
        if self.open_queries:
            failed = {"query_id": self.open_queries.pop(), "task": "query", "reason": "timeout"}
            self.events.append(QueryFailed(session_id="s1", time=at(), **failed))

    def _join(self, draw, number):
        joined = {"participant_id": f"p{draw(st.integers(1, 2))}", "name": f"Ada {number}"}
        self.events.append(ParticipantJoined(session_id="s1", time=at(), **joined))

    def _gap(self, _draw, number):
        gap = {"gap_id": f"g{number}", "cause": "test", "start": 1.0}
        self.events.append(GapOpened(session_id="s1", time=at(), **gap))


_KINDS = (
    *("hear",) * 6,
    *("request", "summarise") * 5,
    *("alter",) * 3,
    *("chat", "speak", "ask", "answer", "fail", "join", "gap", "stray"),
)


@st.composite
def stories(draw, most=40):
    """A Story with its events as (seq, event) pairs, whose sequences have gaps: other sessions
    share the stream."""
    story = Story()
    for number in range(draw(st.integers(0, most))):
        story.tell(draw, draw(st.sampled_from(_KINDS)), number)
    if draw(st.booleans()):
        story.events.append(SessionEnded(session_id="s1", time=at(), reason="source_ended"))
    events = story.events
    steps = draw(st.lists(st.integers(1, 5), min_size=len(events), max_size=len(events)))
    seqs = [sum(steps[: n + 1]) for n in range(len(events))]
    story.events = list(zip(seqs, events, strict=True))
    return story


def histories(most=40):
    """(seq, event) pairs of a story."""
    return stories(most).map(lambda story: story.events)


def compaction(level, first, last, compaction_id):
    """A request to summarise from one segment to another."""
    return CompactionRequested(
        session_id="s1",
        time=at(),
        compaction_id=compaction_id,
        level=level,
        first_segment_id=first,
        last_segment_id=last,
    )


def summarised(level, first, last, compaction_id, text):
    """A summary of that range; it cites its first segment and one that does not exist."""
    return ContextSummarised(
        session_id="s1",
        time=at(),
        compaction_id=compaction_id,
        level=level,
        first_segment_id=first,
        last_segment_id=last,
        text=text,
        cited=(first, "made-up"),
        model="gpt",
        prompt_version="1",
        usage=Usage(),
    )


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
