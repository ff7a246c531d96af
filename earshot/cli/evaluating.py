"""`eval`: recordings through the whole system, scored."""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import TaskID

from earshot import text
from earshot.cli import options
from earshot.cli.options import AsJson, Key
from earshot.cli.progress import Bars
from earshot.cli.talking import say, told
from services._runtime import settings
from services._runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from evaluation.suite import Outcome, System, Wanted

BAD_INPUT = 2
OUR_OWN = frozenset(
    {"nats_url", "data_dir", "master_key", "host", "port", "health_port", "api_keys", "instance"}
)
"""Settings of the embedded system that no variant can choose."""


class UnfitError(Exception):
    """What was given cannot be used; a sentence for a person."""


def evaluate(
    suite: Annotated[list[str], typer.Argument(help="What to measure: context.")],
    *,
    variant: Annotated[
        list[Path] | None,
        typer.Option(help="Settings (TOML) to measure with; several stand side by side."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="An earlier run's --out; exit 1 if this one is worse.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="How much lower than the baseline a mean may be.")
    ] = 0.01,
    out: Annotated[
        Path | None, typer.Option(help="Directory for results.json and report.html.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Directory with recordings/ and queries.jsonl; else the bundled set."),
    ] = None,
    meetings: Annotated[
        Path | None, typer.Option(help="File with the ids of the meetings to take of the data.")
    ] = None,
    budget: Annotated[
        list[int] | None, typer.Option(min=200, help="Tokens of a context; may be repeated.")
    ] = None,
    counter: Annotated[
        str, typer.Option(help="What counts tokens: regex, or cl100k where tiktoken is at hand.")
    ] = "regex",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Requests side by side.")] = 8,
    url: Annotated[
        str | None, typer.Option(help="An Earshot that runs; without it one is started.")
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Play recordings through the whole system and score what comes of them.

    Starts an Earshot of its own, without any key, and stops it at the end; --url takes one that
    runs. Exit 1 when a context is over its budget or says what is not so, and on a regression.
    """
    # imported late: no other command should have to load what this one needs
    from evaluation.suite import Wanted  # noqa: PLC0415

    with _bad_input(), told(), Bars() as bars:
        _check_out(out)
        wanted = Wanted(
            systems=_systems(variant or [], url, key),
            tell=_Progress(bars).tell,
            data=data,
            listed=meetings,
            budgets=tuple(budget or ()),
            counter=counter,
            tolerance=tolerance,
            at_once=at_once,
        )
        outcomes = _run(suite, wanted, baseline)
    try:
        _show(outcomes, as_json=as_json)
    finally:
        with _bad_input():
            _write(out, outcomes)
    if any(outcome.failures for outcome in outcomes.values()):
        raise typer.Exit(1)


def _run(names: list[str], wanted: "Wanted", baseline: Path | None) -> "dict[str, Outcome]":
    from evaluation import suites  # noqa: PLC0415 - as above

    checked = suites.check(names)
    before = suites.earlier(baseline, checked) if baseline else {}
    return {
        name: suites.run(name, msgspec.structs.replace(wanted, baseline=before.get(name)))
        for name in checked
    }


def _systems(variants: list[Path], url: str | None, key: str | None) -> "tuple[System, ...]":
    from evaluation import systems  # noqa: PLC0415 - as above

    if url is None:
        if not variants:
            return (systems.own("earshot", {}, {}),)
        found = tuple(systems.own(file.stem, *_variables(file)) for file in variants)
        if len({one.name for one in found}) < len(found):
            raise UnfitError("Two variants have the same name: a run is named by its file")
        return found
    if variants:
        raise UnfitError("A variant starts an Earshot of its own: give --variant or --url")
    outside = options.outside(url, key)
    return (systems.running(outside.url, outside.key),)


def _variables(file: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The variables that a file of settings stands for, and the same with secrets masked."""
    given = _toml(file)
    for name in given:
        if name not in Settings.model_fields:
            raise UnfitError(f"{file}: there is no setting {name!r}")
        if name in OUR_OWN:
            raise UnfitError(f"{file}: {name} is not for a variant to choose")
    try:
        loaded = settings.load(**given)
    except SettingsError as error:
        raise UnfitError(f"{file}: {error}") from None
    shown = settings.shown(loaded)
    names = {name: str(Settings.model_fields[name].alias) for name in given}
    plain = {alias: str(given[name]) for name, alias in names.items()}
    return plain, {alias: shown[alias] for alias in names.values()}


def _toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnfitError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnfitError(f"{file}: is not TOML: {error}") from None


@contextlib.contextmanager
def _bad_input() -> Iterator[None]:
    from evaluation.model import BadInputError  # noqa: PLC0415 - as above

    try:
        yield
    except (BadInputError, UnfitError) as error:
        say(str(error))
        raise typer.Exit(BAD_INPUT) from None


def _check_out(out: Path | None) -> None:
    """Before minutes are spent on what cannot be kept."""
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnfitError(f"{out}: {error.strerror}") from None


def _write(out: Path | None, outcomes: "Mapping[str, Outcome]") -> None:
    from evaluation import suites  # noqa: PLC0415 - as above

    if out is None:
        return
    try:
        (out / "results.json").write_bytes(suites.encode(outcomes))
        (out / "report.html").write_text(suites.report(outcomes), encoding="utf-8")
    except OSError as error:
        raise UnfitError(f"{out}: {error.strerror}") from None


def _show(outcomes: "Mapping[str, Outcome]", *, as_json: bool) -> None:
    from evaluation import suites  # noqa: PLC0415 - as above

    if as_json:
        typer.echo(text.json_text(suites.encode(outcomes).decode()))
    else:
        for outcome in outcomes.values():
            typer.echo(text.one_line(suites.about(outcome.results)))
            for section in outcome.sections:
                typer.echo(f"\n{text.one_line(section.title)}")
                for line in text.columns((section.head, *section.rows)):
                    typer.echo(line)
    for outcome in outcomes.values():
        for failure in outcome.failures:
            say(failure)


class _Progress:
    """One bar, for what is being done at the moment."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._what, self._bar = "", TaskID(0)

    def tell(self, what: str, done: int, total: int) -> None:
        """`done` of `total`."""
        if what != self._what:
            if self._what:
                self._bars.end(self._bar)
            self._what, self._bar = what, self._bars.begin(what, total)
        self._bars.show(self._bar, done, total)
