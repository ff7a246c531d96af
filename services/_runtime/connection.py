"""Connections to NATS: the one place that decides how we connect, wait and give up."""

from collections.abc import Awaitable, Callable

import nats
import structlog
from nats.aio.client import Client

log = structlog.get_logger()

NO_LIMIT = -1


class UnavailableError(Exception):
    """NATS is away: nothing was changed, and trying again later helps."""


async def connect(url: str, name: str, on_closed: Callable[[], Awaitable[None]]) -> Client:
    """Connect and stay connected for as long as the process lives, retrying without end.

    A closed connection would leave its consumers silent; `on_closed` must end the process.
    """

    async def on_error(error: Exception) -> None:
        log.warning("nats.error", error=type(error).__name__)

    async def on_disconnect() -> None:
        if not nc.is_closed:
            log.warning("nats.disconnected")

    async def on_reconnect() -> None:
        log.info("nats.reconnected")

    nc = Client()
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

    try:
        return await nats.connect(
            url,
            name=name,
            allow_reconnect=False,
            reconnect_time_wait=0.1,
            connect_timeout=1,
            ping_interval=2,
            max_outstanding_pings=2,
            pending_size=8 << 20,
            error_cb=quiet,
        )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise UnavailableError(type(error).__name__) from error
