"""`join`: an assistant into a Daily room, followed until it listens."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from earshot import text
from earshot.cli.options import AsJson, Key, Url
from earshot.cli.talking import say, talking
from earshot.client import Client
from earshot.errors import BrokenOffError, EarshotError, UnreachableError
from earshot.views import View

POLL_SECONDS = 0.5
STILL_SECONDS = 45.0
"""How long nothing may change, save while the assistant waits for somebody to come."""

INTERRUPTED = 130

STATES = {
    "requested": "An assistant is asked for.",
    "waiting": "Waiting for somebody to come into the room.",
    "joining": "Joining the room.",
    "live": "In the room, and listening.",
    "ending": "Leaving the room.",
}
REASONS = {
    "asked": "Somebody ended the session.",
    "no_show": "Nobody came into the room in time.",
    "room_empty": "Everybody has left the room.",
    "room_expired": "The room's time is up.",
    "ejected": "The assistant was put out of the room.",
    "room_deleted": "The room was deleted.",
    "dismissed": "An owner of the room sent the assistant away.",
    "source_ended": "The call is over.",
    "recording_missing": "The recording is missing.",
    "recording_unreadable": "The recording cannot be read.",
    "room_unreachable": "The room cannot be reached: check its address and the network.",
    "room_closed": "The room is not open: it has expired, or its time has not come.",
    "room_refused": "The room does not let the assistant in: a private room needs its token.",
    "bot_failing": "The assistant failed again and again; its log on the server says why.",
}


def join(
    room_url: Annotated[str, typer.Argument(help="The room's address: https://…daily.co/…")],
    *,
    minutes: Annotated[
        int | None, typer.Option(min=1, help="How long the assistant may stay.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="EARSHOT_MEETING_TOKEN",
            show_envvar=False,
            help="Meeting token; else EARSHOT_MEETING_TOKEN, which no shell history keeps.",
        ),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Send an assistant into a Daily room and follow it until it listens there."""
    with talking(url, key) as client:
        session_id = client.join(room_url, minutes, token).session_id
        try:
            view = _followed(client, session_id, _silent if as_json else say)
        except KeyboardInterrupt:
            say(f"It goes on by itself, as session {session_id}.")
            raise typer.Exit(INTERRUPTED) from None
        if as_json:
            typer.echo(text.json_line(view))
        if view.over:
            raise EarshotError(why(view))
    if not as_json:
        typer.echo(text.one_line(session_id))
        typer.echo(text.one_line(f'Ask it: earshot ask {session_id} "What was decided?"'))


def why(view: View) -> str:
    """Why a session is over, for a person."""
    if view.status == "erased":
        return "The session was erased."
    sentence = REASONS.get(view.reason or "", f"The session is over: {view.reason}.")
    if not view.detail:
        return sentence
    return view.detail if view.detail.endswith(".") else f"{sentence} ({view.detail})"


def _silent(_: str) -> None:
    """For programs."""


def _followed(client: Client, session_id: str, tell: Callable[[str], None]) -> View:
    """The session once it is live or over; raises EarshotError when nothing moves any more."""
    status, since = "", time.monotonic()
    while True:
        view = _seen(client, session_id, since)
        if view is not None:
            if view.status != status and view.status in STATES:
                tell(STATES[view.status])
            if view.over or view.status == "live":
                return view
            if view.status != status or view.status == "waiting":
                status, since = view.status, time.monotonic()
        if time.monotonic() - since > STILL_SECONDS:
            raise EarshotError(
                f"Nothing has changed for {STILL_SECONDS:.0f} s: session {session_id} is "
                f"{status}. It goes on by itself; `earshot doctor` looks for the cause"
            )
        time.sleep(POLL_SECONDS)


def _seen(client: Client, session_id: str, since: float) -> View | None:
    """The session now; None while the system is away, which it may be for as long."""
    try:
        return client.session(session_id)
    except (UnreachableError, BrokenOffError):
        if time.monotonic() - since > STILL_SECONDS:
            raise
        return None
