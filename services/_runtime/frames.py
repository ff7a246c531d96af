"""Cuts what the server sends into messages, and hands those of a sink over as they came.

nats-py parses each message's headers and takes it through a queue and a task; a consumer that reads
a million messages looks at the headers of few, and takes them as fast as they can be cut out.
Whatever is not for a sink goes to nats-py's own parser, one piece at a time.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser


class Frame(NamedTuple):
    """A message as the server sent it; `head` is empty where it has no headers."""

    subject: bytes
    reply: bytes
    head: bytes
    data: bytes

    @property
    def status(self) -> tuple[str, str] | None:
        """The status and its description, where the server speaks and not a publisher."""
        line = self.head.partition(b"\r\n")[0].removeprefix(_VERSION)
        if not line.strip():
            return None
        code, _, description = line.strip().partition(b" ")
        return code.decode(), description.decode()


def headers_of(head: bytes) -> dict[str, str]:
    """The headers in a message's head; what is not text becomes U+FFFD."""
    found: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.strip().decode(errors="replace")] = value.strip().decode(errors="replace")
    return found


Sink: TypeAlias = Callable[[Frame], None]

_VERSION = b"NATS/1.0"
_PIECE = re.compile(
    rb"HMSG (\S+) (\d+) (?:(\S+) )?(\d+) (\d+)\r\n"
    rb"|MSG (\S+) (\d+) (?:(\S+) )?(\d+)\r\n"
    rb"|[^\r\n]*\r\n"
)
_END = 2
"""Bytes that end a message's data."""


class Cutter(Parser):
    """A parser for a client, with sinks by subscription id."""

    def __init__(self, nc: Client) -> None:
        self.sinks: dict[int, Sink] = {}
        self._held, self._needed, self._resets = bytearray(), 0, 0
        super().__init__(nc)

    def reset(self) -> None:
        """Forget what a connection that ended had begun to send."""
        super().reset()
        self._held, self._needed = bytearray(), 0
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Take the next bytes from the server."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return
            data, self._held = bytes(self._held), bytearray()
        resets = self._resets
        rest = await self._cut(data)
        if resets == self._resets:
            self._held += memoryview(data)[rest:]

    async def _cut(self, data: bytes) -> int:
        """Hand over what is whole in `data`; where the rest begins."""
        at, resets, self._needed = 0, self._resets, 0
        while resets == self._resets and (piece := _PIECE.match(data, at)) is not None:
            subject, sid, reply, head, size, *plain = piece.groups()
            if sid is None:
                subject, sid, reply, size = plain
            begin = end = piece.end()
            if size is not None:
                end += int(size) + _END
                if end > len(data):
                    self._needed = end - at
                    break
            sink = None if sid is None else self.sinks.get(int(sid))
            if sink is None:
                await self._hand_on(data[at:end])
            else:
                body = begin + int(head or 0)
                sink(Frame(subject, reply or b"", data[begin:body], data[body : end - _END]))
            at = end
        return at

    async def _hand_on(self, piece: bytes) -> None:
        await super().parse(piece)
        if self.buf or self.state != AWAITING_CONTROL_LINE:
            raise ProtocolError("a message is not written as servers write it")


def divert(nc: Client, subscription: Subscription, sink: Sink) -> None:
    """Hand what comes for a subscription to `sink`, until `restore`."""
    _cutter(nc).sinks[subscription._id] = sink  # noqa: SLF001 - nats-py has no public way


def restore(nc: Client, subscription: Subscription) -> None:
    """Take a subscription's sink away."""
    _cutter(nc).sinks.pop(subscription._id, None)  # noqa: SLF001 - as above


def _cutter(nc: Client) -> Cutter:
    """Raises TypeError for a client that was not made by `connection`."""
    if not isinstance(nc._ps, Cutter):  # noqa: SLF001 - as above
        raise TypeError("the client has no Cutter")
    return nc._ps  # noqa: SLF001 - as above
