"""`doctor`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from earshot import doctor as checks
from earshot import findings, text
from earshot.cli import options
from earshot.cli.options import AsJson, Key, Url
from services._runtime.settings import shown


def doctor(
    *,
    url: Url = None,
    key: Key = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where `up` keeps everything.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every part, and print the settings with secrets masked; exit 1 if something fails."""
    settings, found = options.loaded(data_dir=data_dir), options.outside(url, key)
    values = shown(settings) | {
        "EARSHOT_URL": text.masked(found.url),
        "EARSHOT_API_KEY": str(found.api_key),
    }
    results = asyncio.run(checks.examine(settings, found.url))
    if as_json:
        typer.echo(text.json_line({"settings": values, "checks": results}))
    else:
        for line in text.columns(sorted(values.items())):
            typer.echo(line)
        typer.echo("")
        for result in results:
            typer.echo(findings.line(result))
    if findings.any_fail(results):
        raise typer.Exit(1)
