"""Compaction that always ends in a summary: what one assistant cannot do, another does.

It retries nothing; that is the first assistant's own business.
"""

from contracts.commands import CompactContext
from services.llm.assistant import Assistant, AssistantError, Draft
from services.llm.words import count_tokens

_LONGEST = 2


async def compact_with_fallback(
    primary: Assistant, fallback: Assistant, job: CompactContext
) -> Draft:
    """`primary`'s summary if it is one, else `fallback`'s; raises what `fallback` raises."""
    try:
        draft = await primary.compact(job)
    except AssistantError:
        return await fallback.compact(job)
    return draft if is_fit(draft, job) else await fallback.compact(job)


def is_fit(draft: Draft, job: CompactContext) -> bool:
    """Whether the summary is neither empty nor longer than twice its target."""
    return 0 < count_tokens(draft.text) <= _LONGEST * job.target_tokens
