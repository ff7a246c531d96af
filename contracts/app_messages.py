"""App messages as Daily takes them: JSON objects of at most 4,096 bytes. Pure."""

import msgspec

LIMIT = 4096
"""Bytes of JSON that Daily hands on; what becomes of more is not known."""


def size(message: object) -> int:
    """Bytes of the message as compact JSON."""
    return len(msgspec.json.encode(message))


def parts(kind: str, data: str, limit: int = LIMIT, *, id: str) -> list[dict[str, str | int]]:  # noqa: A002 - the field's name on the wire
    """`{"kind", "data"}` where that fits into `limit` bytes, else the data in numbered parts.

    A part is `{"kind", "data", "part", "parts", "id"}` with `part` from 1 to `parts`; their data
    put together in order is the whole. Raises ValueError when not even one character fits.
    """
    clean = _clean(data)
    whole: dict[str, str | int] = {"kind": kind, "data": clean}
    if size(whole) <= limit:
        return [whole]
    # the numbers are written as long as they can get, so that no part outgrows the limit later
    frame = {"kind": kind, "data": "", "part": len(clean), "parts": len(clean), "id": id}
    pieces = _pieces(clean, limit - size(frame))
    return [
        {"kind": kind, "data": piece, "part": number, "parts": len(pieces), "id": id}
        for number, piece in enumerate(pieces, 1)
    ]


def _pieces(text: str, room: int) -> list[str]:
    """The text in pieces whose JSON takes at most `room` bytes, quotes not counted."""
    pieces, start, used = [], 0, 0
    for at, character in enumerate(text):
        cost = size(character) - 2
        if cost > room:
            raise ValueError(f"limit: leaves {room} bytes for text")
        if used + cost > room:
            pieces.append(text[start:at])
            start, used = at, 0
        used += cost
    return [*pieces, text[start:]]


def _clean(text: str) -> str:
    """Without what Daily's client does not take: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode(errors="replace").decode()
