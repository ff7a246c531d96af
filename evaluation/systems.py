"""Where a suite can be run: on an Earshot of its own, or on one that runs already."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial

from earshot.client import Client
from evaluation import embedded
from evaluation.suite import System


def own(name: str, settings: Mapping[str, str], shown: Mapping[str, str]) -> System:
    """One that is started with these variables for a run and stopped after it.

    `shown` are the variables as anybody may read them.
    """
    return System(name, dict(shown), partial(_started, settings))


def running(url: str, key: str | None) -> System:
    """The one at this address; what is imported stays there."""
    return System("running", {}, partial(Client, url, key))


@contextlib.contextmanager
def _started(settings: Mapping[str, str]) -> Iterator[Client]:
    with embedded.started(settings) as url, Client(url) as client:
        yield client
