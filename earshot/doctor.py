"""Is every part reachable and working: the checks behind `earshot doctor`. Changes nothing."""

import asyncio
import platform
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import httpx
import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from earshot import lockfile, readiness
from earshot.client import is_local
from earshot.findings import Finding, fail, ok, warn
from earshot.text import masked
from services._runtime import keyring, provision
from services._runtime.connection import UnavailableError, connect_once
from services._runtime.keyring import KeyGoneError, Keyring
from services._runtime.settings import Settings, SettingsError
from services.context.embedding import choosing
from services.context.embedding.seam import EmbeddingError
from services.gateway import keyfile

OLDEST_PYTHON = (3, 11)
LOW_DISK_BYTES = 2 << 30
FULL_DISK_BYTES = 200 << 20
PATIENCE_SECONDS = 5.0
OPENAI_URL = "https://api.openai.com/v1"

_KEY_ERRORS = {"authentication-error", "authorization-header-error"}
_START = "start it with `earshot up`"


async def examine(settings: Settings, url: str) -> list[Finding]:
    """All findings, in the order of how things depend on each other."""
    return [
        _python(),
        _server_program(settings),
        *_data_dir(settings.data_dir),
        _api_keys(settings),
        *await _event_log(settings),
        await _gateway(url),
        await _openai(settings),
        await _embeddings(settings),
        await _daily(settings),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", version, "install Python 3.11 or newer")
    return ok("python", version)


def _server_program(settings: Settings) -> Finding:
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if path.exists():
        return ok("nats-server", "the program is installed")
    if settings.nats_url is not None:
        return ok("nats-server", "not installed, and not needed: EARSHOT_NATS_URL is set")
    return fail("nats-server", "not installed", "reinstall Earshot, or set EARSHOT_NATS_URL")


def _data_dir(path: Path) -> list[Finding]:
    existing = next(
        parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists()
    )
    try:
        with tempfile.TemporaryFile(dir=existing):
            writable = ok("data directory", f"{path} can be written to")
    except OSError as error:
        writable = fail(
            "data directory", f"{path}: {error.strerror}", "give --data-dir or EARSHOT_DATA_DIR"
        )
    return [writable, _disk(shutil.disk_usage(existing).free)]


def _api_keys(settings: Settings) -> Finding:
    try:
        keys = keyfile.keys(settings)
    except SettingsError as error:
        return fail("api keys", str(error), "`earshot up` does not start like this")
    return ok("api keys", f"{len(keys)} set" if keys else "none: only this machine is answered")


def _disk(free: int) -> Finding:
    detail, advice = f"{free / (1 << 30):.1f} GiB free", "make room, or move EARSHOT_DATA_DIR"
    if free < FULL_DISK_BYTES:
        return fail("disk", detail, advice)
    return warn("disk", detail, advice) if free < LOW_DISK_BYTES else ok("disk", detail)


async def _event_log(settings: Settings) -> list[Finding]:
    address = _nats_address(settings)
    if address is None:
        detail = "embedded, and no started `earshot up` uses this data directory"
        return [warn("nats", detail, _START)]
    try:
        nc = await connect_once(address, "doctor")
    except UnavailableError as error:
        return [fail("nats", f"does not answer ({error})", "check EARSHOT_NATS_URL, or " + _START)]
    try:
        js = nc.jetstream(timeout=PATIENCE_SECONDS)
        return [
            ok("nats", "answers"),
            *await _streams(js, settings),
            *[await _service(nc, name) for name in readiness.SERVICES],
        ]
    finally:
        await nc.close()


def _nats_address(settings: Settings) -> str | None:
    if settings.nats_url is not None:
        return settings.nats
    running = lockfile.running(settings.data_dir)
    return running.nats_url if running else None


async def _streams(js: JetStreamContext, settings: Settings) -> list[Finding]:
    try:
        await provision.check(js)
    except provision.NotProvisionedError as error:
        return [fail("streams", str(error), "run `earshot provision`")]
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        return [fail("streams", type(error).__name__, "is JetStream enabled in this NATS?")]
    return [ok("streams", "all there"), await _master_key(js, settings)]


async def _master_key(js: JetStreamContext, settings: Settings) -> Finding:
    advice = "use the key (or data directory) that this log was written with"
    if settings.master_key is None and not (settings.data_dir / "master.key").exists():
        return warn("master key", f"none in {settings.data_dir}", advice)
    try:
        await Keyring(js, keyring.master_key(settings)).check()
    except (SettingsError, KeyGoneError) as error:
        return fail("master key", str(error), advice)
    return ok("master key", "opens the log")


async def _service(nc: Client, name: str) -> Finding:
    if await readiness.service_ready(nc, name):
        return ok(name, "ready")
    advice = f"see <data-dir>/logs/{name}.log, or start it: `earshot serve {name}`"
    return fail(name, "does not answer, or is not ready", advice)


async def _gateway(url: str) -> Finding:
    async with httpx.AsyncClient(base_url=url, trust_env=not is_local(url)) as http:
        if await readiness.gateway_ready(http):
            return ok("address", f"{masked(url)} is ready")
    return fail(
        "address", f"{masked(url)} is not ready or does not answer", _START + ", or give --url"
    )


async def _openai(settings: Settings) -> Finding:
    if settings.openai_api_key is None:
        return ok("openai", "no OPENAI_API_KEY: the offline extractive assistant answers")
    base = (settings.openai_base_url or OPENAI_URL).rstrip("/")
    key = {"authorization": f"Bearer {settings.openai_api_key.get_secret_value()}"}
    try:
        async with httpx.AsyncClient(
            timeout=PATIENCE_SECONDS, trust_env=not is_local(base)
        ) as http:
            status = (await http.get(f"{base}/models", headers=key)).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        advice = "check OPENAI_BASE_URL and the network"
        return fail("openai", f"{masked(base)} does not answer ({type(error).__name__})", advice)
    return _models_answered(base, status)


def _models_answered(base: str, status: int) -> Finding:
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return fail(
            "openai", f"{masked(base)} refuses the key (HTTP {status})", "check OPENAI_API_KEY"
        )
    if status != httpx.codes.OK:
        return warn("openai", f"{masked(base)} answers, but lists no models (HTTP {status})")
    return ok("openai", f"{masked(base)} answers")


async def _embeddings(settings: Settings) -> Finding:
    try:
        embedder = choosing.chosen(settings)
    except SettingsError as error:
        return fail("embeddings", str(error), "pip install 'earshot[embeddings]'")
    if embedder is None:
        return ok("embeddings", "off: contexts and search go by words")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            length = (await embedder.embed(["earshot"])).shape[1]
    except (EmbeddingError, TimeoutError) as error:
        cause = str(error) or "no answer in time"
        advice = "check OPENAI_EMBEDDING_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY"
        return fail("embeddings", f"{settings.embeddings}: {cause}", advice)
    finally:
        await embedder.aclose()
    return ok("embeddings", f"{settings.embeddings}: vectors of {length} numbers")


async def _daily(settings: Settings) -> Finding:
    if settings.daily_api_key is None:
        detail = (
            "no DAILY_API_KEY: rooms cannot be made; public rooms, and private ones with a "
            "meeting token, can be joined"
        )
        return ok("daily", detail)
    base, key = settings.daily_api_url.rstrip("/"), settings.daily_api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        return fail("daily", "only printable ASCII can be a key", "check DAILY_API_KEY")
    try:
        async with httpx.AsyncClient(
            timeout=PATIENCE_SECONDS, trust_env=not is_local(base)
        ) as http:
            answer = await http.get(f"{base}/", headers={"authorization": f"Bearer {key}"})
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        advice = "check DAILY_API_URL and the network"
        return fail("daily", f"{masked(base)} does not answer ({type(error).__name__})", advice)
    return _domain_answered(base, answer)


class _Domain(msgspec.Struct):
    """What Daily says of a domain, or why not; only what is looked at."""

    domain_name: str = ""
    error: str = ""


def _domain_answered(base: str, answer: httpx.Response) -> Finding:
    try:
        said = msgspec.json.decode(answer.content, type=_Domain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = _Domain()
    refused = answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    if refused or said.error in _KEY_ERRORS:
        detail = f"{masked(base)} refuses the key (HTTP {answer.status_code})"
        return fail("daily", detail, "check DAILY_API_KEY")
    if answer.status_code != httpx.codes.OK:
        return warn("daily", f"{masked(base)} answers, but not to this (HTTP {answer.status_code})")
    if not said.domain_name:
        return warn("daily", f"{masked(base)} answers, but names no domain", "is it Daily?")
    return ok("daily", f"the key opens the domain {said.domain_name}")
