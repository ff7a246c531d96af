"""Meeting tokens: how ours are asked for or signed, and what a given one claims. Pure.

Claims are read without checking the signature: good for an early warning, never for a permission.
"""

import base64
from datetime import datetime

import jwt
import msgspec

from services.ingest.daily.answers import decode, moment, text

MAX_TOKEN = 2048


class Claims(msgspec.Struct, frozen=True):
    """What a token says; `room` is null for every room, `expires_at` for never."""

    room: str | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    owner: bool = False


class _Payload(msgspec.Struct, frozen=True):
    r: object = None
    exp: object = None
    nbf: object = None
    o: object = None


class _Properties(msgspec.Struct, frozen=True):
    room_name: object = None
    exp: object = None
    nbf: object = None
    is_owner: object = None


def request(
    room: str, expires_at: datetime, user_name: str, *, owner: bool = True
) -> dict[str, object]:
    """The body of `POST /meeting-tokens`: for this room, until then.

    `expires_at` ends entering, not staying, and the token starts nothing by itself.
    """
    return {
        "properties": {
            "room_name": room,
            "exp": int(expires_at.timestamp()),
            "is_owner": owner,
            "user_name": user_name,
            "eject_at_token_exp": False,
        }
    }


def self_signed(
    api_key: str,
    domain_id: str,
    room: str,
    *,
    expires_at: datetime,
    issued_at: datetime,
    user_name: str,
    owner: bool = True,
) -> str:
    """The same token as `request` asks for, made without asking."""
    claims = {
        "r": room,
        "d": domain_id,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "o": owner,
        "u": user_name,
    }
    return jwt.encode(claims, api_key, algorithm="HS256")


def claims_of(token: str) -> Claims | None:
    """What the token claims; None where it is none that can be read."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > 2 * MAX_TOKEN:  # noqa: PLR2004 - header, claims, signature
        return None
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(raw, type=_Payload)
    except (ValueError, RecursionError):
        return None
    return Claims(text(claims.r), moment(claims.exp), moment(claims.nbf), claims.o is True)


def checked(body: bytes) -> Claims:
    """The answer of `GET /meeting-tokens/:token`, by which Daily vouches for the token."""
    told = decode(body, _Properties)
    owner = told.is_owner is True
    return Claims(text(told.room_name), moment(told.exp), moment(told.nbf), owner)


def doubts(claims: Claims, room: str, now: datetime) -> tuple[str, ...]:
    """Why the token may not serve to bring an assistant into the room; () when it looks well."""
    found = (
        (claims.room not in {None, room}, "token: is for another room"),
        (claims.expires_at is not None and claims.expires_at <= now, "token: has expired"),
        (claims.not_before is not None and claims.not_before > now, "token: is not valid yet"),
        (not claims.owner, "token: is not an owner's, so transcription may not start"),
    )
    return tuple(sentence for holds, sentence in found if holds)
