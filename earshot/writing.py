"""An answer on a screen while it is being written: what to print next. Prints nothing itself."""

import msgspec

from earshot.text import plain

AFRESH = "\n(starting again)\n"


class Written(msgspec.Struct, frozen=True):
    """What stands on the screen of the present attempt; `missed` once a piece was lost."""

    text: str = ""
    missed: bool = False


def piece(written: Written, offset: int, text: str) -> tuple[Written, str]:
    """One more piece of the answer, and what to print of it.

    Offset 0 starts afresh; after a lost piece nothing is printed until the whole answer is there.
    """
    if offset == 0:
        return Written(text), (AFRESH if written.text else "") + plain(text)
    known = len(written.text)
    if written.missed or offset > known:
        return Written(written.text, missed=True), ""
    new = text[known - offset :]
    return Written(written.text + new), plain(new)


def whole(written: Written, answer: str) -> str:
    """What is left to print when the answer is complete, line end included."""
    if answer.startswith(written.text):
        return plain(answer[len(written.text) :]) + "\n"
    return AFRESH + plain(answer) + "\n"
