"""Phrases by which people decide, take on work, or ask about the whole meeting; English only."""

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from services.llm.words import ASKING, STOP, words

_FEWEST_WORDS = 3
_TOLD = 3
_LOOSELY = re.IGNORECASE | re.VERBOSE
_WE = r"we(?:'ve| have)?(?: all| just| already)?"
_DECIDED = re.compile(
    rf"""\b(?:
      {_WE}\ (?:decided|agreed|settled|chose|chosen|voted)
    | (?:let's|let\ us|we'll|we\ will|we(?:'re|\ are)\ going\ to|we're\ gonna)(?:\ just)?\ (?:
        go\ (?:with|for)|stick\ (?:with|to)|use|adopt|drop|keep|postpone|skip|choose|pick|
        settle\ on)
    | (?:it's|that's|it\ is|that\ is)\ (?:decided|settled|agreed|a\ deal)
    | (?:the|our|final)\ decision\ (?:is|was|then)
    | decision\ made|agreed\ (?:to|that|on)|all\ agreed|motion\ (?:is\ )?(?:carried|agreed|adopted)
    | (?:we're|we\ are)\ (?:all\ )?(?:agreed|in\ agreement|going\ with|decided)
    )\b | (?:^|[.,;]\ )(?:so\ )?agreed\s*[.,!;]""",
    re.IGNORECASE | re.VERBOSE,
)
_OPEN = re.compile(
    r"\?\s*$|\b(?:if we|haven't|hasn't|not (?:yet )?(?:decided|agreed)|never|whether)\b",
    re.IGNORECASE,
)
_DUTY = r"""(?:send|write|prepare|check|look\ (?:into|up)|draft|update|share|follow\ up|set\ up|
    schedule|call|e-?mail|mail|talk\ (?:to|with)|speak\ (?:to|with)|review|fix|finish|book|contact|
    get\ back|put\ (?:together|up)|find\ out|take\ care|post|organi[sz]e|arrange|report|circulate|
    ask|work\ on|collect|document|file|order|deliver|make\ sure|investigate|bring|present|confirm|
    reach\ out|create|own|handle|summari[sz]e|choose|measure|tell)"""
_SOFTLY = r"(?:\ (?:also|just|then|definitely|please|try\ to|go\ and|have\ to|need\ to))*"
_TAKEN = re.compile(
    rf"""\b(?:i'll|i\ will|i'm\ (?:going\ to|gonna)|i\ can){_SOFTLY}\ {_DUTY}\b
    | \b(?:can|could|would|will)\ you{_SOFTLY}\ {_DUTY}\b | \bplease\ {_DUTY}\b
    | \b(?:i'll|i\ will){_SOFTLY}\ (?:add|build|do|get|give|make|move|push|run|start|
        take|test|try)\b
    | \b[a-z]+\ will{_SOFTLY}\ (?:send|write|prepare|draft|share|follow\ up|book|circulate)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_SHARED = re.compile(
    rf"\b(?:we'll|we\ will|(?:needs?|has|have)\ to|should|must){_SOFTLY}\ {_DUTY}\b",
    re.IGNORECASE | re.VERBOSE,
)
_MEANT = re.compile(
    rf"""\b(?:i'll|you'll|we'll|he'll|she'll|they'll|will|must|needs?\ to|ha(?:ve|s)\ to)\b
    | \bi\ (?:{_DUTY}|get)\b | \b[a-z]+\ (?:{_DUTY}|get)(?:e?s)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_SUPPOSED = re.compile(r"\bif\b|\bleave (?:it|that|this)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\baction (?:item|point)s?\b|\bto-?do\b|^to do\b|\bto do list|\bnext steps?\b"
    r"|\btake it offline\b",
    re.IGNORECASE,
)
_CLAIMED = re.compile(
    r"\b(?:that's|that is|this one's|this is|it's)(?: all)? (?:mine|on me|my job)\b"
    r"|\bleave (?:that|it) (?:to|with) me\b",
    re.IGNORECASE,
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DUE = re.compile(
    rf"""\b(?:by|before|until|due|on)\ (?:the\ )?(?:{_DAY}|tomorrow|tonight|noon|next\ \w+|end\ of|
      this\ (?:week|afternoon|evening)|january|february|march|april|june|july|august|september|
      october|november|december|\d)
    | \b(?:tomorrow|next\ (?:week|{_DAY})|this\ (?:week|afternoon|evening))\b
    | \btoday[.?!]?$""",
    re.IGNORECASE | re.VERBOSE,
)

_WHOLE = re.compile(
    r"\b(?:summar\w*|recap\w*|overview|gist|sum (?:it |this |that |everything )?up|catch me up|"
    r"what (?:is|was|are|were|has|have|'s) (?:\w+ )*(?:about|discussed|said|covered|happen\w*)|"
    r"what(?:'s)? happen\w*|what did (?:i|we) (?:miss|discuss|talk about|cover)|takeaways?|"
    r"highlights?|(?:main|key) (?:\w+ )?(?:points?|topics?|ideas?)|talk(?:ed|ing)? about)",
    re.IGNORECASE,
)
_OF_WHOLE_WORDS = """
    brief briefly call catch conversation cover covered covering entire everything general gist
    happen happened happening highlight highlights idea ideas key main minutes miss missed
    overall overview quick quickly recap session short shortly so sum takeaway takeaways till
    today whole write provide detail detailed complete full
"""
_OF_WHOLE = ASKING | frozenset(_OF_WHOLE_WORDS.split())
_OF_DECISIONS = frozenset(
    ["agree", "agreed", "agreement", "agreements", "decide", "decided", "decision", "decisions"]
)
_OF_ACTIONS_WORDS = """
    action actions assigned follow follow-ups item items next owner owners step steps task tasks
    to-dos todo todos
"""
_OF_ACTIONS = frozenset(_OF_ACTIONS_WORDS.split())
_OF_BOTH = frozenset(["do", "made", "outcome", "outcomes", "taken", "up", "was"])
_WHO_WHAT = re.compile(
    r"\W*who(?:'s| is| are| will| has| should| has to)? "
    r"(?:owns?|owned|do|does|doing|takes?|took|taking|taken|responsible for|in charge of) "
    r"what(?: (?:by when|next|now|and when))?\W*",
    re.IGNORECASE,
)
Outcome: TypeAlias = Literal["decisions", "actions"]
_BOTH: frozenset[Outcome] = frozenset({"decisions", "actions"})


def decision(sentence: str) -> bool:
    """Whether it says that something was decided."""
    plain = sentence.replace("\u2019", "'")
    return bool(_DECIDED.search(plain)) and not _OPEN.search(plain)


def action(sentence: str) -> int:
    """How strongly it says that somebody will do something; 0 where it does not.

    To ask for it says it less than to take it on.
    """
    plain = sentence.replace("\u2019", "'")
    if len(plain.split()) < _FEWEST_WORDS or _SUPPOSED.search(plain):
        return 0
    due = bool(_DUE.search(plain))
    taken, called = bool(_TAKEN.search(plain)), bool(_NAMED.search(plain))
    meant = due and (_SHARED.search(plain) or _MEANT.search(plain))
    told = taken + called + due
    return told + (0 if asks(plain) else _TOLD) if taken or called or meant else 0


def asks(sentence: str) -> bool:
    """Whether it ends as a question does."""
    return sentence.rstrip().endswith("?")


def claimed(sentence: str) -> bool:
    """Whether its speaker takes on what was said just before."""
    plain = sentence.replace("\u2019", "'")
    return bool(_CLAIMED.search(plain)) and not asks(plain)


def doer(sentence: str, names: Iterable[str]) -> str | None:
    """The name of which it says that they do something by a day; None where of none of them."""
    plain = sentence.replace("\u2019", "'")
    if not _DUE.search(plain) or asks(plain) or _SUPPOSED.search(plain):
        return None
    does = rf"(?:{_DUTY}(?:e?s)|will{_SOFTLY}\ {_DUTY})"
    found = (
        (match.start(), name)
        for name in names
        if (match := re.search(rf"\b{re.escape(name)}\ {does}\b", plain, _LOOSELY))
    )
    return min(found, default=(0, None))[1]


def about_the_whole(question: str) -> bool:
    """Whether it asks what the meeting was about, and nothing in particular."""
    rest = [word for word in words(question) if word not in STOP | _OF_WHOLE]
    return not rest and bool(_WHOLE.search(question))


def outcomes_asked(question: str) -> frozenset[Outcome]:
    """Whether decisions or work taken on are asked for, and nothing in particular; else empty."""
    if _WHO_WHAT.fullmatch(question.replace("\u2019", "'").strip()):
        return frozenset({"actions"})
    found = {word for word in words(question) if word not in STOP | ASKING | {"main", "key"}}
    if not found or not found <= _OF_DECISIONS | _OF_ACTIONS | _OF_BOTH:
        return frozenset()
    decisions, actions = found & _OF_DECISIONS, found & _OF_ACTIONS
    if bool(decisions) == bool(actions):
        return _BOTH
    return frozenset({"decisions"}) if decisions else frozenset({"actions"})
