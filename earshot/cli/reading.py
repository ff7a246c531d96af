"""`sessions`, `transcript` and `record`: what is there, read out."""

import sys
from typing import Annotated

import typer

from earshot import text
from earshot.cli.options import AsJson, Form, Key, Session, Url
from earshot.cli.talking import resolved, talking
from earshot.views import View

_HEAD = ("SESSION", "STATUS", "SEGMENTS", "REQUESTED", "TITLE")


def sessions(
    *,
    status: Annotated[str | None, typer.Option(help="Only those that are live, ended, …")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions."""
    with talking(url, key) as client:
        found = list(client.sessions(status))
    if as_json:
        typer.echo(text.json_line({"items": found}))
        return
    for line in text.columns([_HEAD, *map(_row, found)]):
        typer.echo(line)


def transcript(
    session: Session,
    *,
    form: Annotated[Form, typer.Option("--format", help="Text, or JSON with times.")] = "txt",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Print who said what."""
    wanted: Form = "json" if as_json else form
    with talking(url, key) as client:
        body = client.transcript(resolved(client, session), wanted)
    said = body.decode(errors="replace").rstrip("\n")
    typer.echo(text.json_text(said) if wanted == "json" else text.plain(said))


def record(session: Session, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Write a session's recording to standard output: JSON Lines, as `import` and `replay` read."""
    del as_json  # a recording is JSON already
    with talking(url, key) as client:
        for chunk in client.record(resolved(client, session)):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _row(view: View) -> tuple[str, ...]:
    segments = str(view.counts.get("segments", 0))
    requested = (view.requested_at or "")[:19]
    return (view.session_id, view.status, segments, requested, view.metadata.get("title", ""))
