"""Why a summary that a model made must be refused: what it says was not in its source. Pure.

It looks at numbers, dates and names, and at nothing a reader would have to understand. Words for
numbers and dates are English; names are told by their capitals. No reason quotes anything.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.llm.faithfulness.dates import DATE_WORDS, dated
from services.llm.faithfulness.numerals import has, is_number, known, numbers
from services.llm.faithfulness.openings import opens

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_BLANK = re.compile(rf"[^\S\n ]|[{_CONTROLS}]")
_SPACES = re.compile(r"  +")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_WORDLIKE = re.compile(r"[^\W_]")
_LIST_MARK = re.compile(r"^([-*#>\u2022 ]{0,8})\(?\d{1,2}[.)](?= )|\(\d\)(?= )", re.MULTILINE)
_LABEL = re.compile(r"^[^:\n]{1,80}: ", re.MULTILINE)
_INNER = re.compile(r" (?<=[,\w] )([^\W\d_])(?=[^\W\d_])")
_TOKENS = r"{0}+(?:'{0}+)*|\d{{1,3}}(?: \d{{3}})+(?!\d)|\d+(?:[.,:']\d+)*|\n|[^\w\s]|_"
_TOKEN, _ASCII_TOKEN = (re.compile(_TOKENS.format(one)) for one in (r"[^\W\d_]", "[A-Za-z]"))
_HYPHEN = re.compile(r"[-\u2010](?=[^\W\d_])(?<=[^\W\d_].)")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_BETWEEN_LETTERS = frozenset("._-")
_BOLD, _BOLD_MARKS = ("*", "*"), 4
_OWN = "I'"
_MOST_CAPITALS = 0.2
_LONGEST_INITIALS = 6
_SHORTEST_PLURAL = 3
_STRUCTURE_WORDS = """
    action actions agenda attendees background conclusion conclusions context date deadline decision
    decisions discussed discussion due follow i id ids item items key main meeting minutes mr mrs ms
    dr prof n/a next none note notes open outcome outcomes overview owner owners participant
    participants point points question questions risk risks speaker step steps summary task tasks
    tbd topic topics unknown up
"""
_DEEDS_WORDS = """
    accepted agreed agrees announced asked asks believes confirmed confirms disagreed disagrees
    explained explains feels mentioned mentions noted notes objected offered offers promised
    promises proposed proposes recommended recommends replied reported reports said says suggested
    suggests thinks thought volunteered wants will wondered
"""
_DEEDS = frozenset(_DEEDS_WORDS.split())
_ANYBODY_WORDS = """
    all another anybody anyone both each either everybody everyone few he it many members most
    neither nobody none one others people she several some somebody someone team that there they
    this those we which who you
"""
_ANYBODY = frozenset(_ANYBODY_WORDS.split())
_NO_NAMES = frozenset(_STRUCTURE_WORDS.split()) | DATE_WORDS


def fault(text: str, source: str) -> str | None:
    """Why `text` is no faithful summary of `source`, or null.

    `source` is what was summarised: lines of "speaker: words", or earlier summaries.
    """
    return _unfit(text, source) or _unheard(_plain(text), _plain(source))


def _unfit(text: str, source: str) -> str | None:
    if not text.strip() or (not _WORDLIKE.search(text) and _WORDLIKE.search(source)):
        return "empty"
    if _CONTROL.search(text):
        return "control characters"
    if sum(map(len, text.split())) > sum(map(len, source.split())):
        return "longer than its source"
    return None


def _plain(text: str) -> str:
    """Without accents and hyphens, with ASCII digits, and single spaces for what shows as blank."""
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).replace("\u2019", "'")
        text = _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text)
    if not text.replace("\n", "").isprintable():
        text = _BLANK.sub(" ", text)
    return _HYPHEN.sub(" ", _SPACES.sub(" ", text))


def _tokens(text: str) -> list[str]:
    return (_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text)


def _unheard(text: str, source: str) -> str | None:
    tokens, heard = _tokens(_LIST_MARK.sub(r"\1;", text)), _tokens(source)
    lowered, heard_lowered = [*map(str.casefold, tokens)], [*map(str.casefold, heard)]
    figures = known(numbers(heard_lowered))
    if not all(has(figures, one) for one in numbers(lowered)):
        return "a number that is not in its source"
    days = {date.name for date in dated(heard, heard_lowered)}
    if any(date.sure and date.name not in days for date in dated(tokens, lowered)):
        return "a date that is not in its source"
    if _unheard_name(tokens, heard, heard_lowered) and not _writes_nouns_with_capitals(source):
        return "a name that is not in its source"
    return None


def _writes_nouns_with_capitals(source: str) -> bool:
    """Whether it is German, or written in capitals throughout: then they tell no names."""
    firsts = _INNER.findall(_LABEL.sub("", source))
    return sum(map(str.isupper, firsts)) > _MOST_CAPITALS * len(firsts)


def _unheard_name(tokens: Sequence[str], heard: Sequence[str], lowered: Sequence[str]) -> bool:
    words = set(map(_base, {*lowered, *_NO_NAMES}))
    missing = {name for name in _names(tokens) if _base(name.casefold()) not in words}
    if not missing:
        return False
    letters = _initials(heard)
    return not all(_is_short_for(name, words, letters) for name in missing)


def _is_short_for(name: str, words: set[str], letters: frozenset[str]) -> bool:
    """Whether a name in capitals, or spelled "T.V.", is made of letters that were heard."""
    own = name.removesuffix("'s").removesuffix("s")
    joined = own.replace(".", "").casefold()
    if not own.isupper():
        return False
    spelled = "." in own and words.issuperset(joined)
    return spelled or joined in words or joined in letters


def _base(word: str) -> str:
    """Without the ending of an owner or of many."""
    own = word.removesuffix("'s")
    return own.removesuffix("s") if len(own) >= _SHORTEST_PLURAL else own


def _names(tokens: Sequence[str]) -> Iterator[str]:
    """Words with a capital that their place does not give them; letters in a row are one name."""
    for first, end in _text_lines(tokens):
        letters = ""
        for at in range(first, end):
            token = tokens[at]
            if token in _BETWEEN_LETTERS:
                continue
            if _is_letter(token) and token.isupper():
                letters += "" if at and is_number(tokens[at - 1]) else f"{token}."
                continue
            if letters:
                yield letters
            letters = ""
            if _is_name(tokens, at):
                yield token
        if letters:
            yield letters


def _is_name(tokens: Sequence[str], at: int) -> bool:
    word = tokens[at]
    if word.islower() or not any(map(str.isupper, word)) or word.startswith(_OWN):
        return False
    return not opens(tokens, at) or any(map(str.isupper, word[1:])) or _acts(tokens, at)


def _acts(tokens: Sequence[str], at: int) -> bool:
    """Whether a sentence opens with somebody who does what people in a meeting do."""
    follows = tokens[at + 1].casefold() if at + 1 < len(tokens) else ""
    return follows in _DEEDS and tokens[at].casefold() not in _ANYBODY


def _text_lines(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """From where to where there are lines that are no headings."""
    ends = [at for at, word in enumerate(tokens) if word == "\n"]
    for first, end in pairwise((-1, *ends, len(tokens))):
        line = tokens[first + 1 : end]
        if line and not _is_heading(line):
            yield first + 1, end


def _is_heading(line: Sequence[str]) -> bool:
    bold = tuple(line[:2]) == _BOLD and _BOLD in (tuple(line[-2:]), tuple(line[-3:-1]))
    return line[0] == "#" or (bold and line.count("*") == _BOLD_MARKS) or not _has_small(line)


def _has_small(line: Sequence[str]) -> bool:
    return any(not word.isupper() and word.lower() != word.upper() for word in line)


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and word != "I"


def _initials(heard: Sequence[str]) -> frozenset[str]:
    """What letters spelled out, and the first ones of words with capitals, may be short for."""
    found: set[str] = set()
    row = ""
    for word in (*heard, "\n"):
        if word[0].isupper() or _is_letter(word):
            row += word[0].casefold()
        elif word not in _BETWEEN_LETTERS:
            windows = range(1, _LONGEST_INITIALS + 1)
            found.update(row[at : at + size] for at in range(len(row)) for size in windows)
            row = ""
    return frozenset(found)
