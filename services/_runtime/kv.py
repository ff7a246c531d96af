"""Keys and values with compare-and-set, on the stream behind a bucket.

nats-py's own bucket calls mistake an expired or deleted key for a value (docs/architecture.md), so
this reads and writes the stream itself.
"""

from typing import NamedTuple

from nats.aio.client import Client
from nats.js import JetStreamContext

from services._runtime.jetstream import ConflictError, last_message, publish
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
        try:
            return await publish(self._js, self._prefix + key, value, expect=revision)
        except ConflictError:
            # A first attempt whose acknowledgement was late makes the second one a conflict.
            found = await self.get(key)
            if found.revision > revision and found.value == value:
                return found.revision
            raise

    async def get(self, key: str) -> Entry:
        """The value, or one with no bytes at the revision to write over (0 when never written).

        Raises UnavailableError.
        """
        found = await last_message(self._js, self._stream, self._prefix + key)
        return ABSENT if found is None else Entry(found.data or b"", int(found.seq or 0))

    async def matching(self, pattern: str) -> dict[str, Entry]:
        """Every key that fits a subject pattern, with its value; deleted keys are left out.

        A key that changes meanwhile has one of its values. Raises one of AWAY.
        """
        found: dict[str, Entry] = {}
        filters = [self._prefix + pattern]
        async with Pull(self._nc, self._js, self._stream, filters, last_per_subject=True) as pull:
            async for messages in pull.stored():
                for message in messages:
                    key = message.subject.removeprefix(self._prefix)
                    found[key] = Entry(message.data, numbers(message.reply).stream_seq)
        return {key: entry for key, entry in found.items() if entry.value}
