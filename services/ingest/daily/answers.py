"""What Daily's answers say, as far as we use it. Pure; tolerant of keys we do not know.

A key that is missing or of another type than expected is "unknown" where we can do without it, and
an UnavailableError that names the key where we cannot.
"""

from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from services.ingest.daily.errors import UnavailableError

T = TypeVar("T")

FINISHED = "t_finished"


class Account(msgspec.Struct, frozen=True):
    """Whose key it is: the domain's name, and its id, which self-signed tokens carry."""

    domain_name: str
    domain_id: str | None = None


class Transcript(msgspec.Struct, frozen=True):
    """A stored transcript that can be fetched. `meeting_id` is Daily's id of the call.

    `started_at` is when its clock stood at zero, as far as Daily tells.
    """

    transcript_id: str
    meeting_id: str | None
    started_at: datetime | None


class _Listed(msgspec.Struct, frozen=True):
    transcript_id: object = msgspec.field(name="transcriptId", default=None)
    meeting_id: object = msgspec.field(name="mtgSessionId", default=None)
    status: object = None
    stored: object = msgspec.field(name="isVttAvailable", default=None)
    created_at: object = None


class _Transcripts(msgspec.Struct, frozen=True):
    data: list[_Listed]


class _Presence(msgspec.Struct, frozen=True):
    total_count: object = None
    data: object = None


class _Token(msgspec.Struct, frozen=True):
    token: str


class _Link(msgspec.Struct, frozen=True):
    link: object = None
    download_link: object = None


def decode(body: bytes, shape: type[T]) -> T:
    """The answer as `shape`. Raises UnavailableError naming the key that does not fit."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise UnavailableError(f"Daily's answer is not understood: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UnavailableError("Daily's answer is not JSON") from None


def account(body: bytes) -> Account:
    """The answer of `GET /`."""
    return decode(body, Account)


def token(body: bytes) -> str:
    """The answer of `POST /meeting-tokens`."""
    return decode(body, _Token).token


def presence(body: bytes) -> int:
    """How many are in the room, by the answer of `GET /rooms/:name/presence`."""
    told = decode(body, _Presence)
    count = told.total_count
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    if isinstance(told.data, list):
        return len(told.data)
    raise UnavailableError("Daily's answer is not understood: neither total_count nor data")


def transcripts(body: bytes) -> tuple[Transcript, ...]:
    """The finished ones of `GET /transcript`, in Daily's order."""
    return tuple(
        Transcript(one.transcript_id, text(one.meeting_id), moment(one.created_at))
        for one in decode(body, _Transcripts).data
        if isinstance(one.transcript_id, str) and one.status == FINISHED and one.stored is not False
    )


def link(body: bytes) -> str:
    """Where a transcript can be fetched; Daily puts words there when it cannot be."""
    told = decode(body, _Link)
    address = text(told.link) or text(told.download_link) or ""
    if not _leads_somewhere(address):
        raise UnavailableError("Daily gives no link to the transcript")
    return address


def _leads_somewhere(address: str) -> bool:
    if not address.startswith(("https://", "http://")):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def text(value: object) -> str | None:
    """`value` where it is a text."""
    return value if isinstance(value, str) else None


def moment(value: object) -> datetime | None:
    """A time of Daily's, which are Unix seconds in some places and ISO 8601 in others."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
