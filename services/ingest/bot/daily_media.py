"""What a bot hears, sees, plays and shows, as far as it is the same for any client.

Knows no `daily`: sources, tracks and pieces of media are whatever has the attributes used here.
Media comes on foreign threads and is written on threads of its own.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeAlias

import structlog

from services.ingest.bot.daily_asking import beside
from services.ingest.bot.seam import CallRefusedError, Frame, Samples

PIECES_PER_SECOND = 10
"""A stopped sound ends after the piece it is in."""
STOP_SECONDS = 2.0

Kind: TypeAlias = Literal["Audio", "Video"]
_OWN_MEDIA = {"Audio": ("microphone", "screenAudio"), "Video": ("camera", "screenVideo")}

log = structlog.get_logger()


class AudioPiece(Protocol):
    """What an audio renderer is given: 16 bit, channels interleaved."""

    @property
    def num_channels(self) -> int:
        """How many channels."""

    @property
    def audio_frames(self) -> bytes:
        """The samples."""


class Picture(Protocol):
    """What a video renderer is given."""

    @property
    def width(self) -> int:
        """Pixels in a row."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def buffer(self) -> bytes:
        """The pixels."""


class AudioSource(Protocol):
    """Where samples are written, which takes as long as they last."""

    def write_frames(self, frames: bytes) -> int:
        """Write whole frames; return how many."""


class VideoSource(Protocol):
    """Where pictures are written."""

    def write_frame(self, frame: bytes) -> None:
        """Write one picture."""


class Ear:
    """Takes one participant's audio for as long as it is wanted: a renderer cannot be unset."""

    def __init__(self, samples: Samples) -> None:
        self._samples: Samples | None = samples

    def take(self, _participant: str, piece: AudioPiece, _source: str) -> None:
        """Hand a piece on as mono, on the client's thread; after an error, no more."""
        samples = self._samples
        if samples is None:
            return
        try:
            samples(_mono(bytes(piece.audio_frames), piece.num_channels))
        except Exception as error:  # noqa: BLE001 - raised into Daily's thread it would vanish
            self.close()
            log.warning("daily.capture_failed", error=type(error).__name__)

    def close(self) -> None:
        """Hand nothing on any more."""
        self._samples = None


class Eye:
    """Takes the first picture that comes, and no other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen: asyncio.Future[Frame] = self._loop.create_future()
        self._open = True

    def take(self, _participant: str, picture: Picture, _source: str) -> None:
        """Keep the picture, on the client's thread."""
        if self._open:
            self._open = False
            frame = Frame(picture.width, picture.height, bytes(picture.buffer))
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._keep, frame)

    async def picture(self) -> Frame:
        """The picture."""
        return await self._seen

    def close(self) -> None:
        """Take no picture any more."""
        self._open = False

    def _keep(self, frame: Frame) -> None:
        if not self._seen.done():
            self._seen.set_result(frame)


class Air:
    """A track of our own while it is in the room, and the thread that writes to it.

    The track is held here alone, so that `end` drops it: one that outlives the client's library
    takes the process with it, and the frames of a traceback would keep any other reference.
    """

    def __init__(self, track: object) -> None:
        self.track: Any = track
        self.stop = threading.Event()
        self.frames = 0
        self._cut = False
        self._ended = asyncio.Event()

    async def run(self, work: Callable[[], None]) -> None:
        """Do the writing; when cancelled, wait until it has stopped.

        Raises CallRefusedError when it was cut, and for what the client raises.
        """
        writing = beside(work)
        try:
            await asyncio.shield(writing)
        finally:
            self.stop.set()
            await asyncio.wait({writing}, timeout=STOP_SECONDS)
        if self._cut:
            raise CallRefusedError("the call was closed")

    def cut(self) -> None:
        """Stop the writing because the call ends."""
        self._cut = True
        self.stop.set()

    def end(self) -> None:
        """Drop the track."""
        self.track = None
        self._ended.set()

    async def ended(self) -> None:
        """Return once the track was dropped."""
        await self._ended.wait()


def write_audio(source: AudioSource, samples: bytes, frame_bytes: int, rate: int, air: Air) -> None:
    """Write the samples piece by piece, in their own time."""
    piece = rate // PIECES_PER_SECOND * frame_bytes
    for start in range(0, len(samples), piece):
        if air.stop.is_set():
            return
        air.frames += source.write_frames(samples[start : start + piece])


def write_video(source: VideoSource, pixels: bytes, frame_rate: int, air: Air) -> None:
    """Write the picture again and again, until stopped."""
    while True:
        source.write_frame(pixels)
        if air.stop.wait(1 / frame_rate):
            return


def subscription(kind: Kind, source: str, state: str) -> dict[str, Any]:
    """The media map of one medium; a source that is not Daily's own is a custom track's name."""
    if source in _OWN_MEDIA[kind]:
        return {source: state}
    return {f"custom{kind}": {source: state}}


def audio_sending(channels: int, bitrate: int | None) -> dict[str, Any]:
    """How a custom audio track is sent; `bitrate` in bits a second."""
    limit = {} if bitrate is None else {"bitrate": bitrate}
    return {"channelConfig": "stereo" if channels > 1 else "mono", **limit}


def video_sending(frame_rate: int, bitrate: int | None) -> dict[str, Any]:
    """How a custom video track is sent: one layer, so that everybody gets the same picture."""
    limit = {} if bitrate is None else {"maxBitrate": bitrate}
    return {"maxQuality": "low", "encodings": {"low": {"maxFramerate": frame_rate, **limit}}}


def _mono(frames: bytes, channels: int) -> bytes:
    if channels == 1:
        return frames
    import numpy as np  # noqa: PLC0415 - large, and most bots handle no audio

    samples = np.frombuffer(frames, dtype="<i2").reshape(-1, channels)
    return bytes(samples.mean(axis=1).astype("<i2"))
