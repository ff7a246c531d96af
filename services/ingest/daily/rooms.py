"""Daily's rooms: their names, how ours are made, and what Daily tells of one. Pure."""

import re
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from contracts import ids
from services.ingest.daily.answers import decode, moment, text

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Room(msgspec.Struct, frozen=True):
    """A room as Daily has it. `expires_at` is null for never; `room_id` is Daily's own.

    `transcription_stored` is the room's own setting; a domain may store transcripts without it.
    """

    name: str
    url: str
    expires_at: datetime | None = None
    transcription_stored: bool = False
    room_id: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    name: str
    url: str
    config: object = None
    id: object = None


def name_for(session_id: str) -> str:
    """The name of the room made for a session: always the same, and telling nothing of its id."""
    return "earshot-" + ids.digest("room", session_id)


def name_of(room_url: str) -> str:
    """The room's name in its address. Raises ValueError where there is none."""
    try:
        path = urlsplit(room_url).path
    except ValueError:
        path = ""
    name = path.strip("/")
    if not _NAME.fullmatch(name):
        raise ValueError("room_url: names no Daily room (https://<domain>.daily.co/<room>)")
    return name


def creation(session_id: str, expires_at: datetime) -> dict[str, object]:
    """The body of `POST /rooms`: a public room that puts everybody out at `expires_at`."""
    return {
        "name": name_for(session_id),
        "properties": {
            "exp": int(expires_at.timestamp()),
            "eject_at_room_exp": True,
            "enable_chat": True,
            "enable_emoji_reactions": True,
            "enable_prejoin_ui": False,
        },
    }


def read(body: bytes) -> Room:
    """The room an answer tells of. Raises UnavailableError without a name and an address."""
    told = decode(body, _Answer)
    config = told.config if isinstance(told.config, dict) else {}
    return Room(
        name=told.name,
        url=told.url,
        expires_at=moment(config.get("exp")),
        transcription_stored=config.get("enable_transcription_storage") is True,
        room_id=text(told.id),
    )
