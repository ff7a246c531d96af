"""What people type to search: words, "quoted phrases" and prefix*. Pure; all else is literal text.

Nothing of SQLite's own query language gets through: every term is quoted.
"""

import re
import unicodedata

import msgspec

from services.context.search import letters

MAX_CHARACTERS = 1000
MAX_TERMS = 64
MAX_PREFIXES = 8
"""Each is looked up as all the words that begin so."""
MIN_PREFIX = 2
"""Characters of a word that may go on; with fewer nearly everything would match."""

_TERM = re.compile(r'"(?P<phrase>[^"]*)"(?P<open>\*?)|(?P<word>[^\s"]+)')


class BadQueryError(ValueError):
    """Nothing can be searched for with this; the message says why."""


class Term(msgspec.Struct, frozen=True):
    """Words that stand together; with `prefix` the last one may go on."""

    text: str
    prefix: bool = False


def parse(query: str) -> tuple[Term, ...]:
    """The terms of a query, without those in which there is no letter and no digit.

    Raises BadQueryError for one that is too long or holds what no text holds.
    """
    if len(query) > MAX_CHARACTERS:
        raise BadQueryError(f"is over {MAX_CHARACTERS} characters")
    if "\0" in query or any("\ud800" <= one <= "\udfff" for one in query):
        raise BadQueryError("holds what is no character")
    terms = tuple(filter(_is_searchable, map(_term, _TERM.finditer(query))))
    if len(terms) > MAX_TERMS:
        raise BadQueryError(f"is over {MAX_TERMS} words")
    if sum(term.prefix for term in terms) > MAX_PREFIXES:
        raise BadQueryError(f"has over {MAX_PREFIXES} words that end in *")
    return terms


def every(terms: tuple[Term, ...]) -> str:
    """The expression that all terms match."""
    return " AND ".join(map(_quoted, terms))


def some(terms: tuple[Term, ...]) -> str:
    """The expression that at least one term matches."""
    return " OR ".join(map(_quoted, terms))


def _term(found: re.Match[str]) -> Term:
    word, is_open = found["phrase"], bool(found["open"])
    if word is None:
        word, is_open = found["word"].rstrip("*"), found["word"].endswith("*")
    return Term(letters.spaced(word), is_open and len(word) >= MIN_PREFIX)


def _is_searchable(term: Term) -> bool:
    return any(_is_token(character) for character in term.text)


def _is_token(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"


def _quoted(term: Term) -> str:
    return '"' + term.text.replace('"', '""') + '"' + ("*" if term.prefix else "")
