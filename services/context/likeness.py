"""The index of a room, and what of the room is alike in meaning to a question, where that is known.

Waits for what others have; a context is made with it or without it.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from services.context import assembly
from services.context.indexing import Indices
from services.context.retrieval.index import Index
from services.context.retrieval.meaning import Alike
from services.context.state import Room

Lookup: TypeAlias = Callable[[str, str, int], Awaitable[Alike | None]]
"""From a session's id, a topic, and the last sequence that counts."""


class Place(NamedTuple):
    """A session's room, and by what name its index is kept where."""

    session_id: str
    name: str
    room: Room
    indices: Indices


async def found(
    lookup: Lookup | None, place: Place, question: str, budget: int
) -> tuple[Index, Alike | None]:
    """The index is of exactly this room until the caller next waits for something."""
    index = await place.indices.of(place.name, place.room)
    if lookup is None or not (topic := assembly.topic(question, budget, index)):
        return index, None
    alike = await lookup(place.session_id, topic, place.room.seq)
    return await place.indices.of(place.name, place.room), alike
