"""Compaction that always ends in a summary: a model's when it is faithful, else the plain one's.

What a model got wrong is told to it once. It retries nothing else; that is an assistant's business.
"""

from msgspec.structs import replace

from contracts.commands import CompactContext
from contracts.events import Usage
from services.llm import faithfulness
from services.llm.assistant import Assistant, AssistantError, Draft
from services.llm.words import count_tokens

TRIES = 2
_LONGEST = 2
_LONGEST_TOKEN = 10
"""Characters a token has on average, at most: a summary of longer ones is none."""


async def compacted(model: Assistant, plain: Assistant, job: CompactContext) -> Draft:
    """`model`'s summary once it has no fault, after TRIES `plain`'s; raises what `plain` raises.

    Its usage is that of all the tries. `plain` is taken at its word: it quotes.
    """
    fault, usage = None, Usage()
    for _ in range(0 if model is plain else TRIES):
        try:
            draft = await model.compact(job, fault)
        except AssistantError:
            break
        usage = _together(usage, draft.usage)
        fault = fault_of(draft.text, job)
        if fault is None:
            return replace(draft, usage=usage)
    draft = await plain.compact(job)
    return replace(draft, usage=_together(usage, draft.usage))


def fault_of(text: str, job: CompactContext) -> str | None:
    """Why a text is no summary for the job, or null; it quotes nothing."""
    most = _LONGEST * job.target_tokens
    if count_tokens(text) > most or len(text) > most * _LONGEST_TOKEN:
        return f"longer than {job.target_tokens} tokens"
    return faithfulness.fault(text, "\n".join(part.text for part in job.source))


def _together(one: Usage, other: Usage) -> Usage:
    prices = [price for price in (one.cost_usd, other.cost_usd) if price is not None]
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=sum(prices) if prices else None,
    )
