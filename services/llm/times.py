"""Questions for a time, and the lines that say one; English only.

Pure. It tells that a day is named, never which day that is.
"""

import re

_MONTHS = """january|february|april|june|july|august|september|october|november|december"""
_FEW = "one|two|three|four|five|six|a few|a couple of".replace(" ", r"\ ")
_UNITS = r"(?:day|week|month|quarter|year)"
_DATE = re.compile(
    rf"""\b(?:
      (?:mon|tues|wednes|thurs|fri|satur|sun)days? | {_MONTHS}
    | (?:(?:of|in|by|until|till|before|since|early|mid|late|\d(?:st|nd|rd|th)?)[ ])(?:may|march)
    | (?:may|march)\ (?:the\ )?\d{{1,2}}
    | \d{{1,2}}(?:st|nd|rd|th) | \d{{4}}-\d\d-\d\d | \d{{1,2}}/\d{{1,2}} | q[1-4]
    | \d{{1,2}}(?::\d\d|\ ?(?:am|pm)|\ o'clock) | noon | midnight
    | today | tonight | tomorrow | yesterday | weekend
    | (?:this|next|last)\ (?:{_UNITS}|morning|afternoon|evening|spring|summer|autumn|fall|winter)
    | end\ of\ (?:the\ |this\ |next\ )?{_UNITS} | in\ (?:an?|\d+|{_FEW})\ {_UNITS}s?
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKED = re.compile(
    r"""^\W*(?:and\ |so\ )?when\b | \b(?:by|since|until|till)\ when\b
    | \bwhen(?:'s|\ (?:is|are|was|were|will|would|should|do|does|did|can|could|must|has|have))\b
    | \b(?:what|which)(?:'s)?\ (?:\w+\ ){0,4}(?:dates?|day|deadlines?)\b | \bwhat\ time\b
    | \bdeadlines?\b | \bhow\ soon\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CORRECTED = re.compile(
    r"""\b(?:sorry|correction)\b.{0,20}\bnot\b | \bnot\ (?:on\ )?the\ \d | \binstead\ of\b
    | \b(?:mov|postpon|delay|shift|push|reschedul)(?:e[sd]?|s|ing)?\b.{0,40}\b(?:to|until)\b
    | \bactually\b | \bi\ meant?\b | \brather\ than\b""",
    re.IGNORECASE | re.VERBOSE,
)
ASKING_WHEN = frozenset({"date", "dates", "day", "new", "soon", "time", "when"})
_POSTPONED = frozenset({"postpon", "delay", "reschedul", "defer"})
_MOVED = ("postpon", "delay", "reschedul", "defer", "mov", "shift", "push")


def asked(question: str) -> bool:
    """Whether it asks when something is."""
    return bool(_ASKED.search(question.replace("\u2019", "'")))


def named(text: str) -> bool:
    """Whether it names a day, a month or an hour."""
    return bool(_DATE.search(text.replace("\u2019", "'")))


def corrected(text: str) -> bool:
    """Whether it takes something back, or moves it."""
    return bool(_CORRECTED.search(text.replace("\u2019", "'")))


def without(text: str) -> str:
    """`text` without the days, months and hours in it."""
    return _DATE.sub(" ", text)


def postponed(stems: tuple[str, ...]) -> bool:
    """Whether one of the stems is about a date that was put off."""
    return not _POSTPONED.isdisjoint(stems)


def other_words(stems: tuple[str, ...]) -> tuple[str, ...]:
    """`stems`, and where one of them is about putting off, the others that are."""
    return tuple(dict.fromkeys((*stems, *_MOVED))) if postponed(stems) else stems
