"""Connections to NATS: the one place that decides how we connect, wait and give up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from services._runtime.frames import Cutter
from services._runtime.heeding import heeding

log = structlog.get_logger()

NO_LIMIT = -1
CLOSE_SECONDS = 1.0


class UnavailableError(Exception):
    """NATS is away: nothing was changed, and trying again later helps."""


class HeedingClient(Client):
    """A client whose requests end when they are cancelled, and that a sink can be given to."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = Cutter(self)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109 - the client's own
        old_style: bool = False,  # noqa: FBT001, FBT002 - the client's own
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """As the client's own."""
        return await heeding(super().request(subject, payload, timeout, old_style, headers))


async def connect(url: str, name: str, on_closed: Callable[[], Awaitable[None]]) -> Client:
    """Connect and stay connected for as long as the process lives, retrying without end.

    A closed connection would leave its consumers silent; `on_closed` must end the process.
    """
    told = ""

    async def on_error(error: Exception) -> None:
        nonlocal told
        name = type(error).__name__
        if nc.is_connected or name != told:  # who reconnects reports the same four times a second
            log.warning("nats.error", error=name)
        told = name

    async def on_disconnect() -> None:
        if not nc.is_closed:
            log.warning("nats.disconnected")

    async def on_reconnect() -> None:
        nonlocal told
        told = ""
        log.info("nats.reconnected")

    nc = HeedingClient()
    await nc.connect(
        url,
        name=name,
        max_reconnect_attempts=NO_LIMIT,
        reconnect_time_wait=0.25,  # type: ignore[arg-type]  # declared int, used as seconds
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        inbox_prefix=f"_INBOX_{name}",
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
        closed_cb=on_closed,
    )
    return nc


async def connect_once(url: str, name: str) -> Client:
    """Connect without reconnecting, so that nothing buffered can overtake a later attempt.

    Raises UnavailableError when the server does not answer.
    """

    async def quiet(_: Exception) -> None:
        """The caller sees the connection break; the library's report says no more."""

    nc = HeedingClient()
    try:
        await nc.connect(
            url,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # counts for the first connection too, 60 times by default
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # declared int, used as seconds
            connect_timeout=1,
            ping_interval=2,
            max_outstanding_pings=2,
            pending_size=8 << 20,
            error_cb=quiet,
        )
    except (nats.errors.Error, OSError) as error:
        await drop(nc)
        raise UnavailableError(type(error).__name__) from error
    return nc


async def drop(nc: Client) -> None:
    """Close a connection that may hang, at once: what was not sent yet is thrown away."""
    # nats-py would wait for a server that hangs to take it, and leave the socket and its tasks; it
    # has no public way to do otherwise.
    nc._pending, nc._pending_data_size = [], 0  # noqa: SLF001 - see above
    writer = getattr(nc._transport, "_io_writer", None)  # noqa: SLF001 - see above
    if writer is not None:
        writer.transport.abort()
    with suppress(nats.errors.Error, OSError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await nc.close()
