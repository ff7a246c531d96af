"""The command line put together."""

import importlib.metadata
from typing import Annotated

import typer

from earshot.cli.asking import ask, summary
from earshot.cli.benching import bench
from earshot.cli.checking import doctor
from earshot.cli.evaluating import evaluate
from earshot.cli.joining import join
from earshot.cli.playing import import_, replay
from earshot.cli.reading import record, sessions, transcript
from earshot.cli.running import provision, serve, up

app = typer.Typer(
    name="earshot",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"earshot {importlib.metadata.version('earshot')}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """A real-time meeting assistant you host yourself."""
    del version  # it was answered already


for command in (
    up,
    serve,
    provision,
    join,
    sessions,
    ask,
    summary,
    transcript,
    record,
    replay,
    doctor,
):
    app.command()(command)
app.command("import")(import_)
app.command("eval")(evaluate)
app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(bench)
