"""The wire keeps its promises: stored bytes decode, the schema is sealed, subjects stay narrow."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec, ids, schema, streams, subjects, upcast
from contracts.commands import JOB_TYPES
from contracts.events import EVENT_TYPES, Fact
from tests.support.facts import heard, requested
from tests.support.histories import histories

GOLDEN = sorted((Path(schema.__file__).parent / "golden").glob("*.json"))
KEY = bytes(range(32))


def decode(path):
    data = path.read_bytes()
    return codec.events.decode(data) or codec.jobs.decode(data)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_stored_bytes_still_decode(path):
    message = decode(path)
    assert type(message).__name__ == path.stem.partition(".")[0]
    assert codec.encode(message) == path.read_bytes().strip()


@pytest.mark.parametrize("member", [*EVENT_TYPES, *JOB_TYPES], ids=lambda one: one.__name__)
def test_every_message_has_a_golden_a_subject_and_a_key(member):
    message = next(m for m in map(decode, GOLDEN) if type(m) is member)
    if isinstance(message, Fact):
        assert subjects.of(message).startswith("m.")
        assert subjects.session_of(subjects.of(message)) == message.session_id
        assert ids.of_event(message).startswith(message.session_id + ":")
    else:
        assert subjects.job_session(subjects.job(message)) == message.session_id
        assert ids.of_job(message).startswith(message.session_id + ":")


def test_the_wire_is_sealed():
    assert schema.render() == schema.PATH.read_text(), "run `make seal` and name the upcaster"


def test_tags_are_unique():
    tags = [str(one.__struct_config__.tag) for one in (*EVENT_TYPES, *JOB_TYPES)]
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize("bad", ["", "a.b", "a b", "*", ">", "ä", "x" * 129, "a\n"])
def test_a_token_cannot_widen_a_subject(bad):
    with pytest.raises(ValueError, match="not a subject token"):
        subjects.token(bad)


def test_a_session_keeps_its_partition():
    assert [subjects.partition(f"s{n}") for n in range(6)] == [6, 0, 10, 12, 15, 9]
    assert subjects.PARTITIONS == 16


def test_every_subject_has_one_stream():
    for event in (requested(), heard(1)):
        assert subjects.of(event).startswith(streams.MEETINGS.subjects[0].removesuffix(">"))


@given(histories())
def test_the_codec_round_trips_sealed_and_plain(history):
    for _, event in history:
        plain = codec.encode(event)
        assert codec.events.decode(plain) == event
        assert codec.events.decode(codec.unseal(codec.seal(plain, KEY), KEY)) == event


def test_sealing_hides_and_detects():
    sealed = codec.seal(b"canary", KEY)
    assert b"canary" not in sealed
    for broken in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"x" * 60):
        with pytest.raises(codec.SealedMessageError):
            codec.unseal(broken, KEY)
    with pytest.raises(codec.SealedMessageError):
        codec.unseal(sealed, bytes(32))


def test_a_newer_type_is_skipped():
    assert codec.events.decode(b'{"type":"EmojiThrown","session_id":"s"}') is None


def test_a_newer_field_is_skipped():
    plain = codec.encode(heard(1))
    assert codec.events.decode(plain[:-1] + b',"mood":"good"}') == heard(1)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"type":"SegmentHeard"}', "session_id"),
        (codec.encode(heard(1)).replace(b'"start":3.0', b'"start":"soon"'), "start"),
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"no":"type"}', "type"),
        (b"\xff", "malformed|invalid"),
        (b'{"type":"SegmentHeard","x":' + b"[" * 100_000, "recursion"),
    ],
)
def test_a_broken_message_is_reported_with_its_field(body, named):
    with pytest.raises(codec.MalformedMessageError, match=named):
        codec.events.decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(data):
    try:
        codec.events.decode(data)
    except codec.MalformedMessageError:
        return


def test_an_old_shape_is_brought_up_to_date_step_by_step(monkeypatch):
    steps = {
        "SegmentSpoken": lambda old: old | {"type": "SegmentSaid", "text": old["said"]},
        "SegmentSaid": lambda old: old | {"type": "SegmentHeard", "start": old["at"]},
    }
    monkeypatch.setattr(upcast, "STEPS", steps)
    old = msgspec.json.decode(codec.encode(heard(1)))
    old |= {"type": "SegmentSpoken", "said": old.pop("text"), "at": old.pop("start")}
    assert codec.events.decode(msgspec.json.encode(old)) == heard(1)


parts = st.lists(st.one_of(st.none(), st.text(), st.integers()), max_size=4)


@given(parts, parts)
def test_different_meanings_have_different_digests(one, other):
    assert (ids.digest(*one) == ids.digest(*other)) == (one == other)
