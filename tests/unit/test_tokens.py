"""The counter against o200k's own counts, in other languages than the one it is calibrated for."""

import asyncio
from pathlib import Path

import pytest

from services.context import tokens
from services.context.assembly import assemble
from services.context.indexing import Indices
from services.context.room import fold
from tests.support.facts import heard, requested

LEAST, MOST = 0.9, 2.4
BUDGET, LEAST_USED = 2000, 0.6
COUNTED = Path(__file__).parent.parent / "support" / "counted.tsv"
"""o200k's count and the line, by rows: sentences of ours in two dozen languages."""


rows = pytest.mark.parametrize("row", COUNTED.read_text().splitlines())


@rows
def test_no_language_is_counted_much_too_low(row):
    exact, line = row.split("\t")
    assert LEAST * int(exact) <= tokens.count(f"{line}\n") <= MOST * int(exact)


@rows
def test_a_context_uses_its_budget_in_every_language(row):
    _, line = row.split("\t")
    said = line.removeprefix("Ada: ")
    events = [requested(), *(heard(n, f"{said} {n}", speaker="Ada") for n in range(300))]
    room = fold(enumerate(events, 1))
    index = asyncio.run(Indices(1).of("s1", room))
    for question in ("Summarise the meeting.", said):
        context = assemble(room, question, BUDGET, index)
        assert LEAST_USED * BUDGET <= context.tokens <= BUDGET


def test_an_english_word_with_an_accent_leaves_the_line_english():
    plain, accented = (
        "We met at the cafe for lunch and tea.",
        "We met at the café for lunch and tea.",
    )
    assert tokens.units(plain) < tokens.units(accented) < tokens.units(plain) + 2 * tokens.UNITS
