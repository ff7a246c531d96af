"""Server-sent events out of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import sse
from earshot.sse import OversizedEventError, ServerEvent, events

DATA = st.binary(max_size=40).filter(lambda data: b"\r" not in data and b"\n" not in data)
EVENTS = st.lists(
    st.builds(ServerEvent, st.sampled_from(["delta", "answer", "message"]), DATA), max_size=6
)
LINE_END = st.sampled_from([b"\n", b"\r\n", b"\r"])


def encoded(some, end):
    return b"".join(
        b"event: " + one.name.encode() + end + b"data: " + one.data + end + end for one in some
    )


@given(EVENTS, LINE_END, st.integers(1, 20))
def test_events_are_the_same_however_the_bytes_are_cut(some, end, size):
    whole = encoded(some, end)
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert list(events(chunks)) == some


def test_comments_and_ids_are_left_out_and_data_lines_joined():
    stream = b": keep-alive\n\nid: 7\nretry: 5\ndata:one\ndata: two\n\n"
    assert list(events([stream])) == [ServerEvent("message", b"one\ntwo")]


def test_an_event_without_its_end_did_not_happen():
    assert list(events([b"event: answer\ndata: half\n"])) == []


def test_a_name_does_not_outlive_its_event():
    stream = b"event: delta\n\ndata: x\n\n"
    assert list(events([stream])) == [ServerEvent("message", b"x")]


def test_unicode_line_ends_do_not_end_a_line():
    data = 'a\u2028b\x85c\x0b"'.encode()
    assert list(events([b"data: " + data + b"\n\n"])) == [ServerEvent("message", data)]


@pytest.mark.parametrize("unit", [b"x" * 1000, b"data: " + b"x" * 1000 + b"\n"])
def test_an_endless_event_is_refused(monkeypatch, unit):
    monkeypatch.setattr(sse, "MAX_BYTES", 5000)
    with pytest.raises(OversizedEventError):
        list(events([unit] * 10))
