"""An append-only file of messages on their way: what is in it survives the death of the process.

Segments of bounded size hold length- and checksum-framed entries. What a power loss or a failing
disk does to them costs the damaged entries alone, and is reported. Knows nothing of NATS.
"""

import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple, Self

import msgspec
import structlog

log = structlog.get_logger()

SEGMENT_BYTES = 8 << 20

_FRAME = Struct("<II")  # length, CRC-32


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One message to be published; `put_at` in seconds since the epoch."""

    subject: str
    key: str
    headers: dict[str, str]
    data: bytes
    put_at: float


class Position(NamedTuple):
    """A place between two entries."""

    segment: int
    offset: int


class Cursor(msgspec.Struct, frozen=True):
    """What the server has: `acked` up to where it said so, `settled` up to where it surely wrote it
    to disk, and which server said it."""

    acked: Position
    settled: Position
    server_id: str = ""


class LockedError(Exception):
    """Another process uses this spool."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)

_NOWHERE = Position(0, 0)
"""Before every entry."""


class Spool:
    """One directory of segments and a cursor, held by one process at a time.

    A segment's number is never used twice, and one with a damaged end is not written to again: a
    cursor older or newer than the entries, as a power loss may leave it, skips none of them.
    """

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Raises LockedError when another process holds the directory."""
        self._directory, self._segment_bytes = directory, segment_bytes
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise LockedError(str(directory)) from None
        numbers = sorted(int(path.stem) for path in directory.glob("*.seg"))
        self._sizes = {number: self._path(number).stat().st_size for number in numbers}
        last = Position(numbers[-1], self._sizes[numbers[-1]]) if numbers else _NOWHERE
        self.end = self._at = self._cut_end()
        found = self._read_cursor()
        self.cursor = self._saved = self._fit(found)
        self._next = max(last.segment, found.acked.segment) + 1
        self._writer: int | None = None
        if last == self.end >= found.acked and numbers:
            self._writer = os.open(self._path(last.segment), os.O_WRONLY)

    def close(self) -> None:
        """Write everything to disk and let the directory go."""
        self.save()
        self.sync()
        if self._writer is not None:
            os.close(self._writer)
        self._lock.close()

    def remove(self) -> None:
        """Delete the directory and all in it, and let it go."""
        try:
            shutil.rmtree(self._directory)
        except OSError as error:  # who else opened it meanwhile finds what is left
            log.info("spool.not_removed", error=type(error).__name__)
        if self._writer is not None:
            os.close(self._writer)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def backlog(self) -> int:
        """Bytes the server has not acknowledged yet."""
        acked = self.cursor.acked
        return sum(size for at, size in self._sizes.items() if at >= acked.segment) - acked.offset

    def put(self, entry: Entry) -> None:
        """Append; when this returns, the entry survives the process (`sync`: the machine).

        Raises OSError when the disk takes no more; nothing is appended then.
        """
        writer = self._writer
        if writer is None or self._at.offset >= self._segment_bytes:
            writer = self._begin_segment()
        frame, written = _frame(entry), 0
        segment, offset = self._at
        # Not appended but from here on: what a failed attempt left behind is written over.
        while written < len(frame):
            written += os.pwrite(writer, frame[written:], offset + written)
        self._sizes[segment] = offset + written
        self.end = self._at = Position(segment, offset + written)

    def put_aside(self, entry: Entry) -> None:
        """Keep an entry that nobody will take in a file of its own, framed like the others."""
        with (self._directory / "refused").open("ab") as file:
            file.write(_frame(entry))

    def sync(self) -> None:
        """Have the operating system write what was put to the disk. May run in another thread."""
        # By name, for `put` may go on to the next segment meanwhile; it syncs the one it leaves.
        if self.end != _NOWHERE:
            _sync(self._path(self.end.segment))

    def entries(self, start: Position) -> Iterator[tuple[Position, Entry]]:
        """Entries from `start` to the present end, each with the position behind it."""
        for segment in [number for number in self._sizes if number >= start.segment]:
            offset = start.offset if segment == start.segment else 0
            for behind, body in self._frames(segment, offset):
                if body is None:
                    log.error("spool.damaged", segment=segment, bytes=behind - offset)
                else:
                    yield Position(segment, behind), _decoder.decode(body)
                offset = behind

    def move(self, cursor: Cursor) -> None:
        """Remember how far the server is, for now in memory."""
        self.cursor = cursor

    def save(self) -> None:
        """Write the cursor down and remove the segments that are surely on the server's disk.

        A cursor that was not written down costs sending again, which the server recognises.
        """
        if self.cursor == self._saved:
            return
        temporary = self._directory / "cursor.new"
        temporary.write_bytes(msgspec.json.encode(self.cursor))
        temporary.replace(self._directory / "cursor")
        self._saved = self.cursor
        for segment in [number for number in self._sizes if number < self.cursor.settled.segment]:
            self._path(segment).unlink(missing_ok=True)
            del self._sizes[segment]

    def _begin_segment(self) -> int:
        if self._writer is not None:
            os.fsync(self._writer)
            os.close(self._writer)
            self._writer = None
        self._at, self._next = Position(self._next, 0), self._next + 1
        path = self._path(self._at.segment)
        self._writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._sizes[self._at.segment] = 0
        _sync(self._directory)
        return self._writer

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:012d}.seg"

    def _read_cursor(self) -> Cursor:
        try:
            return msgspec.json.decode((self._directory / "cursor").read_bytes(), type=Cursor)
        except (FileNotFoundError, ValueError):
            return Cursor(_NOWHERE, _NOWHERE)  # lost or torn: everything is sent again

    def _fit(self, cursor: Cursor) -> Cursor:
        """Bring a cursor within what entries there are."""
        first = Position(min(self._sizes, default=0), 0)
        settled = min(max(cursor.settled, first), self.end)
        return Cursor(min(max(cursor.acked, settled), self.end), settled, cursor.server_id)

    def _cut_end(self) -> Position:
        """Disregard what lies behind the last whole entry, and say where that ends."""
        for segment in reversed(self._sizes):
            whole = 0
            for behind, body in self._frames(segment, 0):
                whole = whole if body is None else behind
            if rest := self._sizes[segment] - whole:
                log.error("spool.damaged", segment=segment, bytes=rest)
                self._sizes[segment] = whole
            if whole:
                return Position(segment, whole)
        return _NOWHERE

    def _frames(self, segment: int, offset: int) -> Iterator[tuple[int, bytes | None]]:
        """Each frame's body, None for a damaged one, with the offset behind it."""
        with self._path(segment).open("rb") as file:
            file.seek(offset)
            while offset < (size := self._sizes.get(segment, 0)):
                head = file.read(_FRAME.size)
                length, checksum = _FRAME.unpack(head) if len(head) == _FRAME.size else (0, 0)
                if not 0 < length <= size - offset - _FRAME.size:
                    yield size, None  # where the next frame begins nobody knows
                    return
                body = file.read(length)
                offset += _FRAME.size + length
                yield offset, body if zlib.crc32(body) == checksum else None


def _frame(entry: Entry) -> bytes:
    body = _encoder.encode(entry)
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
