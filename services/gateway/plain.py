"""Foreign text to one harmless line. Does not touch words, letters or the spaces between them."""

_LINE_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the writing direction round: they can make a line look like another one."""

_TABLE = dict.fromkeys((*_CONTROLS, *_DIRECTIONS)) | dict.fromkeys(map(ord, _LINE_BREAKS), " ")


def one_line(text: str) -> str:
    """Line breaks and tabs become spaces; control characters and direction marks go."""
    return text.replace("\r\n", "\n").translate(_TABLE)
