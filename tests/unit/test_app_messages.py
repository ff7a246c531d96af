"""Answers in messages that Daily takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.app_messages import LIMIT, parts, size

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
LONG = st.builds(lambda piece, times: piece * times, TEXTS, st.integers(1, 3000))


def as_javascript_sends_it(message):
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


@given(LONG)
def test_parts_fit_and_join_to_the_whole(text):
    messages = parts("ai-transcript", text, id="ask_1")
    assert "".join(message["data"] for message in messages) == text
    for number, message in enumerate(messages, 1):
        assert size(message) <= LIMIT
        assert len(as_javascript_sends_it(message)) <= LIMIT
        assert message["kind"] == "ai-transcript"
        if len(messages) > 1:
            assert (message["part"], message["parts"], message["id"]) == (
                number,
                len(messages),
                "ask_1",
            )


@given(LONG)
def test_only_what_does_not_fit_is_split(text):
    whole = {"kind": "ai-query", "data": text}
    assert (parts("ai-query", text, id="a") == [whole]) == (size(whole) <= LIMIT)


@given(TEXTS, st.integers(80, 200))
def test_any_limit_with_room_is_kept(text, limit):
    messages = parts("ai-query", text * 5, limit, id="a")
    assert all(size(message) <= limit for message in messages)
    assert "".join(message["data"] for message in messages) == text * 5


def test_parts_are_filled():
    messages = parts("ai-query", "é" * 6000, id="a")
    assert len(messages) == 3
    assert size(messages[0]) > LIMIT - 20


def test_what_daily_does_not_take_is_not_sent():
    assert parts("ai-query", "a\0b\ud800c", id="a") == [{"kind": "ai-query", "data": "ab?c"}]


def test_a_limit_without_room_is_an_error():
    with pytest.raises(ValueError, match="limit"):
        parts("ai-query", "x" * 100, 50, id="a")
