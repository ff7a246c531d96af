"""Serve an ASGI app inside a running service: no signal handlers of its own, graceful on cancel."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

GRACEFUL_SECONDS = 3


class _Server(uvicorn.Server):
    """Signals belong to the service around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Callable[..., Any], host: str, port: int, started: Callable[[int], None] = lambda _: None
) -> None:
    """Serve until cancelled; `started` gets the port once it listens.

    Raises OSError when the address cannot be bound.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=64 << 10,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    server = _Server(config)
    listening = _listen(host, port)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        # uvicorn sets a flag and nothing else
        while not server.started and not serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if server.started:
            started(int(listening.getsockname()[1]))
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=GRACEFUL_SECONDS + 1)
        serving.cancel()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    # asyncio switches Nagle's algorithm off only where the socket names its protocol; with it on,
    # every answer on a kept connection waits 40 ms for the client's acknowledgement.
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
