"""The embedded nats-server of `earshot up`: started until it accepts connections, streams made."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import nats.errors
import nats.js.errors

from earshot.keeper import Keeper, Part
from earshot.logfiles import last_lines
from earshot.text import tail
from services._runtime import nats_server, provision
from services._runtime.connection import UnavailableError, connect_once

ATTEMPTS = 5
"""The port that was free may be taken a moment later: then another one is tried."""
START_SECONDS = 120.0
"""A large store is read before the server accepts anybody."""
_POLL_SECONDS = 0.05


class StartError(Exception):
    """The system cannot start; the message says why and what to do."""


async def start(
    data_dir: Path, store_bytes: int, keep: Callable[[Part], Keeper]
) -> tuple[Keeper, str]:
    """The kept server and its address, once it accepts connections.

    `keep` starts a part. Raises StartError.
    """
    for _ in range(ATTEMPTS):
        server = _prepare(data_dir, store_bytes)
        part = Part(
            name="nats-server", command=server.command, log=data_dir / "logs" / "nats-server.log"
        )
        keeper = keep(part)
        if await _accepts(server.url, keeper):
            return keeper, server.url
        await keeper.stop(asyncio.Event())
    lines = last_lines(data_dir / "nats" / "nats.log", 10)
    raise StartError(f"nats-server does not start. The end of its log:\n{tail(lines)}")


async def make_streams(url: str, patience: float) -> None:
    """Create or update the streams; raises StartError when NATS is away or refuses."""
    end = time.monotonic() + patience
    while True:
        try:
            nc = await connect_once(url, "provision")
            break
        except UnavailableError as error:
            if time.monotonic() > end:
                raise StartError(
                    f"NATS does not answer at the address of EARSHOT_NATS_URL ({error})"
                ) from error
            await asyncio.sleep(_POLL_SECONDS)
    try:
        await provision.provision(nc.jetstream(timeout=10))
    except nats.js.errors.APIError as error:
        raise StartError(f"NATS refuses the streams: {error.description}") from error
    except (nats.errors.Error, TimeoutError) as error:
        raise StartError(
            f"NATS does not answer about streams ({type(error).__name__}): is JetStream enabled "
            "there, and may this user manage it?"
        ) from error
    finally:
        await nc.close()


def _prepare(data_dir: Path, store_bytes: int) -> nats_server.EmbeddedServer:
    try:
        return nats_server.prepare(data_dir, store_bytes)
    except nats_server.MissingServerError as error:
        raise StartError(str(error)) from error


async def _accepts(url: str, keeper: Keeper) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and not keeper.deaths.in_row:
        try:
            nc = await connect_once(url, "up")
        except UnavailableError:
            await asyncio.sleep(_POLL_SECONDS)
            continue
        await nc.close()
        return True
    return False
