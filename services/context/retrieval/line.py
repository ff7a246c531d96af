"""A line of a meeting as retrieval needs it. Pure data."""

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A segment: who said what, what it costs in a context, and when it was said.

    `number` is unique in its meeting, below 2**63, and stays when text or speaker change. `tokens`
    is the cost of the rendered line, `runs` the plainest count of it; `start` and `end` are seconds
    from the start of the meeting. One without text or cost is never chosen.
    """

    number: int
    speaker: str | None
    text: str
    tokens: float
    start: float
    end: float
    runs: int = 0

    @property
    def blank(self) -> bool:
        """Whether nothing is left of it to choose."""
        return not (self.tokens > 0 and self.text.strip())
