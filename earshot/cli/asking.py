"""`ask` and `summary`."""

from typing import Annotated

import typer

from earshot import text, writing
from earshot.cli.options import AsJson, Key, Session, Url
from earshot.cli.talking import resolved, talking
from earshot.client import Client
from earshot.errors import BrokenOffError
from earshot.views import Answer, Delta
from earshot.writing import Written


def ask(
    session: Session,
    question: Annotated[str, typer.Argument(help="What to ask about the meeting.")],
    *,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Ask about a meeting; the answer is printed as it is written, its sources below it."""
    with talking(url, key) as client:
        session_id = resolved(client, session)
        if as_json:
            typer.echo(text.json_line(_whole(client, session_id, question)))
        else:
            _print_sources(_print_written(client, session_id, question))


def summary(session: Session, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Summarise a meeting as it stands now."""
    with talking(url, key) as client:
        answer = client.summary(resolved(client, session))
    if as_json:
        typer.echo(text.json_line(answer))
        return
    typer.echo(text.plain(answer.answer))
    _print_sources(answer)


def _whole(client: Client, session_id: str, question: str) -> Answer:
    for part in client.ask(session_id, question):
        if isinstance(part, Answer):
            return part
    raise BrokenOffError("The stream ended before the answer was complete")


def _print_written(client: Client, session_id: str, question: str) -> Answer:
    written = Written()
    for part in client.ask(session_id, question):
        if isinstance(part, Delta):
            written, new = writing.piece(written, part.offset, part.text)
            typer.echo(new, nl=False)
        else:
            typer.echo(writing.whole(written, part.answer), nl=False)
            return part
    raise BrokenOffError("The stream ended before the answer was complete")


def _print_sources(answer: Answer) -> None:
    if answer.citations:
        typer.echo("")
    for ref in answer.citations:
        typer.echo(text.citation(ref))
    typer.echo(f"\n({text.one_line(answer.model)}, as of event {answer.as_of_seq})")
