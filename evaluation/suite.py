"""What every suite is given and gives back: the seam between suites and the command."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import msgspec

from earshot.client import Client
from evaluation.model import Results
from evaluation.sections import Section
from evaluation.visiting import Tell


class System(msgspec.Struct, frozen=True):
    """A system to measure: `reached` gives a client while it runs."""

    name: str
    settings: dict[str, str]
    reached: Callable[[], AbstractContextManager[Client]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure. Without `data` the bundled meetings; `listed` names some of the data's.

    `baseline` is an earlier run's part of the same suite; a mean below it by more than `tolerance`
    is a regression. `at_once` is how many requests are on their way at a time.
    """

    systems: tuple[System, ...]
    tell: Tell
    data: Path | None = None
    listed: Path | None = None
    budgets: tuple[int, ...] = ()
    counter: str = "regex"
    baseline: Results | None = None
    tolerance: float = 0.01
    at_once: int = 8


class Outcome(msgspec.Struct, frozen=True):
    """What was measured, what there is to show of it, and a sentence for each thing that is worse
    than it may be."""

    results: Results
    sections: tuple[Section, ...]
    failures: tuple[str, ...]


Suite: TypeAlias = Callable[[Wanted], Outcome]
"""Raises BadInputError and EarshotError."""
