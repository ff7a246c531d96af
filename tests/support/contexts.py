"""A room's context, as the context service serves it."""

import asyncio

from services.context.assembly import assemble
from services.context.indexing import Indices


def served(room, question, budget, indices=None):
    """The context for a question; `indices` are kept by who asks more than once."""
    indices = indices or Indices(1)
    index = asyncio.run(indices.of("s1", room))
    return assemble(room, question, budget, index, indices.measure)
