"""A question to what it looks for: words, speakers, a part of the meeting, or all of it. Pure."""

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from services.context.retrieval import times
from services.context.retrieval.words import ASKING, STOP, WORD, words

MOST_WORDS = 64
LONGEST_QUESTION = 20_000

_WHOLE_WORDS = """
    action actions agenda agreed agreement agreements conclusion conclusions content decide decided
    decision decisions discuss discussed everything focus gist happened highlights item items key
    main meeting minutes miss missed next notes outcome outcomes overview point points purpose recap
    resolution resolutions result results said steps summaries summarise summarised summarize
    summarized summary takeaways talked task tasks tl tldr topic topics whole
    catch covered questions
"""
_MAKING_WORDS = """
    brief briefly bullet bullets call conversation create dr draft entire five four full
    generate list open overall paragraph paragraphs prepare produce provide sentence
    sentences session short ten three two write english french german spanish
"""
_WHOLE = frozenset(_WHOLE_WORDS.split())
_MAKING = frozenset(_MAKING_WORDS.split())
"""What may stand beside those without naming a topic."""
_ONE_MOMENT = frozenset({"just", "reason", "reasons", "who", "whom", "why"})
"""Words of questions about somebody or something in particular, however general the others are."""
_ELSEWHERE = re.compile(
    r"\b(?:fass(?:e|en)?\b.*\bzusammen|zusammenfass\w*|résum\w*|resum(?:e|en|ir)|riassu\w*|"
    r"samenvat\w*|streszcz\w*|итоги|резюме)\b|总结|總結|要約|まとめ|요약",
    re.IGNORECASE,
)
_FEW_WORDS = 6
_HONOURS = frozenset({"dr", "hon", "madam", "mr", "mrs", "ms", "sir"})
_KINDS = frozenset({"grad", "guest", "participant", "phd", "prof", "professor", "speaker", "user"})
_ROLES = frozenset(
    {"assistant", "chair", "designer", "director", "engineer", "expert", "interface", "lead"}
    | {"manager", "minister", "officer"}
)
_WITH_A = frozenset(
    {"agree", "agreed", "and", "ask", "asked", "disagree", "disagreed", "mean", "mention", "or"}
    | {"propose", "proposed", "s", "said", "say", "saying", "says", "suggest", "suggested"}
    | {"talk", "talked", "think", "thinks", "thought", "want", "wanted"}
)
"""What follows A where that is somebody, and no article."""
_SENTENCE_END = re.compile(r"[.!?\n]\s*")
_MOST_NAMESAKES = 3
_BRACKETS = re.compile(r"\([^)]*\)?")


class Asked(msgspec.Struct, frozen=True):
    """What a question looks for.

    `words` in lower case, `speakers` as the meeting labels them, `span` a part of the meeting;
    `whole` when it is about all of the meeting, and better served from summaries.
    """

    words: tuple[str, ...] = ()
    speakers: frozenset[str] = frozenset()
    span: times.Span | None = None
    whole: bool = False


def understand(question: str, speakers: Iterable[str | None]) -> Asked:
    """Read the question; `speakers` are the meeting's own labels, repeated or not."""
    question = question[:LONGEST_QUESTION]
    span = times.span(question)
    named, names = _named(question, {who for who in speakers if who})
    found = list(dict.fromkeys(words(times.without(question) if span else question)))
    about = [word for word in found if word not in STOP]
    whole = not named and span is None and (_is_whole(about, found) or _is_whole_abroad(question))
    kept = [word for word in about if word not in ASKING and word not in names]
    if not kept and not named and span is None:
        kept = about
    return Asked(() if whole else tuple(kept[:MOST_WORDS]), named, span, whole)


def _is_whole(about: list[str], found: list[str]) -> bool:
    """Nothing is asked for but the kinds of things that every meeting has."""
    topics = [word for word in about if word not in _WHOLE | _MAKING | ASKING]
    if topics or _ONE_MOMENT & {*found} or not any(word in _WHOLE for word in about):
        return False
    return about[-1] != "next"


def _is_whole_abroad(question: str) -> bool:
    """A few words that ask for a summary in another language than English."""
    return len(question.split()) <= _FEW_WORDS and _ELSEWHERE.search(question) is not None


def _named(question: str, labels: set[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The speakers whose whole names are in the question, or else a part; and those names' words.

    A part has a capital, where the question has any but its first; a name that is a common word or
    a letter is written as a name.
    """
    names = {label: name for label in sorted(labels) if (name := _name(label))}
    asked = f" {' '.join(words(question))} "
    written = _written_as_names(question)
    full = frozenset(
        who
        for who, name in names.items()
        if f" {' '.join(name)} " in asked and (not _is_common(name) or name[0] in written)
    )
    if full:
        return full, frozenset(word for who in full for word in names[who])
    parts = {who: _parts(name) for who, name in names.items()}
    people = {tuple(names[who]): mine for who, mine in parts.items()}
    shared = Counter(part for mine in people.values() for part in mine)
    said = {word for word in _capitals(question) if shared[word] <= _MOST_NAMESAKES}
    return (
        frozenset(who for who, mine in parts.items() if mine & said),
        frozenset(part for mine in parts.values() for part in mine & said),
    )


def _name(label: str) -> list[str]:
    """The words of a label without what is in brackets, unless that is all."""
    found = words(_BRACKETS.sub(" ", label)) or words(label)
    return found[1:] if len(found) > 1 and found[0] in _HONOURS else found


def _is_common(name: list[str]) -> bool:
    """Whether it is one word that questions hold for other reasons: will, me, a, b."""
    is_letter = len(name[0]) == 1 and name[0].upper() != name[0]
    return len(name) == 1 and (is_letter or name[0] in STOP)


def _written_as_names(question: str) -> set[str]:
    """Its words, in lower case, that have a capital within a sentence; none where all have one."""
    if not any(map(str.islower, WORD.findall(question))):
        return set()
    sentences = [WORD.findall(sentence) for sentence in _SENTENCE_END.split(question)]
    return {
        word.lower()
        for found in sentences
        for before, word, after in zip(found, found[1:], [*found[2:], ""], strict=False)
        if word[0].isupper() and _is_somebody(before.lower(), word, after.lower())
    }


def _is_somebody(before: str, word: str, after: str) -> bool:
    """Not an article, and not who is asking."""
    if word not in ("A", "I") or before == "speaker":
        return True
    return word == "A" and (not after or after in _WITH_A)


def _parts(name: list[str]) -> frozenset[str]:
    """Its first and last words; of a role only the last, as "project" is no Project Manager."""
    if _is_common(name):
        return frozenset()
    ends = {name[-1]} if name[-1] in _ROLES else {name[0], name[-1]}
    return frozenset(ends - _KINDS - STOP)


def _capitals(question: str) -> list[str]:
    """Its words that begin with a capital; all of them where none, or only the first, does."""
    found = WORD.findall(question)
    capital = [word for word in found[1:] if not word.islower()]
    return [word.lower() for word in capital or found]
