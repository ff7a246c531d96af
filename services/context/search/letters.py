"""Text as the index holds it: harmless, and with words where a script does not write them apart.

Pure. Chinese and Japanese put no spaces between words: a mark that nobody sees stands between
their characters, so that each is a word and a word of several is a phrase. `shown` takes the marks
out again.
"""

import re

_BETWEEN = "\u200b"
_CONTROLS: dict[int, str | None] = {
    code: " " if chr(code).isspace() else None for code in (*range(0x20), 0x7F)
}
"""They mean nothing to a reader, and two of them mark what was found in a snippet."""
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def clean(text: str) -> str:
    """What was said as the index holds it; control characters go, breaks become spaces."""
    return spaced(text.translate(_CONTROLS))


def spaced(text: str) -> str:
    """The text with a mark after each character that is a word by itself."""
    if text.isascii():
        return text
    return _UNSPACED.sub(rf"{_BETWEEN}\g<0>{_BETWEEN}", text.replace(_BETWEEN, ""))


def shown(text: str) -> str:
    """The text as it was said."""
    return text.replace(_BETWEEN, "")


def word_count(text: str) -> int:
    """About how many words a text of the index has."""
    return len(text.split()) + text.count(_BETWEEN) // 2
