"""Session keys: made with the session, stored wrapped by the master key, destroyed to erase.

The master key lies outside NATS: EARSHOT_MASTER_KEY, or a file in the data directory that only its
owner can read.
"""

import base64
import fcntl
import os
from collections import OrderedDict
from pathlib import Path

from nacl.utils import random
from nats.js import JetStreamContext

from contracts import codec, streams, subjects
from services._runtime.jetstream import ConflictError, last_message, publish
from services._runtime.settings import Settings, SettingsError

CACHED_KEYS = 4096

_CHECK_ID = "master-key-check"
_CHECK_TEXT = b"earshot master key check"


class KeyGoneError(Exception):
    """The session's key does not exist: never made, or destroyed by erasure."""


class WrongMasterKeyError(SettingsError):
    """The master key does not open what is stored: it is not the one the log was written with."""


def master_key(settings: Settings) -> bytes:
    """Read the master key, or make one in the data directory the first time.

    Raises SettingsError when the variable does not hold 32 bytes in base64, or the file cannot be
    read or made.
    """
    if settings.master_key is None:
        return _key_file(settings.data_dir / "master.key")
    try:
        key = base64.b64decode(settings.master_key.get_secret_value(), validate=True)
    except ValueError:
        key = b""
    if len(key) != codec.KEY_BYTES:
        raise SettingsError("EARSHOT_MASTER_KEY: must be 32 bytes in base64")
    return key


def _key_file(path: Path) -> bytes:
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"EARSHOT_DATA_DIR: {path.name}: {error.strerror}") from None
    if len(key) != codec.KEY_BYTES:
        raise SettingsError(f"EARSHOT_DATA_DIR: {path.name} is not a key of 32 bytes")
    return key


def _make_key(path: Path) -> None:
    """The first of racing processes makes it, and it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    directory, temporary = os.open(path.parent, os.O_RDONLY), path.with_suffix(".new")
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        if path.exists():
            return
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(random(codec.KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        os.fsync(directory)
    finally:
        os.close(directory)


class Keyring:
    """Session keys by session id, the most recently used kept in memory."""

    def __init__(self, js: JetStreamContext, master: bytes) -> None:
        self._js, self._master = js, master
        self._keys: OrderedDict[str, bytes] = OrderedDict()

    async def check(self) -> None:
        """Raise WrongMasterKeyError unless this master key wrote the log; the first one may."""
        try:
            await publish(
                self._js, subjects.key(_CHECK_ID), codec.seal(_CHECK_TEXT, self._master), expect=0
            )
        except ConflictError:
            await self._load(_CHECK_ID)

    def known(self, session_id: str) -> bytes | None:
        """The session's key where it is in memory."""
        if (key := self._keys.get(session_id)) is not None:
            self._keys.move_to_end(session_id)
        return key

    async def key(self, session_id: str) -> bytes:
        """The session's key; raises KeyGoneError, WrongMasterKeyError or UnavailableError."""
        if (key := self.known(session_id)) is None:
            key = self._remember(session_id, await self._load(session_id))
        return key

    async def create(self, session_id: str) -> bytes:
        """Make the session's key, or return the one a racing creator made.

        Raises UnavailableError.
        """
        key = random(codec.KEY_BYTES)
        try:
            await publish(
                self._js, subjects.key(session_id), codec.seal(key, self._master), expect=0
            )
        except ConflictError:
            key = await self._load(session_id)
        return self._remember(session_id, key)

    def _remember(self, session_id: str, key: bytes) -> bytes:
        self._keys[session_id] = key
        if len(self._keys) > CACHED_KEYS:
            self._keys.popitem(last=False)
        return key

    async def _load(self, session_id: str) -> bytes:
        found = await last_message(self._js, streams.KEYS.name, subjects.key(session_id))
        if found is None or not found.data:
            raise KeyGoneError(session_id)
        try:
            return codec.unseal(found.data, self._master)
        except codec.SealedMessageError:
            raise WrongMasterKeyError(
                "EARSHOT_MASTER_KEY: does not open the stored session keys"
            ) from None
