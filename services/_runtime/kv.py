"""Keys and values with compare-and-set, on the stream behind a bucket.

nats-py's own bucket calls mistake an expired or deleted key for a value (docs/architecture.md), so
this reads and writes the stream itself.
"""

from typing import NamedTuple

import msgspec
from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.js import JetStreamContext

from services._runtime.heeding import heeding
from services._runtime.jetstream import ConflictError, last_message, publish
from services._runtime.pull import Pull


class Entry(NamedTuple):
    """A value and the revision to name when replacing it; revision 0 means absent."""

    value: bytes
    revision: int


ABSENT = Entry(b"", 0)

LOOK_SECONDS = 1.0
"""How long a look may wait for each key."""
_END, _NOBODY, _NOTHING = "204", "503", "404"
"""Statuses of a batched direct get (ADR-31): all was sent, no stream answers, no key fits."""


class Bucket:
    """One key-value bucket."""

    def __init__(self, nc: Client, js: JetStreamContext, name: str) -> None:
        self._nc, self._js = nc, js
        self._stream, self._prefix = f"KV_{name}", f"$KV.{name}."

    async def put(self, key: str, value: bytes, revision: int, *, for_room: bool = True) -> int:
        """Replace the value at `revision` (0: create) and return the new revision.

        Raises ConflictError when somebody else wrote in between, and what `publish` raises.
        """
        try:
            return await publish(
                self._js, self._prefix + key, value, expect=revision, for_room=for_room
            )
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
                    found[key] = Entry(message.data, message.seq)
        return {key: entry for key, entry in found.items() if entry.value}

    async def look(self, *patterns: str) -> dict[str, Entry]:
        """Every key that fits a pattern, emptied ones too, in one request of up to 1,024 keys.

        A key that is written meanwhile may be missing. Raises one of AWAY.
        """
        wanted = {"multi_last": [self._prefix + pattern for pattern in patterns]}
        inbox = self._nc.new_inbox()
        replies = await self._nc.subscribe(inbox)
        found: dict[str, Entry] = {}
        try:
            subject = f"$JS.API.DIRECT.GET.{self._stream}"
            await self._nc.publish(subject, msgspec.json.encode(wanted), reply=inbox)
            while True:
                message = await heeding(replies.next_msg(LOOK_SECONDS))
                headers = message.headers or {}
                if status := headers.get("Status"):
                    _check(status, headers.get("Description", ""))
                    return found
                key = headers["Nats-Subject"].removeprefix(self._prefix)
                found[key] = Entry(message.data, int(headers["Nats-Sequence"]))
        finally:
            await replies.unsubscribe()

    async def forget(self, key: str, revision: int) -> None:
        """Remove what is left of an emptied key, unless it was written again after `revision`."""
        await self._js.purge_stream(self._stream, seq=revision + 1, subject=self._prefix + key)


def _check(status: str, description: str) -> None:
    if status == _NOBODY:
        raise NoRespondersError
    if status not in {_END, _NOTHING}:
        raise Error(f"{status} {description}")
