"""Sound and pictures in files, to and from the plain samples and pixels of a call.

The only file that knows `av`. Files are untrusted: only formats that hold their media themselves
are opened, so that no file makes it read another, and memory is bounded by the limits below.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer

from services.ingest.bot.seam import Frame

LONGEST_SECONDS = 600.0
MOST_PIXELS = 7680 * 4320

_SOUND = "aac,ac3,aiff,amr,au,caf,flac,matroska,mov,mp3,mp4,ogg,wav,w64,wv"
_PICTURES = "apng,bmp_pipe,gif,jpeg_pipe,png_pipe,tiff_pipe,webp_pipe"
_LAYOUTS = {1: "mono", 2: "stereo"}


class BadMediaError(ValueError):
    """The file is not what it should be, or more than may be."""


def decode_audio(data: bytes, sample_rate: int, channels: int) -> bytes:
    """A file's first sound as 16-bit little-endian samples, the channels (1 or 2) interleaved.

    Raises BadMediaError for a file without sound, or with more than LONGEST_SECONDS of it.
    """
    pieces: list[bytes] = []
    seconds = Fraction()
    with _opened(data, _SOUND) as container:
        if not container.streams.audio:
            raise BadMediaError("the file has no sound")
        resampler = av.AudioResampler("s16", _LAYOUTS[channels], sample_rate)
        for frame in container.decode(audio=0):
            seconds += Fraction(frame.samples, max(1, frame.sample_rate))
            if seconds > LONGEST_SECONDS:
                raise BadMediaError(f"the sound is longer than {LONGEST_SECONDS:g} s")
            pieces += _resampled(resampler, frame)
        pieces += _resampled(resampler, None)
    return b"".join(pieces)


def decode_picture(data: bytes, width: int, height: int) -> Frame:
    """A file's first picture, as large as fits, in the middle of a black frame.

    Raises BadMediaError for a file without a picture, or one of more than MOST_PIXELS.
    """
    with _opened(data, _PICTURES) as container:
        if not container.streams.video:
            raise BadMediaError("the file has no picture")
        container.streams.video[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        picture = next(container.decode(video=0), None)
        if picture is None:
            raise BadMediaError("the file has no picture")
        scale = min(width / picture.width, height / picture.height)
        scaled = picture.reformat(
            width=max(1, round(picture.width * scale)),
            height=max(1, round(picture.height * scale)),
            format="rgba",
        )
        inner = np.asarray(scaled.to_ndarray(), dtype=np.uint8)
        return Frame(width, height, _letterboxed(inner, width, height).tobytes())


def encode_png(frame: Frame) -> bytes:
    """The picture as a PNG file. Raises BadMediaError when the pixels are not width by height."""
    if len(frame.pixels) != 4 * frame.width * frame.height:
        raise BadMediaError(f"the pixels are not {frame.width} by {frame.height}")
    pixels = np.frombuffer(frame.pixels, dtype=np.uint8).reshape(frame.height, frame.width, 4)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt, encoder.time_base = "rgba", Fraction(1)
    packets = [
        *encoder.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")),
        *encoder.encode(None),
    ]
    return b"".join(bytes(packet) for packet in packets)


@contextmanager
def _opened(data: bytes, formats: str) -> Iterator[InputContainer]:
    options = {"format_whitelist": formats, "max_pixels": str(MOST_PIXELS)}
    try:
        with av.open(
            io.BytesIO(data), mode="r", options=options, metadata_errors="ignore"
        ) as container:
            yield container
    except BadMediaError:
        raise
    except av.FFmpegError as error:
        raise BadMediaError(f"the file cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadMediaError(f"the file cannot be read: {error}") from error


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> list[bytes]:
    return [piece.to_ndarray().tobytes() for piece in resampler.resample(frame)]


def _letterboxed(inner: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """What is transparent becomes black: a call's video has no alpha."""
    whole = np.zeros((height, width, 4), dtype=np.uint8)
    whole[..., 3] = 255
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    opaque = inner[..., :3].astype(np.uint16) * inner[..., 3:] // 255
    whole[top : top + inner.shape[0], left : left + inner.shape[1], :3] = opaque
    return whole
