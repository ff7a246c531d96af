"""The embedded nats-server: its files, its command and its address. Starting it is the caller's.

Loopback only, a random password, the store under the data directory, synced to disk every second.
"""

import json
import os
import secrets
import socket
import sys
import sysconfig
from pathlib import Path

import msgspec

from services._runtime import tether

MAX_PAYLOAD = 8 << 20
SYNC_INTERVAL = "1s"


class MissingServerError(Exception):
    """The nats-server program is not installed beside this Python."""


class EmbeddedServer(msgspec.Struct, frozen=True):
    """What to run and where it will listen."""

    command: tuple[str, ...]
    url: str


def prepare(data_dir: Path, store_bytes: int, port: int | None = None) -> EmbeddedServer:
    """Write the configuration and return what to run; `port` None picks a free one.

    Raises MissingServerError.
    """
    home = (data_dir / "nats").absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, password = port or _free_port(), secrets.token_urlsafe(24)
    path = home / "nats.conf"
    _write_private(path, _configuration(home, port, password, store_bytes))
    launcher = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid())]
    return EmbeddedServer(
        command=(*launcher, str(_program()), "-c", str(path)),
        url=f"nats://earshot:{password}@127.0.0.1:{port}",
    )


def _configuration(home: Path, port: int, password: str, store_bytes: int) -> str:
    # JSON is valid in the server's format, and quotes what a path may contain.
    return json.dumps(
        {
            "server_name": "earshot",
            "listen": f"127.0.0.1:{port}",
            "max_payload": MAX_PAYLOAD,
            "jetstream": {
                "store_dir": str(home / "store"),
                "sync_interval": SYNC_INTERVAL,
                "max_file_store": store_bytes,
            },
            "authorization": {"user": "earshot", "password": password},
            "log_file": str(home / "nats.log"),
            "logfile_size_limit": 16 << 20,
            "logfile_max_num": 2,
        },
        indent=1,
    )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _program() -> Path:
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise MissingServerError("nats-server is not installed: reinstall, or set EARSHOT_NATS_URL")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
