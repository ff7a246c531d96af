"""An append-only file of messages on their way: what is in it survives the death of the process.

Segments of bounded size hold length- and checksum-framed entries; a torn end is cut off at the next
start. Knows nothing of NATS.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple, Self

import msgspec

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


class Spool:
    """One directory of segments and a cursor, held by one process at a time."""

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
        self._segments = sorted(int(path.stem) for path in directory.glob("*.seg")) or [1]
        self.end = Position(self._segments[-1], self._intact(self._segments[-1]))
        self._writer = self._path(self.end.segment).open("ab")
        self._writer.truncate(self.end.offset)
        self.cursor = self._saved = self._load_cursor()

    def close(self) -> None:
        """Write everything to disk and let the directory go."""
        self.save()
        self.sync()
        self._writer.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def backlog(self) -> int:
        """Bytes the server has not acknowledged yet."""
        sizes = (
            self._path(segment).stat().st_size
            for segment in self._segments
            if segment >= self.cursor.acked.segment
        )
        return sum(sizes) - self.cursor.acked.offset

    def put(self, entry: Entry) -> None:
        """Append; when this returns, the entry survives the process (`sync`: the machine)."""
        body = _encoder.encode(entry)
        frame = _FRAME.pack(len(body), zlib.crc32(body)) + body
        self._writer.write(frame)
        self._writer.flush()
        self.end = Position(self.end.segment, self.end.offset + len(frame))
        if self.end.offset >= self._segment_bytes:
            self._begin_segment()

    def put_aside(self, entry: Entry) -> None:
        """Keep an entry that nobody will take in a file of its own, framed like the others."""
        body = _encoder.encode(entry)
        with (self._directory / "refused").open("ab") as file:
            file.write(_FRAME.pack(len(body), zlib.crc32(body)) + body)

    def sync(self) -> None:
        """Have the operating system write what was put to the disk."""
        os.fsync(self._writer.fileno())

    def entries(self, start: Position) -> Iterator[tuple[Position, Entry]]:
        """Entries from `start` to the present end, each with the position behind it."""
        for segment in [number for number in self._segments if number >= start.segment]:
            offset = start.offset if segment == start.segment else 0
            with self._path(segment).open("rb") as file:
                file.seek(offset)
                while Position(segment, offset) < self.end:
                    head = file.read(_FRAME.size)
                    if len(head) < _FRAME.size:
                        break
                    length, _ = _FRAME.unpack(head)
                    entry = _decoder.decode(file.read(length))
                    offset += _FRAME.size + length
                    yield Position(segment, offset), entry

    def move(self, cursor: Cursor) -> None:
        """Remember how far the server is, for now in memory."""
        self.cursor = cursor

    def save(self) -> None:
        """Write the cursor down and remove the segments that are surely on the server's disk.

        A cursor that was not written down costs sending again, which the server recognises.
        """
        if self.cursor == self._saved:
            return
        self._saved = self.cursor
        temporary = self._directory / "cursor.new"
        temporary.write_bytes(msgspec.json.encode(self.cursor))
        temporary.replace(self._directory / "cursor")
        while self._segments[0] < self.cursor.settled.segment:
            self._path(self._segments.pop(0)).unlink(missing_ok=True)

    def _begin_segment(self) -> None:
        self.sync()
        self._writer.close()
        self.end = Position(self.end.segment + 1, 0)
        self._segments.append(self.end.segment)
        self._writer = self._path(self.end.segment).open("ab")

    def _path(self, segment: int) -> Path:
        return self._directory / f"{segment:012d}.seg"

    def _load_cursor(self) -> Cursor:
        start = Position(self._segments[0], 0)
        try:
            cursor = msgspec.json.decode((self._directory / "cursor").read_bytes(), type=Cursor)
        except FileNotFoundError:
            return Cursor(start, start)
        # A cursor ahead of the entries means that their end was lost with the machine's power.
        settled = min(max(cursor.settled, start), self.end)
        return Cursor(min(max(cursor.acked, settled), self.end), settled, cursor.server_id)

    def _intact(self, segment: int) -> int:
        """How many bytes of a segment are whole entries."""
        path, offset = self._path(segment), 0
        if not path.exists():
            return 0
        with path.open("rb") as file:
            while len(head := file.read(_FRAME.size)) == _FRAME.size:
                length, checksum = _FRAME.unpack(head)
                body = file.read(length)
                if len(body) < length or zlib.crc32(body) != checksum:
                    break
                offset += _FRAME.size + length
        return offset
