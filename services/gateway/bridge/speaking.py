"""The transcript as the text of an app message. Pure."""

from collections.abc import Iterator

from contracts.commands import UNKNOWN_SPEAKER
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
    for _, heard in view.heard:
        name = heard.speaker or view.names.get(heard.speaker_id or "") or UNKNOWN_SPEAKER
        yield f"{one_line(name).strip()}: {one_line(heard.text)}"
