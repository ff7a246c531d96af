"""Foreign text made harmless for a terminal, and the shapes the commands print. Prints nothing."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from contracts.events import SegmentRef

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor movement
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # window titles
    r"|\x1b[ -/]*[0-~]"
)
_LOGIN = re.compile(r"//[^/?#]*@")
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the writing direction round: they can make a line look like another one."""

_HARMFUL = dict.fromkeys((*_CONTROLS, *_DIRECTIONS))
_KEPT = {ord("\n"), ord("\t")}
_TEXT = {code: None for code in _HARMFUL if code not in _KEPT}
_LINE = _TEXT | dict.fromkeys(map(ord, "\n\t\u2028\u2029"), " ")
_JSON = {code: f"\\u{code:04x}" for code in _HARMFUL}


def plain(text: str) -> str:
    """Without escape sequences, control characters and direction marks; lines stay lines."""
    return _SEQUENCE.sub("", text).translate(_TEXT)


def one_line(text: str) -> str:
    """As `plain`, in one line."""
    return _SEQUENCE.sub("", text).translate(_LINE)


def masked(url: str) -> str:
    """The address without the name and password that may stand before its host."""
    return _LOGIN.sub("//***@", one_line(url))


def json_text(given: str) -> str:
    """JSON as it is, but for what a terminal would obey: that is escaped, which means the same."""
    return given.translate(_JSON)


def json_line(value: object) -> str:
    """JSON in one line; what a terminal would obey is escaped, which JSON readers undo."""
    return json_text(msgspec.json.encode(value).decode())


def clock(seconds: float) -> str:
    """An offset into a meeting as mm:ss, or h:mm:ss from an hour on."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes:02}:{whole % 60:02}"
    return f"{hours}:{tail}" if hours else tail


def citation(ref: SegmentRef) -> str:
    """Where an answer's support was said, and by whom."""
    return f"[{clock(ref.start)}] {one_line(ref.speaker or 'unknown speaker')}"


def tail(lines: Iterable[str], indent: str = "    ") -> str:
    """Lines of a log under the sentence that announces them."""
    return "\n".join(indent + one_line(line) for line in lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, every column but the last as wide as its widest cell."""
    safe = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]
