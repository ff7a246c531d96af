"""Keys and values with compare-and-set, on the stream behind a bucket.

nats-py's own bucket calls mistake an expired or deleted key for a value (docs/architecture.md), so
this reads and writes the stream itself.
"""

from typing import NamedTuple

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services._runtime.jetstream import publish
from services._runtime.pull import Pull, numbers


class Entry(NamedTuple):
    """A value and the revision to name when replacing it; revision 0 means absent."""

    value: bytes
    revision: int


ABSENT = Entry(b"", 0)


class Bucket:
    """One key-value bucket."""

    def __init__(self, nc: Client, js: JetStreamContext, name: str) -> None:
        self._nc, self._js = nc, js
        self._stream, self._prefix = f"KV_{name}", f"$KV.{name}."

    async def put(self, key: str, value: bytes, revision: int) -> int:
        """Replace the value at `revision` (0: create) and return the new revision.

        Raises ConflictError when somebody else wrote in between.
        """
        return await publish(self._js, self._prefix + key, value, expect=revision)

    async def get(self, key: str) -> Entry:
        """The value, or one with no bytes at the revision to write over (0 when never written)."""
        try:
            found = await self._js.get_last_msg(self._stream, self._prefix + key)
        except NotFoundError:
            return ABSENT
        return Entry(found.data or b"", int(found.seq or 0))

    async def matching(self, pattern: str) -> dict[str, Entry]:
        """Every key that fits a subject pattern, with its value; deleted keys are left out."""
        found: dict[str, Entry] = {}
        filters = [self._prefix + pattern]
        async with Pull(self._nc, self._js, self._stream, filters, last_per_subject=True) as pull:
            waiting = pull.pending
            while waiting > 0:
                for message in await pull.next():
                    at = numbers(message.reply)
                    waiting = at.pending
                    if message.data:
                        key = message.subject.removeprefix(self._prefix)
                        found[key] = Entry(message.data, at.stream_seq)
        return found
