"""Search for a test: tables in memory, a stand-in for an embedder, and running indexes."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager

import numpy as np

from contracts import subjects
from contracts.queries import SearchWanted
from services.context.embedding.questions import Questions
from services.context.search import finding, phrases, schema
from services.context.search.finding import Sought
from services.context.search.partition import PartitionSearch


def tables(path=":memory:"):
    """A connection to an empty index."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(schema.TABLES)
    first = (0, "", schema.DIGEST, "", 0)
    connection.execute("INSERT INTO place VALUES (?, ?, ?, ?, ?)", first)
    return connection


def find(connection, query, vector=None, **wanted):
    """The hits of a query in these tables."""
    asked = SearchWanted(query=query, **wanted)
    return finding.find(connection, Sought(asked, phrases.parse(query), vector))


def found(connection, query, **wanted):
    """The ids of the segments found."""
    return [hit.segment.segment_id for hit in find(connection, query, **wanted)]


class Meanings:
    """An embedder that knows a few meanings: the words of each count as one direction."""

    model, trust = "meanings-1", 1.0

    def __init__(self, *meanings):
        self._meanings, self.calls = [set(words.split()) for words in meanings], 0

    async def embed(self, texts):
        self.calls += 1
        return np.array([self._vector(text) for text in texts], np.float32)

    def _vector(self, text):
        words = text.lower().split()
        counts = [sum(word in meaning for word in words) for meaning in self._meanings]
        vector = np.array([*counts, 0.1], np.float32)
        return vector / np.linalg.norm(vector)


@asynccontextmanager
async def searching(runtime, directory, numbers=range(subjects.PARTITIONS), embedder=None):
    """Indexes that run and answer for these partitions; yields them by number."""
    questions = None if embedder is None else Questions(embedder)
    held = {one: PartitionSearch(runtime, one, directory, questions) for one in numbers}
    subscriptions = [await _answer(runtime, one, search) for one, search in held.items()]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in held.values()]
        yield held
        for subscription in subscriptions:
            await subscription.unsubscribe()
        for task in tasks:
            task.cancel()


async def _answer(runtime, number, search):
    async def on_wanted(message):
        await message.respond(await search.handle(message.data))

    return await runtime.nc.subscribe(subjects.search_of(number), cb=on_wanted)
