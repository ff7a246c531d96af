"""From a command to a running system: the client, `latest`, and errors told to a person."""

import contextlib
import sys
from collections.abc import Iterator

import typer

from earshot import text
from earshot.cli import options
from earshot.client import Client
from earshot.errors import EarshotError


def say(line: str) -> None:
    """A line for a person beside the result, on standard error."""
    typer.echo(text.plain(line), err=True)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Print what went wrong and exit with 1."""
    try:
        yield
    except EarshotError as error:
        say(str(error))
        raise typer.Exit(1) from None
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on, as under `| head`: that is no error to speak of
        raise typer.Exit(1) from None


@contextlib.contextmanager
def talking(url: str | None, key: str | None) -> Iterator[Client]:
    """A client for the system that the flags name; its errors are told."""
    found = options.outside(url, key)
    with told(), Client(found.url, found.key) as client:
        yield client


def resolved(client: Client, session: str) -> str:
    """The session's id; for `latest` the newest live session's, else the newest one's."""
    if session != "latest":
        return session
    for status in ("live", None):
        if newest := next(client.sessions(status), None):
            return newest.session_id
    raise EarshotError("There is no session yet: play one with `earshot replay FILE`")
