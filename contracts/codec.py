"""Bytes to messages and back: strict about what is known, silent about what is newer.

Stored bytes are sealed with their session's key (libsodium's secretbox, a random nonce in front),
so that destroying the key erases them wherever they lie.
"""

from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, get_args

import msgspec
from nacl.bindings import crypto_secretbox_open
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from contracts import upcast
from contracts.commands import JOB_TYPES, Command, Job
from contracts.events import EVENT_TYPES, Event, Fact
from contracts.queries import ContextReply, RoomReply, RoomWanted

M = TypeVar("M")

KEY_BYTES = SecretBox.KEY_SIZE
NONCE_BYTES = SecretBox.NONCE_SIZE


class MalformedMessageError(ValueError):
    """The bytes claim a type we know but do not fit it. Redelivery cannot help."""


class SealedMessageError(ValueError):
    """The bytes do not open with this key: the key is another one, or the bytes were changed."""


class _Peek(msgspec.Struct):
    type: str


_encoder = msgspec.json.Encoder()
_peek = msgspec.json.Decoder(_Peek)


class Codec(Generic[M]):
    """One family of tagged messages.

    Bytes whose `type` no member has are a newer producer's: they decode to None.
    """

    def __init__(self, union: object, members: tuple[type[Any], ...]) -> None:
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(cast("Any", union))
        self._union = union
        self._known = frozenset(str(member.__struct_config__.tag) for member in members)

    def decode(self, data: bytes) -> M | None:
        """Raise MalformedMessageError, naming the field, when a known type does not fit."""
        try:
            return self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._decode_other(data, error)

    def _decode_other(self, data: bytes, fault: Exception) -> M | None:
        """What is not of today's shape: of an old one, of a newer producer's, or malformed."""
        try:
            tag = _peek.decode(data).type
            if tag in upcast.STEPS:
                return self._decode_old(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedMessageError(str(error)) from error
        if tag in self._known:
            raise MalformedMessageError(str(fault)) from fault
        return None

    def _decode_old(self, data: bytes) -> M | None:
        stored = upcast.upcast(msgspec.json.decode(data, type=dict[str, Any]), upcast.STEPS)
        if stored["type"] not in self._known:
            return None
        decoded: M = msgspec.convert(stored, cast("Any", self._union))
        return decoded


events: Codec[Event] = Codec(Event, EVENT_TYPES)
jobs: Codec[Job] = Codec(Job, JOB_TYPES)
context_replies: Codec[ContextReply] = Codec(ContextReply, get_args(ContextReply))
rooms_wanted: Codec[RoomWanted] = Codec(RoomWanted, (RoomWanted,))
room_replies: Codec[RoomReply] = Codec(RoomReply, get_args(RoomReply))


def encode(message: Fact | Command) -> bytes:
    """JSON with the tag first; fields at their defaults are left out."""
    return _encoder.encode(message)


@lru_cache(maxsize=1024)
def _box(key: bytes) -> SecretBox:
    return SecretBox(key)


def seal(plain: bytes, key: bytes) -> bytes:
    """Encrypt and authenticate; 40 bytes longer."""
    return bytes(_box(key).encrypt(plain))


def unseal(sealed: bytes, key: bytes) -> bytes:
    """Raise SealedMessageError when the bytes were not sealed with `key`."""
    try:
        # SecretBox does the same with twice the work around it, and a fold reads millions.
        return crypto_secretbox_open(sealed[NONCE_BYTES:], sealed[:NONCE_BYTES], key)
    except CryptoError as error:
        raise SealedMessageError("the bytes do not open with this session's key") from error


def encode_reply(message: msgspec.Struct) -> bytes:
    """JSON of a message that is not stored."""
    return _encoder.encode(message)
