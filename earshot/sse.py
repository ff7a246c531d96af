"""Server-sent events out of bytes as they come. Knows no HTTP, and does not reconnect."""

import re
from collections.abc import Iterable, Iterator

import msgspec

MAX_BYTES = 8 << 20
"""The most one event may hold; a longer one is not from a server we understand."""

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return at the end may be half of a pair: it waits for the next bytes."""


class ServerEvent(msgspec.Struct, frozen=True):
    """One event: its name, and its data lines joined."""

    name: str
    data: bytes


class OversizedEventError(ValueError):
    """An event is longer than MAX_BYTES."""


def events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The complete events of a stream, however it was cut; comments and ids are left out.

    Raises OversizedEventError.
    """
    name, data = "message", list[bytes]()
    for line in _lines(chunks):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield ServerEvent(name, b"\n".join(data))
            name, data = "message", []
        elif field == b"event":
            name = value.decode(errors="replace")
        elif field == b"data":
            data.append(value)
            _check(sum(map(len, data)))


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = _LINE_END.split(rest + chunk)
        yield from whole
        _check(len(rest))
    if rest.endswith(b"\r"):
        yield rest[:-1]


def _check(size: int) -> None:
    if size > MAX_BYTES:
        raise OversizedEventError(f"an event of more than {MAX_BYTES} bytes")
