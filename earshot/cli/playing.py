"""`import` and `replay`: recordings into a running system, with progress."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.progress import TaskID

from earshot import text
from earshot.cli import options
from earshot.cli.options import AsJson, Key, Url
from earshot.cli.progress import Bars
from earshot.cli.talking import say, talking
from earshot.client import Client, Upload
from earshot.errors import BrokenOffError, EarshotError, UnreachableError
from earshot.views import View
from services.gateway import importing
from services.gateway.importing import Target, UnreadableRecordingError
from services.gateway.importing.model import MAX_BYTES

POLL_SECONDS = 0.25
AWAY_SECONDS = 60.0
"""How long a system may be away while a recording plays; it plays on when it is back."""

INTERRUPTED = 130

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A recording.")
]
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        help="Recordings, QMSum JSON or turn files, VTT, SRT.",
    ),
]


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send, and how it is to be played."""

    file: Path
    mode: Literal["replay", "import"]
    speed: str


def replay(
    file: File,
    *,
    speed: Annotated[
        str, typer.Option(callback=options.speed, help="Times its own pace, or `max`.")
    ] = "1",
    session: Annotated[str | None, typer.Option(help="The new session's id.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Play a recording as a live session; follows until it ended, Ctrl-C leaves it playing."""
    with talking(url, key) as client, Bars() as bars:
        session_id = client.create(session, title=_title(file, "replay")).session_id
        _send(client, bars, session_id, Sending(file=file, mode="replay", speed=speed))
        if not as_json:
            with bars.away():
                typer.echo(text.one_line(session_id))
        try:
            view = _follow(client, bars, session_id, file)
        except KeyboardInterrupt:
            with bars.away():
                say(f"It plays on, as session {session_id}.")
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(text.json_line(view))


def import_(files: Files, *, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Bring meetings in as ended sessions and print their ids, one line a file."""
    failed = False
    with talking(url, key) as client, Bars() as bars:
        for file in files:
            try:
                view = _import(client, bars, file)
            except UnreachableError:
                raise
            except EarshotError as error:
                failed = True
                with bars.away():
                    say(f"{file}: {error}")
            else:
                with bars.away():
                    typer.echo(text.json_line(view) if as_json else text.one_line(view.session_id))
    if failed:
        raise typer.Exit(1)


def _import(client: Client, bars: Bars, file: Path) -> View:
    session_id = client.create(title=_title(file, "import")).session_id
    _send(client, bars, session_id, Sending(file=file, mode="import", speed="max"))
    return _follow(client, bars, session_id, file)


def _title(file: Path, mode: Literal["replay", "import"]) -> str:
    """The recording's own title, else the file's name; raises EarshotError for an unreadable file.

    Reading comes before a session is made, so that a bad file leaves none.
    """
    target = Target(session_id="check", mode=mode, uploaded_at=datetime.now(UTC))
    try:
        with file.open("rb") as opened:
            recorded = importing.read(opened.read(MAX_BYTES + 1), target)
    except UnreadableRecordingError as error:
        raise EarshotError(f"The recording cannot be read: {error}") from error
    except OSError as error:
        raise EarshotError(f"{file}: {error.strerror}") from error
    return recorded.session.metadata.get("title") or file.name.split(".")[0]


def _send(client: Client, bars: Bars, session_id: str, sending: Sending) -> None:
    size = sending.file.stat().st_size
    bar = bars.begin(f"{sending.file.name}: sending", size)
    try:
        with sending.file.open("rb") as file:
            client.upload(
                session_id,
                Upload(
                    file=file,
                    size=size,
                    mode=sending.mode,
                    speed=sending.speed,
                    sent=lambda n: bars.move(bar, n),
                ),
            )
    except (EarshotError, KeyboardInterrupt):
        _give_up(client, session_id)
        raise
    finally:
        bars.end(bar)


def _give_up(client: Client, session_id: str) -> None:
    try:
        client.end(session_id)
    except EarshotError:
        say(f"The empty session {session_id} could not be closed.")


def _follow(client: Client, bars: Bars, session_id: str, file: Path) -> View:
    bar = bars.begin(f"{file.name}: playing", None)
    try:
        while not (view := _patiently(client, session_id)).over:
            _show(bars, bar, view)
            time.sleep(POLL_SECONDS)
    finally:
        bars.end(bar)
    if view.status == "failed":
        raise EarshotError(f"Session {session_id} failed: {view.reason}")
    return view


def _patiently(client: Client, session_id: str) -> View:
    end = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return client.session(session_id)
        except (UnreachableError, BrokenOffError):
            if time.monotonic() > end:
                raise
        time.sleep(POLL_SECONDS)


def _show(bars: Bars, bar: TaskID, view: View) -> None:
    if view.progress:
        bars.show(bar, view.progress.played, view.progress.total)
