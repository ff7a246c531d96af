"""Given some history, when a command arrives, then these facts follow."""

from dataclasses import dataclass
from types import ModuleType

import pytest


@dataclass(frozen=True)
class Spec:
    decider: ModuleType
    history: tuple = ()
    command: object = None

    def given(self, *events):
        return Spec(self.decider, events)

    def when(self, command):
        return Spec(self.decider, self.history, command)

    def then(self, *expected):
        """The facts follow; and once they hold, the same command adds nothing."""
        state = self.decider.fold(self.history)
        assert self.decider.decide(self.command, state) == expected
        settled = self.decider.fold(expected, state)
        assert self.decider.decide(self.command, settled) == (), "not idempotent"

    def then_rejected(self, match):
        with pytest.raises(self.decider.RejectedError, match=match):
            self.decider.decide(self.command, self.decider.fold(self.history))
