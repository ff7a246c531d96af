"""Drafts and failures to the facts that conclude a job. Pure: the time is given."""

from datetime import datetime

from contracts.commands import AnswerQuery, CompactContext
from contracts.events import ContextSummarised, QueryAnswered, QueryFailed
from services.llm.assistant import AssistantError, Draft


def expired(job: AnswerQuery, now: datetime) -> bool:
    """Whether the answer is not worth giving any more."""
    return now >= job.deadline


def answered(job: AnswerQuery, draft: Draft, time: datetime) -> QueryAnswered:
    """The answer with the context it was given from."""
    return QueryAnswered(
        session_id=job.session_id,
        time=time,
        query_id=job.query_id,
        task=job.task,
        answer=draft.text,
        citations=draft.citations,
        as_of_seq=job.context.as_of_seq,
        coverage=job.context.coverage,
        model=draft.model,
        prompt_version=draft.prompt_version,
        usage=draft.usage,
    )


def failed(job: AnswerQuery, error: AssistantError, time: datetime) -> QueryFailed:
    """Why there is no answer."""
    return QueryFailed(
        session_id=job.session_id,
        time=time,
        query_id=job.query_id,
        task=job.task,
        reason=error.reason,
        detail=error.detail,
    )


def summarised(job: CompactContext, draft: Draft, time: datetime) -> ContextSummarised:
    """The summary that stands in for the job's segments."""
    return ContextSummarised(
        session_id=job.session_id,
        time=time,
        compaction_id=job.compaction_id,
        level=job.level,
        first_segment_id=job.first_segment_id,
        last_segment_id=job.last_segment_id,
        text=draft.text,
        cited=tuple(dict.fromkeys(ref.segment_id for ref in draft.citations)),
        model=draft.model,
        prompt_version=draft.prompt_version,
        usage=draft.usage,
    )
