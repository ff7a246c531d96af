"""Sound and pictures in files: made here, read back, and refused when they are something else."""

import io
import wave
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.bot import pictures
from services.ingest.bot.pictures import BadMediaError, decode_audio, decode_picture, encode_png
from services.ingest.bot.seam import Frame

RED, BLUE = bytes([255, 0, 0, 255]), bytes([0, 0, 255, 255])
BLACK = (0, 0, 0, 255)


def wav(samples, rate, channels=1):
    """A WAV file of these 16-bit samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples)
    return file.getvalue()


def encoded(codec, container, seconds=1, rate=48_000):
    """A tone as a file of another kind."""
    tone = (np.sin(np.arange(rate * seconds) * 0.06) * 9000).astype("<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
    frame.sample_rate = rate
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        size = stream.codec_context.frame_size or 1024
        fitting = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=size)
        for piece in (*fitting.resample(frame), *fitting.resample(None)):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


def pixels(frame):
    """Rows of pixels."""
    return np.frombuffer(frame.pixels, dtype=np.uint8).reshape(frame.height, frame.width, 4)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=5000))
def test_samples_of_the_wanted_kind_come_through_unchanged(numbers):
    samples = np.array(numbers, dtype="<i2").tobytes()
    assert decode_audio(wav(samples, 16_000), 16_000, 1) == samples


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 32_000, 48_000])
def test_sound_comes_at_the_wanted_rate_and_channels(rate, channels):
    stereo = np.full((44_100, 2), (4000, 8000), dtype="<i2").tobytes()
    got = np.frombuffer(decode_audio(wav(stereo, 44_100, 2), rate, channels), dtype="<i2")
    frames = got.reshape(-1, channels)
    assert abs(len(frames) - rate) <= 2
    middle = frames[rate // 2].tolist()
    assert middle == pytest.approx([6000] if channels == 1 else [4000, 8000], abs=5)


@pytest.mark.parametrize(
    ("codec", "container"),
    [("flac", "flac"), ("libmp3lame", "mp3"), ("libopus", "ogg"), ("aac", "mp4"), ("aac", "adts")],
)
def test_other_kinds_of_files_are_read(codec, container):
    got = decode_audio(encoded(codec, container), 16_000, 1)
    assert len(got) / 2 / 16_000 == pytest.approx(1, abs=0.1)
    assert np.abs(np.frombuffer(got, dtype="<i2")).max() > 5000


def test_sound_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST_SECONDS", 2.0)
    assert decode_audio(wav(bytes(32_000), 8000), 8000, 1)
    with pytest.raises(BadMediaError, match="longer than 2 s"):
        decode_audio(wav(bytes(32_100), 8000), 8000, 1)


def test_a_slow_rate_does_not_make_a_small_file_large():
    with pytest.raises(BadMediaError, match="longer than 600 s"):
        decode_audio(wav(bytes(20_000), 1), 48_000, 2)


PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.parametrize(
    "data", [b"", b"hello", bytes(5000), PLAYLIST, CONCAT, b"RIFF\0\0\0\0WAVE"]
)
def test_what_is_no_media_is_refused(data):
    with pytest.raises(BadMediaError):
        decode_audio(data, 16_000, 1)
    with pytest.raises(BadMediaError):
        decode_picture(data, 16, 16)


def test_no_file_makes_it_read_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound.wav").write_bytes(wav(bytes(16_000), 8000))
    with pytest.raises(BadMediaError):
        decode_audio(b"ffconcat version 1.0\nfile sound.wav\n", 8000, 1)


def test_a_picture_is_no_sound_and_a_sound_no_picture():
    with pytest.raises(BadMediaError):
        decode_audio(encode_png(Frame(4, 4, RED * 16)), 16_000, 1)
    with pytest.raises(BadMediaError):
        decode_picture(wav(bytes(3200), 16_000), 16, 16)


@given(st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_picture_of_the_wanted_size_comes_through_unchanged(width, height, random):
    colours = b"".join(random.randbytes(3) + b"\xff" for _ in range(width * height))
    frame = Frame(width, height, colours)
    assert decode_picture(encode_png(frame), width, height) == frame


@pytest.mark.parametrize(("width", "height"), [(64, 64), (200, 20), (20, 200), (1, 1), (16, 16)])
def test_a_picture_keeps_its_shape_in_the_middle_of_black(width, height):
    got = decode_picture(encode_png(Frame(40, 20, BLUE * 800)), width, height)
    rows = pixels(got)
    assert rows.shape == (height, width, 4)
    blue = (rows == np.frombuffer(BLUE, dtype=np.uint8)).all(axis=2)
    assert ((rows == BLACK).all(axis=2) | blue).all()
    ys, xs = np.nonzero(blue)
    across, down = np.ptp(xs) + 1, np.ptp(ys) + 1
    assert across == width or down == height
    assert blue.sum() == across * down
    assert across == pytest.approx(min(width, height * 2), abs=1)
    assert abs(int(xs.min()) - (width - 1 - int(xs.max()))) <= 1
    assert abs(int(ys.min()) - (height - 1 - int(ys.max()))) <= 1


def test_what_is_transparent_is_black():
    half = bytes([255, 255, 255, 0]) * 8 + bytes([255, 255, 255, 255]) * 8
    rows = pixels(decode_picture(encode_png(Frame(4, 4, half)), 4, 4))
    assert tuple(rows[0, 0]) == BLACK
    assert tuple(rows[3, 3]) == (255, 255, 255, 255)


def test_a_picture_of_too_many_pixels_is_refused(monkeypatch):
    large = encode_png(Frame(300, 300, bytes(4 * 300 * 300)))
    assert decode_picture(large, 16, 16)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    with pytest.raises(BadMediaError):
        decode_picture(large, 16, 16)


@pytest.mark.parametrize("cut", [9, 40, 60])
def test_half_a_picture_is_refused(cut):
    with pytest.raises(BadMediaError):
        decode_picture(encode_png(Frame(40, 40, RED * 1600))[:cut], 16, 16)


def test_a_frame_that_is_not_its_size_is_no_png():
    with pytest.raises(BadMediaError, match="4 by 4"):
        encode_png(Frame(4, 4, RED * 15))


SOUND, PICTURE = encoded("flac", "flac"), encode_png(Frame(40, 40, RED * 1600))


@given(st.integers(0, 399), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(place, damage):
    with suppress(BadMediaError):
        decode_audio(SOUND[:place] + damage + SOUND[place + len(damage) :], 16_000, 1)
    place %= len(PICTURE)
    with suppress(BadMediaError):
        decode_picture(PICTURE[:place] + damage + PICTURE[place + len(damage) :], 16, 16)
