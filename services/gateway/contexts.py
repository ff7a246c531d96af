"""Ask the context service what an answer would be given to know. Folds nothing itself."""

import asyncio

import msgspec
import nats.errors

from contracts import codec, subjects
from contracts.queries import ContextReply, ContextServed, ContextWanted, Refused
from services._runtime.app import Runtime
from services.gateway import problems

TRY_SECONDS = 1.5
LIMIT_SECONDS = 6.0
"""How long a context is asked for altogether: its owner may be gone, and another take over."""
PAUSE_SECONDS = 0.2

_reply: msgspec.json.Decoder[ContextReply] = msgspec.json.Decoder(ContextReply)


async def context(runtime: Runtime, wanted: ContextWanted) -> ContextServed:
    """The context; raises ProblemError: 404, 422 (`budget_tokens`), or 503 when nobody answers."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                reply = await _ask(runtime, wanted)
                if isinstance(reply, ContextServed):
                    return reply
                if isinstance(reply, Refused) and reply.reason != "behind":
                    raise _refusal(reply)
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise problems.unavailable("the context service does not answer") from None


async def _ask(runtime: Runtime, wanted: ContextWanted) -> ContextReply | None:
    subject = subjects.context_of(subjects.partition(wanted.session_id))
    try:
        message = await runtime.nc.request(subject, codec.encode_reply(wanted), TRY_SECONDS)
    except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
        return None
    return _reply.decode(message.data)


def _refusal(refused: Refused) -> problems.ProblemError:
    if refused.reason == "unfit":
        return problems.unfit(
            "budget_tokens", refused.detail.removeprefix("budget_tokens: ") or "too small"
        )
    return problems.unknown_session()
