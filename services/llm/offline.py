"""The extractive assistant in a service: it thinks in a thread, so that heartbeats go on."""

import asyncio

from contracts.commands import AnswerQuery, CompactContext
from services.llm import extractive
from services.llm.assistant import Draft, Emit


class Extractive:
    """An assistant that needs nothing but the job."""

    async def answer(self, job: AnswerQuery, emit: Emit) -> Draft:
        """Emit the answer in one piece."""
        draft = await asyncio.to_thread(extractive.answered, job)
        await emit(0, draft.text)
        return draft

    async def compact(self, job: CompactContext, fault: str | None = None) -> Draft:
        """Never fails, and has no fault to mend: what it says was said."""
        del fault
        return await asyncio.to_thread(extractive.compacted, job)
