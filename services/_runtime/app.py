"""What every service does alike: start, say how it is, stop in order. Knows no service."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import nats.errors
import structlog
from fast_depends.msgspec import MsgSpecSerializer
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.nats import NatsBroker

from contracts import codec, queries, subjects
from services._runtime import http_server, logs, tether
from services._runtime.connection import NO_LIMIT, drop
from services._runtime.links import Links, linked
from services._runtime.settings import Settings

log = structlog.get_logger()

GARBAGE = (50_000, 20, 50)
"""When to look for cycles (`gc.set_threshold`): a service makes few of them and holds much that
lives long, and by Python's own measure a rebuild spent a quarter of its time on looking."""
DRAIN_SECONDS = 8.0
"""How long a stopping service may finish what it began."""


@dataclass(frozen=True)
class Runtime(Links):
    """What a service is handed. `checks` name what must hold for it to be ready."""

    service: str
    broker: NatsBroker
    checks: dict[str, Callable[[], bool]] = field(default_factory=dict)

    def health(self) -> queries.Health:
        """This instance's state now."""
        checks = {name: check() for name, check in self.checks.items()}
        return queries.Health(
            service=self.service,
            instance=self.settings.instance,
            ready=all(checks.values()),
            checks=checks,
        )


Serve: TypeAlias = Callable[[Runtime], Coroutine[None, None, None]]
"""A service: runs until cancelled, and on cancellation leaves nothing half done."""


def run(service: str, settings: Settings, serve: Serve) -> None:
    """Run a service until SIGTERM or SIGINT; raises what ended it otherwise."""
    if parent := os.environ.get(tether.PARENT):
        tether.bind(int(parent))
    logs.configure(settings.log, service, settings.instance)
    gc.set_threshold(*GARBAGE)
    with asyncio.Runner() as runner:
        runner.run(_main(service, settings, serve))


async def _main(service: str, settings: Settings, serve: Serve) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with opened(service, settings, stop) as runtime:
        # Until here a signal ends the process at once: there is nothing to finish.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = {asyncio.create_task(serve(runtime)), asyncio.create_task(_answer(runtime))}
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
        log.info("service.stops", asked=waiting in done)
        waiting.cancel()
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        if left:
            log.warning("service.cut_off", tasks=len(left))
        for task in tasks & done:
            task.result()


@asynccontextmanager
async def opened(service: str, settings: Settings, stop: asyncio.Event) -> AsyncIterator[Runtime]:
    """Connect, check that the log is there and opens with our key, and close at the end."""

    async def on_closed() -> None:
        stop.set()  # a closed client leaves its consumers silent: end, and be started anew

    async with linked(service, settings, on_closed) as links:
        broker = NatsBroker(
            settings.nats,
            logger=None,
            max_reconnect_attempts=NO_LIMIT,
            ping_interval=5,
            graceful_timeout=DRAIN_SECONDS,
            serializer=MsgSpecSerializer(),
        )
        try:
            yield Runtime(
                **vars(links),
                service=service,
                broker=broker,
                checks={"nats": lambda: links.nc.is_connected},
            )
        finally:
            await _stop(broker)


async def _stop(broker: NatsBroker) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await broker.stop()
    except* (nats.errors.Error, OSError) as away:  # a server that is away takes nothing more
        log.info("service.undrained", errors=len(away.exceptions))
        await drop(await broker.connect())  # the broker's stop ends where it first fails


async def _answer(runtime: Runtime) -> None:
    """Say how the service is: over NATS always, over HTTP where a port is set."""

    async def reply(message: object) -> None:
        await message.respond(codec.encode_reply(runtime.health()))  # type: ignore[attr-defined]

    await runtime.nc.subscribe(subjects.health(runtime.service), cb=reply)
    if (port := runtime.settings.health_port) is not None:
        await _serve_http(runtime, port)
    else:
        await asyncio.Event().wait()


async def _serve_http(runtime: Runtime, port: int) -> None:
    @get
    async def live(_: object) -> AsgiResponse:
        return AsgiResponse(b"", 204)

    @get
    async def ready(_: object) -> AsgiResponse:
        health = runtime.health()
        return AsgiResponse(
            codec.encode_reply(health),
            200 if health.ready else 503,
            {"content-type": "application/json"},
        )

    app = AsgiFastStream(asgi_routes=[("/health/live", live), ("/health/ready", ready)])
    # A probe comes from outside the container; what it may read is ready or not.
    await http_server.serve(app, "0.0.0.0", port)  # noqa: S104
