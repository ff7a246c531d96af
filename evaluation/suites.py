"""The suites by name, the file their results are kept in, and the runs of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from evaluation import context, html
from evaluation.model import BadInputError, Results
from evaluation.suite import Outcome, Suite, Wanted

EVERY: Mapping[str, Suite] = {"context": context.run}


class Kept(msgspec.Struct, frozen=True):
    """`results.json`; `earshot_eval` is the version of the format."""

    earshot_eval: Literal[1]
    suites: dict[str, Results]


def check(names: Iterable[str]) -> tuple[str, ...]:
    """The suites, each once; raises BadInputError for one that is not there."""
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in EVERY:
            raise BadInputError(f"There is no suite {name!r}; there is {', '.join(EVERY)}")
    return wanted


def run(name: str, wanted: Wanted) -> Outcome:
    """One suite's outcome; raises BadInputError and EarshotError."""
    return EVERY[name](wanted)


def encode(outcomes: Mapping[str, Outcome]) -> bytes:
    """The file's bytes."""
    return msgspec.json.encode(Kept(1, {name: one.results for name, one in outcomes.items()}))


def report(outcomes: Mapping[str, Outcome]) -> str:
    """An HTML page of everything there is to show."""
    parts = [(f"Suite {name}", about(one.results), one.sections) for name, one in outcomes.items()]
    bad = [failure for one in outcomes.values() for failure in one.failures]
    return html.page("Earshot evaluation", parts, bad)


def about(results: Results) -> str:
    """What was measured, in a line."""
    runs = "; ".join(_run(one.name, one.settings) for one in results.runs)
    return (
        f"{results.name}: {results.meetings} meetings, {results.questions} questions; "
        f"tokens by {results.counter}; runs: {runs}"
    )


def _run(name: str, settings: Mapping[str, str]) -> str:
    told = ", ".join(f"{key}={value}" for key, value in settings.items())
    return f"{name} ({told})" if told else name


def earlier(run: Path, names: Iterable[str]) -> dict[str, Results]:
    """The results of an earlier run, by its file or directory.

    Raises BadInputError when a suite is not in it.
    """
    file = run / "results.json" if run.is_dir() else run
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Kept)
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file}: not a results.json of this version: {error}") from None
    if missing := [name for name in names if name not in kept.suites]:
        raise BadInputError(f"{file}: has no results of the suite {missing[0]}")
    return kept.suites
