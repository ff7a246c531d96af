"""What a bot needs of Daily's client, and nothing more. Knows no `daily`.

The records are plain data, so that everything behind them is a pure function of what came through.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

JOIN_SECONDS = 30.0
LEAVE_SECONDS = 10.0
SLOW_SECONDS = 25.0
"""For transcription, recording, streaming and telephony, which Daily's servers work on."""
QUICK_SECONDS = 10.0


class Callback(msgspec.Struct, frozen=True):
    """One event of Daily's client: the method of its handler, a copy of the arguments, and when.

    `at` is the time of day, `heard` the monotonic clock in seconds.
    """

    name: str
    args: tuple[Any, ...]
    at: datetime
    heard: float

    def arg(self, place: int) -> object:
        """An argument by its place, None where Daily gave fewer."""
        return self.args[place] if place < len(self.args) else None


class Request(msgspec.Struct, frozen=True):
    """A method of Daily's client to call, by position; its completion is awaited for `seconds`.

    `completes` is False for the few methods that have no completion.
    """

    method: str
    args: tuple[Any, ...] = ()
    seconds: float = QUICK_SECONDS
    completes: bool = True


class Frame(msgspec.Struct, frozen=True):
    """One picture: `pixels` are RGBA, four bytes a pixel, row by row."""

    width: int
    height: int
    pixels: bytes


class CallRefusedError(Exception):
    """Daily said no; the message is Daily's own, cut at 500 characters."""


class CallUnansweredError(Exception):
    """Daily did not say anything in time: whether it was done is not known."""


Samples = Callable[[bytes], None]
"""Takes mono 16-bit little-endian samples, on a foreign thread."""


class Call(Protocol):
    """One client in one call. Only `close` may be used after `leave`."""

    async def next(self) -> Callback:
        """The next event, in order; none is lost, however slow the reader."""

    async def join(self, url: str, token: str | None, settings: dict[str, Any]) -> dict[str, Any]:
        """Enter the room and return Daily's JoinData.

        Raises CallRefusedError, CallUnansweredError.
        """

    async def request(self, request: Request) -> object:
        """Do it and return what the completion brought, None where it brings nothing.

        Raises CallRefusedError, also for arguments the client refuses at once; CallUnansweredError.
        """

    def read(self, what: str) -> object:
        """A copy of one of the client's cached values, by the getter's name. Never participants."""

    def capture(self, participant_id: str, source: str, sample_rate: int, samples: Samples) -> None:
        """Hand a participant's audio to `samples` until `release_capture`."""

    def release_capture(self, participant_id: str, source: str) -> None:
        """Stop handing audio on."""

    async def picture(self, participant_id: str, source: str) -> Frame:
        """The next video frame. Raises CallUnansweredError when none comes in time."""

    async def play(
        self, track: str, samples: bytes, sample_rate: int, channels: int, bitrate: int | None
    ) -> float:
        """Send audio into the room on a track of our own; return the seconds played.

        Ends early when cancelled. Raises CallRefusedError.
        """

    async def show(self, track: str, frame: Frame, frame_rate: int, bitrate: int | None) -> None:
        """Send a picture into the room, again and again, until cancelled.

        Raises CallRefusedError.
        """

    async def leave(self) -> None:
        """Leave the room. Raises CallRefusedError, CallUnansweredError."""

    async def close(self) -> None:
        """Give everything back, off the event loop; raises TimeoutError when the client hangs."""
