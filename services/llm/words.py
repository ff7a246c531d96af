"""Words, sentences and their counts: the little language knowledge of the offline assistant.

English stop words, fillers and endings; text in other languages is ranked by its words as they are.
"""

import re

from services.llm.faithfulness.spoken import JOINING, NUMBER_WORDS

TOKEN = re.compile(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]")
# Han and kana are written without spaces, so each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:'[^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[\u3002\uff01\uff1f])")
_LONGEST_SENTENCE = 50
_SHORTEST_STEM = 3
_UNITS_WORDS = "b bn cent cents k m mn p pence"
_IN_NUMBERS = NUMBER_WORDS | JOINING | frozenset(_UNITS_WORDS.split())
_LETTERS = re.compile(r"[a-z]+")

_FILLERS_WORDS = """
    ah aha ahem alright bye cool er erm exactly fine gosh great hello hey hi hm hmm huh indeed jeez
    mhm mm mmhmm mmm nah nice no nope oh ok okay oops ooh oy perfect really right sorry sure
    thank thanks true uh uhhuh uhm um well wow ya yeah yep yes yup
"""
FILLERS = frozenset(_FILLERS_WORDS.split())
_STOP_WORDS = """
    a about above actually after again against all already also although always am an and another
    any anybody anyone anything are aren't around as at away back basically be because been
    before being below between both but by can can't cannot could couldn't did didn't do does
    doesn't doing don't done down during each either else ever every everybody everyone
    everything few for from further get gets getting go goes going gonna got had hadn't has
    hasn't have haven't having he he's her here here's hers herself him himself his how how's i
    i'd i'll i'm i've if in into is isn't it it'd it'll it's its itself just kind know let let's
    like lot many may maybe me mean might more most much must my myself neither never nor not
    now of off on once one only onto or other our ours ourselves out over own perhaps please
    pretty probably quite rather same shall she she's should shouldn't so some somebody someone
    something sort still stuff such than that that'll that's the their theirs them themselves
    then there there's these they they'd they'll they're they've thing things this those though
    through to too under until up upon us very want wants was wasn't we we'd we'll we're we've
    were weren't what what's when when's where where's whether which while who who's whoever
    whom whose why will with within without won't would wouldn't yet you you'd you'll you're
    you've your yours yourself yourselves
"""
STOP = FILLERS | frozenset(_STOP_WORDS.split())
_ASKING_WORDS = """
    anyone ask asked asking comment commented conclude concluded conclusion describe described
    discuss discussed discussing discussion discussions explain explained far find give given
    group list meeting meetings mention mentioned opinion opinions participants people point
    points reason regarding said say saying says show speaker speakers state stated summaries
    summarise summarised summarize summarized summary talk talked talking team tell think thinks
    thought thoughts told topic topics view views
"""
ASKING = frozenset(_ASKING_WORDS.split())


def count_tokens(text: str) -> int:
    """About how many tokens a model sees; within a few per cent for English."""
    return sum(1 for _ in TOKEN.finditer(text))


def words(text: str) -> list[str]:
    """Lower-case words in order, possessive endings removed."""
    found = _WORD.findall(text.casefold().replace("\u2019", "'"))
    return [word.removesuffix("'s") or word for word in found]


def content(found: list[str], dropped: frozenset[str] = STOP) -> list[str]:
    """The stems of those words that are not `dropped`."""
    return [stem(word) for word in found if word not in dropped]


def is_backchannel(text: str) -> bool:
    """Whether it is nothing but "Yeah.", "Mm-hmm" and the like."""
    return all(word in FILLERS for word in words(text))


def stem(word: str) -> str:
    """`word` without the commonest English endings, so that "price", "prices", "pricing" meet."""
    if not word.isascii() or len(word) <= _SHORTEST_STEM or not word.isalpha():
        return word
    return _without_e(_without_ending(_singular(word)))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > _SHORTEST_STEM + 1:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_ending(word: str) -> str:
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= _SHORTEST_STEM and re.search(r"[aeiouy]", root):
            return root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
    return word


def _without_e(word: str) -> str:
    return word[:-1] if word.endswith("e") and len(word) > _SHORTEST_STEM else word


def sentences(text: str) -> list[str]:
    """Sentences in order; one that runs on is cut about every fifty words, never in a number."""
    return [piece for sentence in _SENTENCE_END.split(text) for piece in _cut(sentence.split())]


def unbroken(found: list[str]) -> list[list[str]]:
    """The words in order, those together that may be one number."""
    groups: list[list[str]] = []
    was_in_number = False
    for word in found:
        in_number = _may_be_in_number(word)
        if in_number and was_in_number:
            groups[-1].append(word)
        else:
            groups.append([word])
        was_in_number = in_number
    return groups


def _cut(found: list[str]) -> list[str]:
    if len(found) <= _LONGEST_SENTENCE:
        return [" ".join(found)] if found else []
    pieces: list[list[str]] = [[]]
    for group in unbroken(found):
        if pieces[-1] and len(pieces[-1]) + len(group) > _LONGEST_SENTENCE:
            pieces.append([])
        pieces[-1] += group
    return [" ".join(piece) for piece in pieces]


def _may_be_in_number(word: str) -> bool:
    return any(map(str.isnumeric, word)) or not _IN_NUMBERS.isdisjoint(
        _LETTERS.findall(word.casefold())
    )
