"""What the server sends is cut into the same messages, however its bytes arrive."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from services._runtime.connection import HeedingClient
from services._runtime.frames import Cutter, Frame, headers_of

HEAD = b"NATS/1.0\r\nNats-Msg-Id: k1\r\n\r\n"
MINE, OTHER = 7, 8


def wire(frame, sid):
    reply = frame.reply + b" " if frame.reply else b""
    size = len(frame.head) + len(frame.data)
    lengths = b"%d %d" % (len(frame.head), size) if frame.head else b"%d" % size
    kind = b"HMSG" if frame.head else b"MSG"
    where = b"%s %s %d %s%s\r\n" % (kind, frame.subject, sid, reply, lengths)
    return where + frame.head + frame.data + b"\r\n"


frames = st.builds(
    Frame,
    st.sampled_from([b"m.1.s.x", b"12", b"_INBOX.a.b"]),
    st.sampled_from([b"", b"$JS.ACK.a.b.1.2.3.4.5", b"9"]),
    st.sampled_from([b"", HEAD, b"NATS/1.0 408 Request Timeout\r\n\r\n"]),
    st.sampled_from([b"", b"x", b"MSG a 7 3\r\nabc\r\n", b"\r\n", b"PING\r\n", b"y" * 9000]),
)
pieces = st.lists(st.tuples(st.sampled_from([MINE, OTHER, 0]), frames), max_size=12)


async def cut(chunks):
    """The frames of each subscription, and how often the server asked whether we are there."""
    nc, seen, pings = HeedingClient(), {MINE: [], OTHER: []}, []

    async def on_message(sid, subject, reply, data, headers):
        seen[sid].append(Frame(subject, reply, headers or b"", data))

    async def on_ping():
        pings.append(1)

    nc._process_msg, nc._process_ping = on_message, on_ping
    cutter = Cutter(nc)
    cutter.sinks[MINE] = seen[MINE].append
    for chunk in chunks:
        await cutter.parse(chunk)
    return seen, len(pings), cutter


@given(pieces, st.lists(st.integers(0, 60_000), max_size=8))
def test_messages_are_the_same_wherever_the_bytes_are_split(sent, cuts):
    data = b"".join(wire(frame, sid) if sid else b"PING\r\n" for sid, frame in sent)
    ends = sorted({min(one, len(data)) for one in cuts} | {len(data)})
    chunks = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    seen, pings, cutter = asyncio.run(cut(chunks))
    assert seen == {sid: [frame for to, frame in sent if to == sid] for sid in (MINE, OTHER)}
    assert pings == sum(not sid for sid, _ in sent)
    assert not cutter._held


async def test_what_an_ended_connection_had_begun_is_forgotten():
    frame = Frame(b"m.1", b"", b"", b"abc")
    _, _, cutter = await cut([wire(frame, MINE)[:-3]])
    cutter.reset()
    got = []
    cutter.sinks[MINE] = got.append
    await cutter.parse(wire(frame, MINE))
    assert got == [frame]


async def test_a_reset_in_the_middle_of_a_chunk_ends_the_chunk():
    nc, got = HeedingClient(), []
    cutter = Cutter(nc)
    cutter.sinks[MINE] = got.append

    async def on_ping():
        cutter.reset()

    nc._process_ping = on_ping
    frame = Frame(b"m.1", b"", b"", b"abc")
    await cutter.parse(b"PING\r\n" + wire(frame, MINE)[:-3])
    await cutter.parse(wire(frame, MINE))
    assert got == [frame]


async def test_what_is_no_message_is_refused():
    with pytest.raises(ProtocolError):
        await cut([b"NONSENSE\r\n"])
    with pytest.raises(ProtocolError):
        await cut([b"MSG  a\t8 3\r\nabc\r\n"])


def test_a_status_is_told_from_headers():
    assert Frame(b"a", b"", HEAD, b"").status is None
    assert Frame(b"a", b"", b"", b"").status is None
    timeout = Frame(b"a", b"", b"NATS/1.0 408 Request Timeout\r\nA: 1\r\n\r\n", b"")
    assert timeout.status == ("408", "Request Timeout")
    assert Frame(b"a", b"", b"NATS/1.0 503\r\n\r\n", b"").status == ("503", "")
    assert headers_of(timeout.head) == {"A": "1"}
    assert headers_of(b"NATS/1.0\r\nA:b:c\r\nnone\r\nB: \xff\r\n\r\n") == {
        "A": "b:c",
        "B": "\ufffd",
    }
