"""Daily's native side, and the only file that knows `daily`.

Begun with the first client of a process and ended after the last: a client made before, or given
back after, takes the process with it.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import TypeAlias

import daily
import structlog

from services.ingest.bot.daily_asking import tell
from services.ingest.bot.daily_inbox import Inbox
from services.ingest.bot.daily_media import Air, AudioSource, VideoSource

Client: TypeAlias = daily.CallClient

_CALLBACKS = tuple(name for name in dir(daily.EventHandler) if name.startswith("on_"))

log = structlog.get_logger()


class _Handler(daily.EventHandler):
    """Hands every callback over; Daily refuses a handler that is not a subclass of its own."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self.inbox = inbox


def _handing_over(name: str) -> Callable[..., None]:
    def callback(self: _Handler, *args: object) -> None:
        self.inbox.take(name, args)

    return callback


for _name in _CALLBACKS:
    setattr(_Handler, _name, _handing_over(_name))


class Library:
    """Counts the clients of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = False
        self._clients = 0

    def lend(self, inbox: Inbox) -> Client:
        """A new client that reports to `inbox`."""
        with self._lock:
            if not self._started:
                _start()
                self._started = True
            client = daily.CallClient(_Handler(inbox))
            self._clients += 1
            return client

    def give_back(self, client: Client) -> None:
        """Release a client; blocks for as long as it has something under way."""
        client.release()
        with self._lock:
            self._clients -= 1
            if not self._clients:
                daily.Daily.deinit()
                self._started = False


LIBRARY = Library()
"""The one of this process: there is one native side."""


def audio(sample_rate: int, channels: int) -> tuple[AudioSource, Air]:
    """A source of sound and its track. Raises CallRefusedError."""
    source = tell(lambda: daily.CustomAudioSource(sample_rate, channels))
    return source, Air(daily.CustomAudioTrack(source))


def video(width: int, height: int) -> tuple[VideoSource, Air]:
    """A source of pictures and its track. Raises CallRefusedError."""
    source = tell(lambda: daily.CustomVideoSource(width, height, "RGBA"))
    return source, Air(daily.CustomVideoTrack(source))


def _start() -> None:
    os.environ["RUST_LOG"] = "off"  # its log lines would quote what is sent
    sys.unraisablehook = _log_type
    daily.Daily.init(log_level=daily.LogLevel.Off)


def _log_type(unraisable: "sys.UnraisableHookArgs") -> None:
    log.error("daily.unraisable", error=unraisable.exc_type.__name__)
