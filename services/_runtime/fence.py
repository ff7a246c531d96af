"""One writer at a time: the server compares, at each message, who may write."""

from typing import NamedTuple

from services._runtime.jetstream import EXPECT, EXPECT_IN


class FencedError(Exception):
    """Somebody else writes in our place by now: nothing we write is taken any more."""


class Fence(NamedTuple):
    """What must still be the last message under `subject` for ours to be taken: its sequence."""

    subject: str
    seq: int

    def headers(self) -> dict[str, str]:
        """What the server checks at each message."""
        return {EXPECT: str(self.seq), EXPECT_IN: self.subject}
