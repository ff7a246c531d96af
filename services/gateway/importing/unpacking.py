"""Uploaded bytes to UTF-8 bytes, gzip or not, never more of them than the limit."""

import gzip
import io
import zlib
from codecs import BOM_UTF8

from services.gateway.importing.model import OversizedRecordingError, UnreadableRecordingError

_GZIP = b"\x1f\x8b"


def unpack(data: bytes, limit: int) -> bytes:
    """Plain UTF-8 without a byte order mark, at most `limit` bytes.

    Raises UnreadableRecordingError when it is more, damaged, empty, or another encoding.
    """
    plain = _inflate(data, limit) if data.startswith(_GZIP) else data
    if len(plain) > limit:
        raise OversizedRecordingError(f"the file holds more than {limit} bytes")
    plain = plain.removeprefix(BOM_UTF8)
    if not plain.strip():
        raise UnreadableRecordingError("the file is empty")
    _check_encoding(plain)
    return plain


def _inflate(data: bytes, limit: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableRecordingError(f"the gzip data is damaged: {error}") from error


def _check_encoding(plain: bytes) -> None:
    try:
        plain.decode()
    except UnicodeDecodeError as error:
        line = plain.count(b"\n", 0, error.start) + 1
        raise UnreadableRecordingError(
            f"line {line}: byte {error.start} is not UTF-8 ({error.reason})"
        ) from error
