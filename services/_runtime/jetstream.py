"""One publish to JetStream: acknowledged, refused or unavailable, never unknown for long."""

import asyncio
from collections.abc import Mapping

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg

from services._runtime.connection import UnavailableError

ACK_SECONDS = 2.0
"""How long one attempt waits for its acknowledgement."""
LIMIT_SECONDS = 10.0
"""How long a publish is tried altogether; well inside the server's duplicate window."""
PAUSE_SECONDS = 0.2

KEY = "Nats-Msg-Id"
"""The header that holds a message's idempotency key."""

KEPT_KEY = "Earshot-Key"
"""The same for what the server publishes when it is due: it leaves the other header out."""

EXPECT = "Nats-Expected-Last-Subject-Sequence"
EXPECT_IN = "Nats-Expected-Last-Subject-Sequence-Subject"
"""The headers that make the server compare before it stores."""

WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
"""The server's error codes for an expected sequence that is not the last one."""

_FULL = frozenset({10002, 10023})
"""The server's error codes for a store without room, the account's and its own."""

_NO_MESSAGE = 10037
"""The server's error code for a subject without messages; a missing stream has another."""

TRANSIENT = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
    nats.js.errors.ServerError,
    TimeoutError,
    OSError,
)


class ConflictError(Exception):
    """The subject moved on since it was read: read again and decide again."""


class RefusedError(Exception):
    """The server will never take this message; the code is the server's."""


class TooLargeError(RefusedError):
    """The message is larger than the server's max_payload."""


class FullError(RefusedError):
    """The store has no room now; later it may have some."""


def too_large(data: bytes, headers: Mapping[str, str], nc: Client) -> bool:
    """Whether the server would cut the connection over a message; the client counts no headers."""
    overhead = 32 + sum(len(name) + len(value) + 4 for name, value in headers.items())
    return len(data) + overhead > nc.max_payload


def key_of(headers: Mapping[str, str] | None) -> str:
    """A stored message's idempotency key, "" where it has none."""
    found = headers or {}
    return found.get(KEY) or found.get(KEPT_KEY, "")


async def last_message(js: JetStreamContext, stream: str, subject: str) -> RawStreamMsg | None:
    """The newest message of a subject, None where there surely is none; raises UnavailableError."""
    try:
        return await js.get_last_msg(stream, subject)
    except nats.js.errors.NotFoundError as error:
        if error.err_code == _NO_MESSAGE:
            return None
        raise UnavailableError(f"stream {stream} is missing") from error
    except TRANSIENT as error:
        raise UnavailableError(type(error).__name__) from error


async def publish(
    js: JetStreamContext,
    subject: str,
    data: bytes,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    expect: int | None = None,
    expect_in: str | None = None,
    for_room: bool = True,
) -> int:
    """Append and return the stream sequence; for a repeated `key`, that of its first appearance.

    `expect` is the last sequence the subject (or the filter `expect_in`) must stand at; without
    `for_room`, room in the server's store is not waited for. Raises ConflictError, TooLargeError,
    FullError, another RefusedError, or UnavailableError after LIMIT_SECONDS.
    """
    sent = _headers(key, headers, expect, expect_in)
    if too_large(data, sent, js._nc):  # noqa: SLF001 - nats-py has no public way
        raise TooLargeError("larger than the server's max_payload")
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await _stored(js, subject, data, sent, for_room=for_room)
    except TimeoutError:
        raise UnavailableError("NATS did not acknowledge in time") from None
    except nats.js.errors.APIError as error:
        if error.err_code in WRONG_LAST_SEQUENCE:
            raise ConflictError(subject) from error
        refusal = FullError if error.err_code in _FULL else RefusedError
        raise refusal(str(error.err_code)) from error


async def _stored(
    js: JetStreamContext, subject: str, data: bytes, headers: dict[str, str], *, for_room: bool
) -> int:
    """Tried again for as long as that may help."""
    while True:
        if not js._nc.is_connected:  # noqa: SLF001 - nats-py has no public way
            # Published now, it would be kept and sent long after the caller was told no.
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        try:
            return (await js.publish(subject, data, ACK_SECONDS, headers={**headers})).seq
        except TRANSIENT as error:
            if not for_room and (code := getattr(error, "err_code", None)) in _FULL:
                raise FullError(str(code)) from error
            await asyncio.sleep(PAUSE_SECONDS)


def _headers(
    key: str | None, extra: Mapping[str, str] | None, expect: int | None, expect_in: str | None
) -> dict[str, str]:
    headers = dict(extra or {})
    if key is not None:
        headers[KEY] = key
    if expect is not None:
        headers[EXPECT] = str(expect)
    if expect_in is not None:
        headers[EXPECT_IN] = expect_in
    return headers
