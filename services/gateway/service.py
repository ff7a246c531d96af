"""The gateway service: the HTTP and WebSocket side of Earshot. Only wiring here."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from services._runtime import clock, http_server
from services._runtime.app import Runtime
from services._runtime.settings import Settings, SettingsError
from services.gateway import auth
from services.gateway.auth import ApiKey
from services.gateway.http import app, gateway

log = structlog.get_logger()


async def serve(runtime: Runtime, listening: Callable[[int], None] = lambda _: None) -> None:
    """Answer requests until cancelled; `listening` gets the port.

    Raises SettingsError for keys that cannot be read, and for an address that needs keys.
    """
    settings = runtime.settings
    parts = gateway.create(runtime, keys(settings), clock.now)
    runtime.checks["directory"] = lambda: parts.listing.caught_up

    def started(port: int) -> None:
        log.info("gateway.listening", host=settings.host, port=port)
        listening(port)

    async with asyncio.TaskGroup() as group:
        group.create_task(parts.listing.run())
        group.create_task(_set_at_the_end(parts.closing))
        group.create_task(
            http_server.serve(app.create(parts), settings.host, settings.port, started)
        )


def keys(settings: Settings) -> tuple[ApiKey, ...]:
    """The API keys, none where none are set; raises SettingsError."""
    if settings.api_keys is None:
        if not auth.is_loopback(settings.host):
            raise SettingsError(
                f"EARSHOT_API_KEYS: must be set to listen on {settings.host}: without keys only "
                "this machine may be answered"
            )
        return ()
    given = settings.api_keys.get_secret_value()
    try:
        return auth.parse(given if auth.is_list(given) else Path(given).read_text("utf-8"))
    except auth.BadKeyError as error:
        raise SettingsError(f"EARSHOT_API_KEYS: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"EARSHOT_API_KEYS: neither a list of sha256: keys nor a file that can be read "
            f"({type(error).__name__})"
        ) from None


async def _set_at_the_end(closing: asyncio.Event) -> None:
    """Let open streams end at once, so that the server need not cut them off."""
    try:
        await asyncio.Event().wait()
    finally:
        closing.set()
