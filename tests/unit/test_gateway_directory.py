"""The directory's fold and its pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SessionEnded, SessionEnding, SessionFailed
from services.gateway import directory, session_view
from services.gateway.directory import BadCursorError, Directory
from tests.support.facts import at, heard, requested, started

NAMES = st.sampled_from(["s1", "s2", "s3"])


def lifecycle(session_id, kind):
    match kind:
        case "requested":
            return requested(session_id, room_url=f"https://example.com/{session_id}")
        case "started":
            return started(session_id)
        case "ending":
            return SessionEnding(session_id=session_id, time=at())
        case "ended":
            return SessionEnded(session_id=session_id, time=at(), reason="asked")
        case _:
            return SessionFailed(session_id=session_id, time=at(), reason="recording_missing")


KINDS = st.sampled_from(["requested", "started", "ending", "ended", "failed"])
HISTORIES = st.lists(st.builds(lifecycle, NAMES, KINDS), max_size=20).map(
    lambda events: tuple(enumerate(events, 1))
)


def directory_of(count):
    events = [(number, requested(f"s{number}")) for number in range(1, count + 1)]
    return directory.fold(Directory(), events, count)


@given(HISTORIES, st.integers(0, 20))
def test_reading_in_batches_changes_nothing(history, cut):
    whole = directory.fold(Directory(), history, len(history))
    half = directory.fold(Directory(), history[:cut], min(cut, len(history)))
    assert directory.fold(half, history[cut:], len(history)) == whole
    assert directory.fold(whole, history, 0) == whole


@given(HISTORIES)
def test_a_session_has_the_status_its_own_view_shows(history):
    found = directory.fold(Directory(), history, len(history))
    for session_id, entry in found.entries.items():
        own = [one for one in history if one[1].session_id == session_id and one[0] >= entry.seq]
        view = session_view.fold(session_view.initial(session_id), own)
        assert entry.view.status == view.status
        assert entry.view.room_url == view.room_url


def test_a_session_nobody_requested_is_not_listed():
    found = directory.fold(Directory(), [(1, started("s1")), (2, heard(1))], 2)
    assert (found.entries, found.upto) == ({}, 2)


@given(st.integers(0, 30), st.integers(1, 10))
def test_pages_together_hold_every_session_once_newest_first(count, limit):
    found, before, pages = [], None, 0
    while pages == 0 or (before is not None and pages <= count):
        page = directory.page(directory_of(count), before=before, limit=limit)
        found += page.session_ids
        pages += 1
        before = page.before
    assert found == [f"s{number}" for number in range(count, 0, -1)]
    assert pages == max(1, -(-count // limit))


def test_a_page_holds_only_what_fits():
    events = [
        (1, requested("s1", room_url="https://a")),
        (2, requested("s2", room_url="https://b")),
        (3, requested("s3", room_url="https://a")),
        (4, started("s3")),
    ]
    known = directory.fold(Directory(), events, 4)
    assert directory.page(known, room_url="https://a", limit=5).session_ids == ("s3", "s1")
    assert directory.page(known, status="live", limit=5).session_ids == ("s3",)
    assert directory.page(known, status="erased", limit=5).session_ids == ()


@given(st.integers(0, 2**63))
def test_a_cursor_comes_back_as_it_was(before):
    assert directory.decode_cursor(directory.encode_cursor(before)) == before


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!!", "YmVmb3JlOg", "YmVmb3JlOi0x", "\u00e9", "aGk6MQ"]
)
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(BadCursorError):
        directory.decode_cursor(cursor)


@given(st.text(max_size=40))
def test_no_cursor_breaks_the_reader(cursor):
    try:
        assert directory.decode_cursor(cursor) >= 0
    except BadCursorError:
        assert cursor != directory.encode_cursor(0)
