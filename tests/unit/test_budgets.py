"""Ten thousand contexts, none of them a token over its budget."""

import asyncio
import random

import pytest

from services.context import tokens
from services.context.assembly import SMALLEST_BUDGET, assemble
from services.context.indexing import Indices
from services.context.room import fold
from tests.support.facts import heard, requested
from tests.support.histories import compaction, summarised

ROOMS = 40
WORDS = ("we", "should", "ship", "the", "launch", "on", "friday", "because", "budget", "2,500")
WORDS = (*WORDS, "Grace", "naïve", "会议", "🎉", "don't", "e.g.", "TV")


def meeting(chance):
    """A made-up meeting of lines of uneven length, the older part of it summarised."""
    count = chance.randint(5, 60)
    events = [requested()]
    for number in range(count):
        length = chance.choice((1, 3, 8, 20, 80))
        text = " ".join(chance.choice(WORDS) for _ in range(length))
        events.append(heard(number, text, speaker=chance.choice(("Ada", "Grace Hopper", None))))
    for first in range(0, count // 2, 5):
        ends = f"seg{first}", f"seg{first + 4}"
        text = " ".join(chance.choice(WORDS) for _ in range(chance.choice((2, 30, 200))))
        events.append(compaction(1, *ends, f"cmp{first}"))
        events.append(summarised(1, *ends, f"cmp{first}", text))
    return fold(enumerate(events, 1))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(ROOMS))
def test_no_context_is_over_its_budget(seed):
    chance = random.Random(seed)
    room = meeting(chance)
    index = asyncio.run(Indices(1).of("s1", room))
    for _ in range(10_000 // ROOMS):
        question = " ".join(chance.choice(WORDS) for _ in range(chance.randint(0, 6)))
        budget = chance.choice((SMALLEST_BUDGET, chance.randint(SMALLEST_BUDGET, 4000)))
        context = assemble(room, question, budget, index)
        text = "".join(part.text.rstrip("\n") + "\n" for part in context.parts)
        assert tokens.count(text) <= context.tokens <= budget
        assert tokens.runs(text) <= budget
