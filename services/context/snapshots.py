"""Rooms at rest: sealed keys of each session and one checkpoint a partition. Losing the bucket
costs a replay, never a fact. Compare-and-set refuses an owner who was replaced.

A room's full pages lie beside it and are written once, so that saving a long meeting is as cheap as
saving a short one. The room names them by digest: with another page than its own it is not whole,
and folds from the log again.
"""

import asyncio
import zlib
from hashlib import blake2b

import msgspec

from contracts import codec, subjects
from services._runtime.jetstream import ConflictError
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.kv import ABSENT, Bucket, Entry
from services.context.state import Page, Room

PAGES_AT_ONCE = 16
"""Pages of a room that are on their way to the server at a time."""


FOLD = 1
"""To be raised with every change of what the same events fold to."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """A room without its full pages, and their digests; `fold` is the one that made it."""

    room: Room
    digests: tuple[bytes, ...]
    fold: int = 0


_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(Head)
_page = msgspec.msgpack.Decoder(Page)
_UNREADABLE = (KeyGoneError, codec.SealedMessageError, zlib.error)


class Checkpoint(msgspec.Struct, frozen=True):
    """A stream sequence, the key of the event there, and the sessions that then left something to
    do; null where that is not known."""

    seq: int = 0
    key: str = ""
    open: tuple[str, ...] | None = None


class Snapshots:
    """One partition's rooms; knows the revision of each key it read or wrote."""

    def __init__(self, bucket: Bucket, keyring: Keyring, number: int) -> None:
        self._bucket, self._keyring, self._number = bucket, keyring, number
        self._revisions: dict[str, int] = {}
        self._pages: dict[str, list[tuple[Page, bytes]]] = {}
        self._checkpoint_revision = 0

    async def checkpoint(self) -> Checkpoint:
        """Up to where every session's snapshot accounts for its events."""
        entry = await self._bucket.get(subjects.checkpoint(self._number))
        self._checkpoint_revision = entry.revision
        return msgspec.json.decode(entry.value, type=Checkpoint) if entry.value else Checkpoint()

    async def load(self, session_id: str) -> Room | None:
        """One room, or None where it has to be folded."""
        entry = await self._bucket.get(subjects.snapshot(session_id))
        self._revisions[session_id] = entry.revision
        head = await self._head(session_id, entry)
        return None if head is None else await self._whole(session_id, head)

    def forget(self, session_id: str) -> None:
        """Keep nothing of a room in memory; it is read again."""
        self._revisions.pop(session_id, None)
        self._pages.pop(session_id, None)

    async def save(self, session_id: str, room: Room) -> None:
        """Raises ConflictError when another owner wrote in between, TooLargeError, FullError."""
        key = await self._keyring.key(session_id)
        digests = await self._save_pages(session_id, room, key)
        head = Head(msgspec.structs.replace(room, pages=()), digests, FOLD)
        sealed = codec.seal(zlib.compress(_encoder.encode(head), 1), key)
        revision = self._revisions.get(session_id, 0)
        self._revisions[session_id] = await self._put(
            subjects.snapshot(session_id), sealed, revision
        )

    async def drop(self, session_id: str) -> None:
        """Leave none of a room, so that it folds from the log; raises ConflictError."""
        revision = self._revisions.get(session_id, 0)
        if revision:
            self._revisions[session_id] = await self._put(
                subjects.snapshot(session_id), b"", revision
            )

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """To be called after every room up to it is saved: a crash in between reads again."""
        self._checkpoint_revision = await self._put(
            subjects.checkpoint(self._number),
            msgspec.json.encode(checkpoint),
            self._checkpoint_revision,
        )

    async def _put(self, name: str, value: bytes, revision: int) -> int:
        return await self._bucket.put(name, value, revision, for_room=False)

    async def _save_pages(self, session_id: str, room: Room, key: bytes) -> tuple[bytes, ...]:
        """Write the pages that are not at rest yet; the digests of all of them."""
        saved = self._pages.setdefault(session_id, [])
        new = [
            number
            for number, page in enumerate(room.pages)
            if number >= len(saved) or saved[number][0] is not page
        ]
        for first in range(0, len(new), PAGES_AT_ONCE):
            some = new[first : first + PAGES_AT_ONCE]
            pages = [room.pages[number] for number in some]
            names = [subjects.page(session_id, number) for number in some]
            written = await asyncio.gather(
                *(
                    self._save_page(session_id, name, page, key)
                    for name, page in zip(names, pages, strict=True)
                ),
                return_exceptions=True,
            )
            for number, page, digest in zip(some, pages, written, strict=True):
                if isinstance(digest, BaseException):
                    raise digest
                saved[number : number + 1] = [(page, digest)]
        return tuple(digest for _, digest in saved)

    async def _save_page(self, session_id: str, name: str, page: Page, key: bytes) -> bytes:
        """Its digest. Most pages were never written."""
        packed = _encoder.encode(page)
        sealed = codec.seal(zlib.compress(packed, 1), key)
        try:
            await self._put(name, sealed, 0)
        except ConflictError:
            before = await self._bucket.get(name)
            head = await self._bucket.get(subjects.snapshot(session_id))
            if head.revision != self._revisions.get(session_id, 0):
                raise  # the page belongs to the head of another owner
            await self._put(name, sealed, before.revision)
        return _digest(packed)

    async def _whole(self, session_id: str, head: Head) -> Room | None:
        """The room with its pages; None when one is missing or another's."""
        if not head.digests:
            self._pages[session_id] = []
            return head.room
        found = await self._bucket.matching(subjects.pages(session_id))
        held: list[tuple[Page, bytes]] = []
        for number, digest in enumerate(head.digests):
            entry = found.get(subjects.page(session_id, number), ABSENT)
            packed = await self._opened(session_id, entry)
            if packed is None or _digest(packed) != digest:
                return None
            held.append((_page.decode(packed), digest))
        self._pages[session_id] = held
        return msgspec.structs.replace(head.room, pages=tuple(page for page, _ in held))

    async def _head(self, session_id: str, entry: Entry) -> Head | None:
        """None too for what another version of the fold made: it folds from the log again."""
        packed = await self._opened(session_id, entry)
        try:
            head = None if packed is None else _head.decode(packed)
        except msgspec.MsgspecError:
            return None
        return head if head is not None and head.fold == FOLD else None

    async def _opened(self, session_id: str, entry: Entry) -> bytes | None:
        try:
            key = await self._keyring.key(session_id)
            return zlib.decompress(codec.unseal(entry.value, key))
        except _UNREADABLE:
            return None


def _digest(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=16).digest()
