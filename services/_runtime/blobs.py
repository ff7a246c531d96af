"""Large sealed objects in the JetStream object store, by session."""

import asyncio

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from contracts import codec
from services._runtime.keyring import Keyring

LIMIT_SECONDS = 60.0
"""A transfer that takes longer has lost its server: the client would wait for ever."""


class BlobMissingError(LookupError):
    """There is no such object."""


class Blobs:
    """Objects of one store; each is sealed with its session's key."""

    def __init__(self, store: ObjectStore, keyring: Keyring) -> None:
        self._store, self._keyring = store, keyring

    @classmethod
    async def open(cls, js: JetStreamContext, name: str, keyring: Keyring) -> "Blobs":
        """Open a store that provisioning made."""
        return cls(await js.object_store(name), keyring)

    async def put(self, session_id: str, name: str, data: bytes) -> None:
        """Store `data` under a name within the session, replacing what was there.

        Raises KeyGoneError, or one of AWAY.
        """
        key = await self._keyring.key(session_id)
        async with asyncio.timeout(LIMIT_SECONDS):
            await self._store.put(f"{session_id}.{name}", codec.seal(data, key))

    async def get(self, session_id: str, name: str) -> bytes:
        """Raises BlobMissingError, SealedMessageError when the bytes were changed, KeyGoneError, or
        one of AWAY."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                found = await self._store.get(f"{session_id}.{name}")
        except (ObjectNotFoundError, NotFoundError):
            raise BlobMissingError(name) from None
        return codec.unseal(found.data or b"", await self._keyring.key(session_id))

    async def delete(self, session_id: str, name: str) -> None:
        """Remove the object; one that is gone already is fine. Raises one of AWAY."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self._store.delete(f"{session_id}.{name}")
        except (ObjectNotFoundError, NotFoundError):
            return
