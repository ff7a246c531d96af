"""The offline assistant: answers and summaries made of the meeting's own lines, no model asked.

It quotes and never rephrases; equal jobs get equal answers, to the byte.
"""

from contracts.commands import AnswerQuery, CompactContext
from contracts.events import SegmentRef, Usage
from services.llm import cues, summarising
from services.llm.assistant import Draft
from services.llm.lines import in_meeting_order, numbered
from services.llm.retrieval import excerpt, picked, shown, understood

MODEL = "extractive"
VERSION = "extractive-3"
NOTHING_FOUND = "Nothing in the meeting so far matches the question."
FREE = Usage(cost_usd=0.0)


def answered(job: AnswerQuery) -> Draft:
    """A summary or the lines that match the question; says so when nothing does."""
    lines = in_meeting_order(numbered(job.context.parts))
    if job.task == "summary" or cues.about_the_whole(job.query):
        return _draft(*summarising.summary(lines))
    if wanted := cues.outcomes_asked(job.query):
        text, citations = summarising.outcomes(lines, wanted)
        if text:
            return _draft(text, citations)
    question = understood(job.query, lines)
    found = picked(question, lines)
    if not found:
        return _draft(NOTHING_FOUND, ())
    text = "\n".join(shown(line, excerpt(line.text, question.stems)) for line in found)
    return _draft(text, summarising.cited(found))


def compacted(job: CompactContext) -> Draft:
    """The central sentences of the source within the target."""
    return _draft(*summarising.compaction(job.source, job.target_tokens))


def _draft(text: str, citations: tuple[SegmentRef, ...]) -> Draft:
    return Draft(text=text, citations=citations, model=MODEL, prompt_version=VERSION, usage=FREE)
