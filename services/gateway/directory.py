"""Every session's status and room, folded from all sessions' lifecycles; pages of their ids.

Details of a session are not here: they are folded from its own events when somebody asks.
"""

import base64
import binascii
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from contracts import subjects
from contracts.events import (
    Fact,
    Numbered,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
)
from services.gateway import session_view
from services.gateway.session_view import SessionView

LIFECYCLE: tuple[type[Fact], ...] = (
    SessionRequested,
    SessionWaiting,
    SessionJoining,
    SessionStarted,
    SessionEnding,
    SessionEnded,
    SessionFailed,
)
FILTERS = tuple(subjects.type_in_every_session(one) for one in LIFECYCLE)


class Entry(msgspec.Struct, frozen=True):
    """A session requested at `seq`; `view` holds its lifecycle and nothing else."""

    seq: int
    view: SessionView


class Directory(msgspec.Struct, frozen=True):
    """Sessions by id in the order they were requested, as of the log's sequence `upto`."""

    entries: dict[str, Entry] = {}
    upto: int = 0


class Page(NamedTuple):
    """Session ids, newest first, and where the next page starts: below that sequence."""

    session_ids: tuple[str, ...]
    before: int | None


class BadCursorError(ValueError):
    """The cursor is not one of ours."""


def fold(directory: Directory, events: Iterable[Numbered], upto: int) -> Directory:
    """The directory with events in the order of the log, having read up to `upto`."""
    entries = dict(directory.entries)
    for seq, event in events:
        known = entries.get(event.session_id)
        if known is None and isinstance(event, SessionRequested):
            known = Entry(seq, session_view.initial(event.session_id))
        if known is not None:
            view = session_view.evolve(known.view, (seq, event))
            entries[event.session_id] = replace(known, view=view)
    return Directory(entries, max(directory.upto, upto))


def page(
    directory: Directory,
    *,
    status: str | None = None,
    room_url: str | None = None,
    before: int | None = None,
    limit: int,
) -> Page:
    """The newest sessions requested below `before` that fit, at most `limit`."""
    fitting = (
        entry
        for entry in reversed(directory.entries.values())
        if (before is None or entry.seq < before)
        and status in {None, entry.view.status}
        and room_url in {None, entry.view.room_url}
    )
    found = tuple(islice(fitting, limit + 1))
    shown = found[:limit]
    ids = tuple(entry.view.session_id for entry in shown)
    return Page(ids, shown[-1].seq if len(found) > limit else None)


def encode_cursor(before: int) -> str:
    """The start of a page as an opaque string."""
    return base64.urlsafe_b64encode(b"before:%d" % before).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Raises BadCursorError."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        word, _, number = plain.decode().partition(":")
        if word == "before" and number.isascii() and number.isdigit():
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise BadCursorError("is not a cursor of this list")
