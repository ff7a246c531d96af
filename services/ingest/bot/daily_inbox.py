"""From the thread on which Daily calls back to the loop on which the bot lives. Knows no `daily`.

Bounded: when too much waits, what the next event of its kind replaces is dropped. Everything else
then blocks the calling thread, behind which Daily's own queue grows; completions come through that
thread too, so a reader that waits for one must go on reading.
"""

import asyncio
import copy
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from services.ingest.bot.seam import Callback

MOST_WAITING = 10_000

log = structlog.get_logger()


class Inbox:
    """Events in the order in which they came. Made on the loop that reads them."""

    def __init__(self) -> None:
        self.lost = 0
        self.faults = 0
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._changed = threading.Condition()
        self._waiting: deque[Callback] = deque()
        self._closed = False

    def take(self, name: str, args: tuple[Any, ...]) -> None:
        """Copy, stamp and hand over, on any thread; raises nothing and may block."""
        at, heard = datetime.now(UTC), time.monotonic()
        try:
            self._put(Callback(name, copy.deepcopy(args), at, heard))
        except Exception as error:  # noqa: BLE001 - raised into Daily's thread it would vanish
            self.faults += 1
            log.warning("daily.callback_failed", callback=name, error=type(error).__name__)

    async def next(self) -> Callback:
        """The oldest event that waits, or the next one. After `close` there is none."""
        while True:
            with self._changed:
                if self._waiting:
                    self._changed.notify()
                    return self._waiting.popleft()
                self._arrived.clear()
            await self._arrived.wait()

    def close(self) -> None:
        """Take nothing more, and let go of the thread that waits to hand over."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _put(self, callback: Callback) -> None:
        with self._changed:
            if not self._has_room(callback):
                return
            self._waiting.append(callback)
            if len(self._waiting) > 1:
                return  # the reader was woken for the first of them
        with suppress(RuntimeError):  # the loop is closed: nobody will read
            self._loop.call_soon_threadsafe(self._arrived.set)

    def _has_room(self, callback: Callback) -> bool:
        if len(self._waiting) >= MOST_WAITING:
            if _replaceable(callback):
                self.lost += 1
                return False
            self._drop_replaceable()
            self._changed.wait_for(lambda: self._closed or len(self._waiting) < MOST_WAITING)
        return not self._closed

    def _drop_replaceable(self) -> None:
        kept = deque(one for one in self._waiting if not _replaceable(one))
        self.lost += len(self._waiting) - len(kept)
        self._waiting = kept


def _replaceable(callback: Callback) -> bool:
    """Network figures, and what somebody is still in the middle of saying."""
    match callback:
        case Callback(name="on_network_stats_updated"):
            return True
        case Callback(
            name="on_transcription_message", args=({"rawResponse": {"is_final": False}}, *_)
        ):
            return True
        case _:
            return False
