"""Ask every partition's owner for what matches, at the same time, and take what came in time."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import nats.errors
from msgspec.structs import replace

from contracts import codec, subjects
from contracts.queries import Refused, SearchReply, SearchServed, SearchWanted
from services._runtime.app import Runtime
from services.gateway import problems

LIMIT_SECONDS = 2.0
"""How long owners are waited for; a partition's may be changing."""
PAUSE_SECONDS = 0.1

_reply: msgspec.json.Decoder[SearchReply] = msgspec.json.Decoder(SearchReply)


class Gathered(NamedTuple):
    """What the partitions gave, and how many gave nothing in time."""

    served: tuple[SearchServed, ...]
    missing: int


async def search(runtime: Runtime, wanted: SearchWanted) -> Gathered:
    """The best of each partition, or of the session's own one, all found in the same mode.

    Raises ProblemError: 422 (`q`) when all that answer refuse, or 503 when no partition answers.
    """
    replies = await _ask_all(runtime, wanted, _partitions(wanted.session_id))
    modes = {reply.mode for reply in replies.values() if isinstance(reply, SearchServed)}
    if len(modes) > 1:  # scores of one mode say nothing beside those of another
        again = [number for number, reply in replies.items() if not _is_by_words(reply)]
        replies |= await _ask_all(runtime, replace(wanted, mode="keyword"), again)
    served = tuple(reply for reply in replies.values() if isinstance(reply, SearchServed))
    if served:
        return Gathered(served, len(replies) - len(served))
    for reply in replies.values():
        if isinstance(reply, Refused):
            raise problems.unfit("q", reply.detail)
    raise problems.unavailable("the context service does not answer")


async def _ask_all(
    runtime: Runtime, wanted: SearchWanted, numbers: Iterable[int]
) -> dict[int, SearchReply | None]:
    body, asked = codec.encode_reply(wanted), tuple(numbers)
    replies = await asyncio.gather(*(_partition(runtime, number, body) for number in asked))
    return dict(zip(asked, replies, strict=True))


def _is_by_words(reply: SearchReply | None) -> bool:
    """Whether asking again for words alone would give nothing else."""
    return not isinstance(reply, SearchServed) or reply.mode == "keyword"


def _partitions(session_id: str | None) -> Iterable[int]:
    if session_id is not None:
        return (subjects.partition(session_id),)
    return range(subjects.PARTITIONS)


async def _partition(runtime: Runtime, number: int, body: bytes) -> SearchReply | None:
    """What the partition says, None when it says nothing in time."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                reply = await _ask(runtime, subjects.search_of(number), body)
                if isinstance(reply, SearchServed) or (reply and reply.reason == "unfit"):
                    return reply
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return None


async def _ask(runtime: Runtime, subject: str, body: bytes) -> SearchReply | None:
    try:
        message = await runtime.nc.request(subject, body, LIMIT_SECONDS)
    except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
        return None
    return _reply.decode(message.data)
