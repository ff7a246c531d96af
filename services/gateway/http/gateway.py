"""What the routes work with, and what they ask of every request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Path
from starlette.requests import HTTPConnection

from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services.gateway import auth, problems
from services.gateway.asking import Asking
from services.gateway.auth import ApiKey, Scope
from services.gateway.commanding import Commanding
from services.gateway.filing import Filing
from services.gateway.listing import Listing
from services.gateway.reading import Sessions
from services.gateway.renaming import Renaming
from services.gateway.requesting import Requesting
from services.gateway.uploading import Uploading

MAX_SEQ = 10**18
"""More than any log will hold, and still a number to the server."""

AWAY_SECONDS = 1.0
"""How long a request waits for NATS to come back before it is turned away."""


@dataclass
class Gateway:
    """One gateway's parts; `closing` is set when open streams are to end."""

    runtime: Runtime
    clock: Clock
    keys: tuple[ApiKey, ...]
    sessions: Sessions
    listing: Listing
    requesting: Requesting
    uploading: Uploading
    asking: Asking
    commanding: Commanding
    renaming: Renaming
    filing: Filing
    closing: asyncio.Event = field(default_factory=asyncio.Event)


def create(runtime: Runtime, keys: tuple[ApiKey, ...], clock: Clock) -> Gateway:
    """Put the parts together."""
    sessions = Sessions(runtime.log)
    return Gateway(
        runtime=runtime,
        clock=clock,
        keys=keys,
        sessions=sessions,
        listing=Listing(runtime.reader),
        requesting=Requesting(runtime, sessions),
        uploading=Uploading(runtime, clock),
        asking=Asking(runtime, clock),
        commanding=Commanding(runtime, clock),
        renaming=Renaming(runtime, sessions, clock),
        filing=Filing(runtime, clock),
    )


def of(connection: HTTPConnection) -> Gateway:
    """The gateway a request came to."""
    gateway: Gateway = connection.app.state.gateway
    return gateway


def key_of(connection: HTTPConnection) -> ApiKey:
    """The key a request was let in with."""
    key: ApiKey = connection.state.key
    return key


def needs(scope: Scope) -> Callable[[HTTPConnection], Awaitable[None]]:
    """A dependency: the caller's key has the scope, and NATS is there."""

    async def check(connection: HTTPConnection) -> None:
        auth.check_scope(key_of(connection), scope)
        await _connected(of(connection).runtime)

    return check


async def _connected(runtime: Runtime) -> None:
    try:
        async with asyncio.timeout(AWAY_SECONDS):
            # the client has no event to wait for
            while not runtime.nc.is_connected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise problems.unavailable() from None


Parts = Annotated[Gateway, Depends(of)]
Key = Annotated[ApiKey, Depends(key_of)]
SessionId = Annotated[str, Path(description="The session's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A request sent again with the same key has the effect of the first one.",
    ),
]

READ = Depends(needs("read"))
ASK = Depends(needs("ask"))
MANAGE = Depends(needs("manage"))
