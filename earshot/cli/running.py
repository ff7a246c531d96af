"""`up`, `serve` and `provision`: what runs the system."""

import asyncio
import contextlib
import functools
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, TypeAlias

import structlog
import typer

from earshot import addresses, demo, embedded, lockfile, sample
from earshot.addresses import AddressError
from earshot.cli import options
from earshot.cli.talking import say
from earshot.embedded import StartError
from earshot.lockfile import Lock, TakenError
from earshot.supervisor import Demo, Plan, Signals, Supervisor
from services._runtime import app, logs
from services._runtime.provision import NotProvisionedError
from services._runtime.settings import Settings, SettingsError
from services.gateway import auth, keyfile
from services.gateway.auth import ApiKey

log = structlog.get_logger()


Service: TypeAlias = Literal["ingest", "context", "llm", "gateway"]


def up(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 8080. 0 picks a free one.")
    ] = None,
    nats_url: Annotated[str | None, typer.Option(help="Use this NATS, start none.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept.")] = None,
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo",
            help="Play the sample meeting in a loop; without keys and --nats-url the default.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Logs of the services to standard error.")
    ] = False,
) -> None:
    """Run everything: NATS, the four services, and a sample meeting if no key is set.

    Prints one line once all is ready. Ctrl-C stops everything in order, a second one at once. Logs
    are in <data-dir>/logs, one file a service; EARSHOT_LOG=json makes them JSON.
    """
    loaded = options.loaded(host=host, port=port, nats_url=nats_url, data_dir=data_dir)
    with _start_errors():
        plan = _plan(loaded, demo=demo, verbose=verbose)
        with lockfile.held(plan.settings.data_dir) as lock:
            hurried = asyncio.run(_supervise(plan, lock))
    if hurried:
        raise typer.Exit(1)


def serve(
    name: Annotated[Service, typer.Argument(help="Which service.")],
) -> None:
    """Run one service until SIGTERM, for compose and clusters; its NATS has to be provisioned."""
    loaded = options.loaded()
    logs.configure(loaded.log, name, loaded.instance)
    sys.excepthook = _log_crash
    module = importlib.import_module(f"services.{name}.service")
    try:
        app.run(name, loaded, module.serve)
    except (SettingsError, NotProvisionedError) as error:
        say(str(error))
        raise typer.Exit(1) from None


def provision() -> None:
    """Make the streams in the NATS of EARSHOT_NATS_URL, or bring them in line."""
    loaded = options.loaded()
    logs.configure(loaded.log, "provision", loaded.instance)
    with _start_errors():
        asyncio.run(embedded.make_streams(loaded.nats, patience=30))
    typer.echo("The streams are in place.")


def _plan(loaded: Settings, *, demo: bool | None, verbose: bool) -> Plan:
    addresses.check_reach(loaded.host, keyed=loaded.api_keys is not None)
    keys = keyfile.keys(loaded)
    port = addresses.free_port(loaded.host, loaded.port)
    fixed = loaded.model_copy(update={"port": port, "data_dir": loaded.data_dir.absolute()})
    wanted = _is_bare(loaded) if demo is None else demo
    return Plan(
        settings=fixed,
        url=addresses.local_url(loaded.host, port),
        verbose=verbose,
        demo=_demo(keys) if wanted else None,
    )


def _is_bare(loaded: Settings) -> bool:
    keys = (loaded.openai_api_key, loaded.daily_api_key, loaded.api_keys, loaded.nats_url)
    return all(key is None for key in keys)


def _demo(keys: tuple[ApiKey, ...]) -> Demo:
    own = options.outside(None, None).key
    if keys and not auth.may(auth.find(keys, own or ""), "manage", "read"):
        raise StartError(
            "The sample meeting plays through the API: set EARSHOT_API_KEY to a key with manage "
            "and read, or give --no-demo"
        )
    return functools.partial(demo.play, sample=sample.meeting(), key=own)


async def _supervise(plan: Plan, lock: Lock) -> bool:
    level = "INFO" if plan.verbose else "WARNING"
    logs.configure("console", "up", plan.settings.instance, level=level)
    signals = Signals()
    signals.listen()
    await Supervisor(plan, lock, signals).run(_announce, say)
    return signals.hurry.is_set()


def _announce(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


@contextlib.contextmanager
def _start_errors() -> Iterator[None]:
    try:
        yield
    except (StartError, TakenError, AddressError, SettingsError) as error:
        say(str(error))
        raise typer.Exit(1) from None
    except OSError as error:
        say(f"Cannot start: {error.strerror}: {error.filename}")
        raise typer.Exit(1) from None


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A traceback in full could quote a meeting: the log keeps its frames alone."""
    log.critical("service.crashed", exc_info=(kind, error, trace))
