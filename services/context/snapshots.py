"""Rooms at rest: one sealed key a session and one checkpoint a partition. Losing the bucket costs a
replay, never a fact. Compare-and-set refuses an owner who was replaced."""

import zlib

import msgspec

from contracts import codec, subjects
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.kv import Bucket, Entry
from services.context.state import Room

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Room)


class Checkpoint(msgspec.Struct, frozen=True):
    """A stream sequence and the key of the message there."""

    seq: int = 0
    key: str = ""


class Snapshots:
    """One partition's rooms; knows the revision of each key it read or wrote."""

    def __init__(self, bucket: Bucket, keyring: Keyring, number: int) -> None:
        self._bucket, self._keyring, self._number = bucket, keyring, number
        self._revisions: dict[str, int] = {}
        self._checkpoint_revision = 0

    async def checkpoint(self) -> Checkpoint:
        """Up to where every session's snapshot accounts for its events."""
        entry = await self._bucket.get(subjects.checkpoint(self._number))
        self._checkpoint_revision = entry.revision
        return msgspec.json.decode(entry.value, type=Checkpoint) if entry.value else Checkpoint()

    async def all(self) -> dict[str, Room]:
        """Every room of the partition that can be read; the others fold from the log again."""
        found = await self._bucket.matching(subjects.partition_snapshots(self._number))
        rooms: dict[str, Room] = {}
        for key, entry in found.items():
            session_id = key.rsplit(".", 1)[1]
            if (room := await self._open(session_id, entry)) is not None:
                rooms[session_id] = room
        return rooms

    async def load(self, session_id: str) -> Room | None:
        """One room, or None."""
        return await self._open(session_id, await self._bucket.get(subjects.snapshot(session_id)))

    def forget(self, session_id: str) -> None:
        """Keep no revision in memory; it is read again with the room."""
        self._revisions.pop(session_id, None)

    async def save(self, session_id: str, room: Room) -> None:
        """Raises ConflictError when another owner wrote in between."""
        key = await self._keyring.key(session_id)
        sealed = codec.seal(zlib.compress(_encoder.encode(room), 1), key)
        revision = self._revisions.get(session_id, 0)
        self._revisions[session_id] = await self._bucket.put(
            subjects.snapshot(session_id), sealed, revision
        )

    async def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """To be called after every room up to it is saved: a crash in between reads again."""
        self._checkpoint_revision = await self._bucket.put(
            subjects.checkpoint(self._number),
            msgspec.json.encode(checkpoint),
            self._checkpoint_revision,
        )

    async def _open(self, session_id: str, entry: Entry) -> Room | None:
        self._revisions[session_id] = entry.revision
        try:
            key = await self._keyring.key(session_id)
            return _decoder.decode(zlib.decompress(codec.unseal(entry.value, key)))
        except (KeyGoneError, codec.SealedMessageError, msgspec.MsgspecError, zlib.error):
            return None
