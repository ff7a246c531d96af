"""Which parts of a system can work now. Asks each once; does not wait and does not retry."""

import asyncio

import httpx
import msgspec
import nats.errors
from nats.aio.client import Client

from contracts import queries, subjects

SERVICES = ("ingest", "context", "llm", "gateway")
ASK_SECONDS = 1.0


async def unready(nc: Client, http: httpx.AsyncClient) -> tuple[str, ...]:
    """The services that are not ready; `http` has the gateway's address."""
    answers = await asyncio.gather(*(service_ready(nc, name) for name in SERVICES))
    ready = dict(zip(SERVICES, answers, strict=True))
    ready["gateway"] = ready["gateway"] and await gateway_ready(http)
    return tuple(name for name in SERVICES if not ready[name])


async def service_ready(nc: Client, name: str) -> bool:
    """Whether an instance of the service answers over NATS that it is ready."""
    try:
        reply = await nc.request(subjects.health(name), b"", timeout=ASK_SECONDS)
        return msgspec.json.decode(reply.data, type=queries.Health).ready
    except (nats.errors.Error, TimeoutError, msgspec.MsgspecError):
        return False


async def gateway_ready(http: httpx.AsyncClient) -> bool:
    """Whether the gateway answers over HTTP that it is ready."""
    try:
        return (await http.get("/health/ready", timeout=ASK_SECONDS)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
