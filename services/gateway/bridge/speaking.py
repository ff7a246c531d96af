"""The transcript as the text of an app message. Pure."""

from collections.abc import Iterator

from services.gateway import transcript
from services.gateway.plain import one_line
from services.gateway.transcript import View

MOST = 30_000
"""Characters of a transcript in an app message, the note above it not counted."""

CUT = f"(The beginning is left out: these are the last {MOST:,} characters.)"


def text(view: View) -> str:
    """A line a segment, `Name: text`; of a long meeting the last lines, below a note saying so."""
    whole = "\n".join(_lines(view))
    if len(whole) <= MOST:
        return whole
    last = whole[-MOST:]
    if whole[-MOST - 1] != "\n":
        last = last.partition("\n")[2] or last
    return f"{CUT}\n{last}"


def _lines(view: View) -> Iterator[str]:
    for name, heard in transcript.named(view):
        yield f"{name}: {one_line(heard.text)}"
