"""The gateway service: the HTTP and WebSocket side of Earshot. Only wiring here."""

import asyncio
from collections.abc import Callable

import structlog

from services._runtime import clock, http_server
from services._runtime.app import Runtime
from services.gateway import keyfile
from services.gateway.bridge import service as bridge
from services.gateway.http import app, gateway

log = structlog.get_logger()


async def serve(runtime: Runtime, listening: Callable[[int], None] = lambda _: None) -> None:
    """Answer requests until cancelled; `listening` gets the port.

    Raises SettingsError for keys that cannot be read, and for an address that needs keys.
    """
    settings = runtime.settings
    parts = gateway.create(runtime, keyfile.keys(settings), clock.now)
    runtime.checks["directory"] = lambda: parts.listing.caught_up

    def started(port: int) -> None:
        log.info("gateway.listening", host=settings.host, port=port)
        listening(port)

    async with asyncio.TaskGroup() as group:
        group.create_task(parts.listing.run())
        group.create_task(bridge.serve(runtime, clock.now))
        group.create_task(_set_at_the_end(parts.closing))
        group.create_task(
            http_server.serve(app.create(parts), settings.host, settings.port, started)
        )


async def _set_at_the_end(closing: asyncio.Event) -> None:
    """Let open streams end at once, so that the server need not cut them off."""
    try:
        await asyncio.Event().wait()
    finally:
        closing.set()
