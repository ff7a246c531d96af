"""The vectors of questions: once, in time, and never more often than the embedder bears."""

import asyncio

import numpy as np
import pytest

from services.context.embedding import questions
from services.context.embedding.questions import Questions
from services.context.embedding.seam import EmbeddingError


class Slow:
    """An embedder that answers when it is let go; fails while `error` is set."""

    model, trust = "slow", 1.0

    def __init__(self):
        self.calls, self.go, self.error = [], asyncio.Event(), None

    async def embed(self, texts):
        self.calls.append(list(texts))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return np.eye(1, 4, dtype=np.float32)

    async def aclose(self):
        self.calls.append("closed")


@pytest.fixture
async def slow(monkeypatch):
    monkeypatch.setattr(questions, "WAIT_SECONDS", 0.05)
    return Slow()


async def test_a_question_is_asked_for_once(slow):
    slow.go.set()
    asked = Questions(slow)
    first, *others = await asyncio.gather(*(asked.vector("why?") for _ in range(8)))
    assert all(np.array_equal(first, one) for one in [*others, await asked.vector("why?")])
    assert slow.calls == [["why?"]]


async def test_one_that_is_late_is_gone_without_and_serves_the_next(slow):
    asked, loop = Questions(slow), asyncio.get_running_loop()
    began = loop.time()
    assert await asked.vector("why?") is None
    assert loop.time() - began < 0.5
    assert await asked.vector("what?") is None  # it rests
    assert slow.calls == [["why?"]]
    slow.go.set()
    await asyncio.sleep(0.01)
    assert await asked.vector("why?") is not None
    assert await asked.vector("what?") is not None  # and is well again


async def test_while_it_is_away_nothing_is_asked_of_it(slow, monkeypatch):
    slow.error = EmbeddingError("away")
    slow.go.set()
    asked = Questions(slow)
    for _ in range(5):
        assert await asked.vector("why?") is None
    assert len(slow.calls) == 1
    monkeypatch.setattr(questions, "AWAY_SECONDS", 0.0)
    asked._away_until = 0.0
    slow.error = None
    assert await asked.vector("why?") is not None


async def test_a_blank_question_has_no_vector(slow):
    assert await Questions(slow).vector(" \n") is None
    assert slow.calls == []


async def test_so_many_are_remembered_and_so_many_are_under_way(slow, monkeypatch):
    monkeypatch.setattr(questions, "HELD", 3)
    monkeypatch.setattr(questions, "AT_ONCE", 2)
    asked = Questions(slow)
    assert await asyncio.gather(*(asked.vector(one) for one in "abcd")) == [None] * 4
    assert slow.calls == [["a"], ["b"]]
    slow.go.set()
    await asyncio.sleep(0.01)
    for one in "cdefg":
        assert await asked.vector(one) is not None
    assert len(asked._known) == 3
    assert not asked._making


async def test_closing_gives_up_what_is_under_way(slow):
    asked = Questions(slow)
    waiting = asyncio.create_task(asked.vector("why?"))
    await asyncio.sleep(0.01)
    await asked.aclose()
    assert await waiting is None
    assert slow.calls[-1] == "closed"


async def test_what_was_asked_is_not_kept(slow):
    slow.go.set()
    asked = Questions(slow)
    await asked.vector("the canary?")
    assert "canary" not in repr(vars(asked))
