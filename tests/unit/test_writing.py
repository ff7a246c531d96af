"""An answer on a screen while it is being written."""

from hypothesis import given
from hypothesis import strategies as st

from earshot import writing
from earshot.writing import AFRESH, Written

WORDS = st.text("abc \n", max_size=30)


def screen(pieces, answer):
    written, shown = Written(), ""
    for offset, text in pieces:
        written, new = writing.piece(written, offset, text)
        shown += new
    return shown + writing.whole(written, answer)


def cut(answer, size):
    return [(at, answer[at : at + size]) for at in range(0, len(answer), size)]


@given(WORDS, st.integers(1, 5))
def test_an_answer_stands_there_once(answer, size):
    assert screen(cut(answer, size), answer) == answer + "\n"


@given(WORDS, st.integers(1, 5), st.sets(st.integers(0, 30)))
def test_lost_pieces_are_made_good_at_the_end(answer, size, lost):
    pieces = [piece for n, piece in enumerate(cut(answer, size)) if n not in lost]
    assert screen(pieces, answer).split(AFRESH)[-1] == answer + "\n"


@given(WORDS, WORDS, st.integers(1, 5))
def test_a_second_attempt_replaces_the_first(first, answer, size):
    shown = screen(cut(first, size) + cut(answer, size), answer)
    assert shown.split(AFRESH)[-1] == answer + "\n"


@given(WORDS, st.integers(1, 5))
def test_a_piece_that_comes_twice_is_shown_once(answer, size):
    twice = [piece for piece in cut(answer, size) for _ in range(2) if piece[0] > 0]
    pieces = [*cut(answer, size)[:1], *twice]
    assert screen(pieces, answer) == answer + "\n"


def test_an_answer_that_turned_out_otherwise_is_shown_whole():
    assert screen([(0, "Yes, on Frid")], "No.") == "Yes, on Frid" + AFRESH + "No.\n"


def test_escape_sequences_do_not_reach_the_screen():
    assert screen([(0, "\x1b[2J"), (4, "hi\x07")], "\x1b[2Jhi\x07 there") == "hi there\n"


@given(WORDS, st.integers(1, 5), st.sets(st.integers(1, 4), min_size=1))
def test_what_stands_there_is_never_out_of_order(answer, size, lost):
    written, shown = Written(), ""
    for offset, text in [one for n, one in enumerate(cut(answer, size)) if n not in lost]:
        written, new = writing.piece(written, offset, text)
        shown += new
    assert answer.startswith(shown)
