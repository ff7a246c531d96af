"""What people type is searched for, and never obeyed."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.context.search import phrases
from services.context.search.phrases import BadQueryError, Term, every, parse, some

TYPED = st.text(
    st.sampled_from("ab \"*'()+-:^{}.,;|&\\/é日\n\t🙂") | st.characters(exclude_categories=["Cs"]),
    max_size=40,
)


@pytest.fixture(scope="module")
def index():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
    connection.execute("INSERT INTO words VALUES ('a b')")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("launch date", [Term("launch"), Term("date")]),
        ('"launch date" next', [Term("launch date"), Term("next")]),
        ("laun*", [Term("laun", prefix=True)]),
        ("l*", [Term("l")]),
        ("laun***", [Term("laun", prefix=True)]),
        ('"the laun"*', [Term("the laun", prefix=True)]),
        ('an "unfinished thought', [Term("an"), Term("unfinished"), Term("thought")]),
        ('a — b !!! * "" \'', [Term("a"), Term("b")]),
        ("text:secret NEAR(a b)", [Term("text:secret"), Term("NEAR(a"), Term("b)")]),
        ('word"quoted part"', [Term("word"), Term("quoted part")]),
        ("", []),
    ],
)
def test_words_phrases_and_prefixes_are_told_apart(typed, terms):
    assert list(parse(typed)) == terms


@pytest.mark.parametrize("typed", ["a\0b", "a \ud800", "x" * 1001, "a " * 65, "ab* " * 9])
def test_what_cannot_be_searched_for_is_refused(typed):
    with pytest.raises(BadQueryError):
        parse(typed)


@given(typed=TYPED)
@example(typed='a" OR text:"b')
@example(typed="a AND NOT b")
def test_no_query_fails_or_reaches_past_its_words(index, typed):
    try:
        terms = parse(typed)
    except BadQueryError:
        assert "\0" in typed
        return
    for match in (every(terms), some(terms)):
        if terms:
            index.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchall()


def test_operators_are_words(index):
    def count(typed):
        match = every(parse(typed))
        return index.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchone()[
            0
        ]

    assert count("a b") == 1
    assert count("a OR zebra") == count("a NOT zebra") == count("text:a") == count("NEAR(a b)") == 0


def test_as_many_words_as_may_be_asked_for_can_be_asked_for(index):
    terms = parse(" ".join(f"w{number}" for number in range(phrases.MAX_TERMS)))
    for match in (every(terms), some(terms)):
        index.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchall()
