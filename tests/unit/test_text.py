"""Foreign text on a terminal."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import SegmentRef
from earshot import text

FOREIGN = st.text(st.characters(codec="utf-8"), max_size=200)


def ref(start, speaker):
    return SegmentRef(segment_id="seg_1", seq=1, start=start, end=start + 1, speaker=speaker)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a new title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("a\rb\x00c\x7f", "abc"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("gnp.\u202etxt", "gnp.txt"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("👩\u200d💻 नमस्ते", "👩\u200d💻 नमस्ते"),
    ],
)
def test_a_terminal_gets_the_words_and_obeys_nothing(given_text, shown):
    assert text.plain(given_text) == shown


@given(FOREIGN)
def test_no_control_character_is_left(foreign):
    left = {c for c in text.plain(foreign) if unicodedata.category(c) == "Cc"}
    assert left <= {"\n", "\t"}
    assert not any(unicodedata.category(c) == "Cc" for c in text.one_line(foreign))


@given(FOREIGN)
def test_what_is_plain_already_stays_as_it_is(foreign):
    once = text.plain(foreign)
    assert text.plain(once) == once


@given(st.dictionaries(FOREIGN, FOREIGN, max_size=5))
def test_json_means_the_same_and_is_one_harmless_line(value):
    line = text.json_line(value)
    assert msgspec.json.decode(line) == value
    assert not any(unicodedata.category(c) == "Cc" or c == "\u202e" for c in line)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "00:00"),
        (59.9, "00:59"),
        (60, "01:00"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (-1, "00:00"),
    ],
)
def test_offsets_are_shown_as_a_clock(seconds, shown):
    assert text.clock(seconds) == shown


def test_a_citation_says_when_and_who():
    assert text.citation(ref(75.5, "Maya\n\x1b[1mInjected")) == "[01:15] Maya Injected"
    assert text.citation(ref(0, None)) == "[00:00] unknown speaker"


def test_columns_are_as_wide_as_their_widest_cell():
    assert text.columns([("A", "B"), ("long", "x\ny")]) == ["A     B", "long  x y"]
