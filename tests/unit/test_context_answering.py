"""Requests that are under way when a partition is let go."""

import asyncio

from services.context.answering import BEHIND, Desk
from services.context.tenure import ALONE


class Asked:
    """A request that keeps its replies."""

    data, subject = b"", "x"

    def __init__(self):
        self.replies = []

    async def respond(self, body):
        self.replies.append(body)


async def never(_body):
    await asyncio.Event().wait()


async def test_whoever_waits_is_told_to_ask_again_begun_or_not():
    desk, begun, new = Desk(ALONE), Asked(), Asked()
    await desk.take(never, begun)
    await asyncio.sleep(0)
    await desk.take(never, new)
    await desk.close()
    assert (begun.replies, new.replies) == ([BEHIND], [BEHIND])


async def test_an_answer_that_was_given_is_the_only_one():
    async def answer(body):
        return body + b"done"

    desk, asked = Desk(ALONE), Asked()
    await desk.take(answer, asked)
    await asyncio.sleep(0.01)
    await desk.close()
    assert asked.replies == [b"done"]
