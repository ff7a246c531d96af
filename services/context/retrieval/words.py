"""The words of a question that do not say what it is about; English only. Pure.

In other languages nothing is dropped, and words that are in every line weigh little by themselves.
"""

import re

WORD = re.compile(r"[^\W_]+")

_STOP_WORDS = """
    a about above actually after again against ah aha all already alright also although always am
    an and another any anybody anyone anything are aren around as at away back basically be because
    been before being below between both but by bye can cannot come could couldn d did didn do does
    doesn doing don done down during each either else er erm ever every everybody everyone
    everything exactly few fine for from further get gets getting go goes going gonna got great had
    hadn has hasn have haven having he hello her here hers herself hey hi him himself his hm hmm how
    huh i if in indeed into is isn it its itself just kind know let like ll look lot m make many may
    maybe me mean mhm might mm mmm more most much must my myself nah neither never nice no nope nor
    not now of off oh ok okay on once one only onto oops or other our ours ourselves out over own
    perfect perhaps please pretty probably put quite rather re really right s same say see shall she
    should shouldn so some somebody someone something sorry sort still stuff such sure t take than
    thank thanks that the their theirs them themselves then there these they thing things think this
    those though through to too true uh uhhuh uhm um under until up upon us ve very want wants was
    wasn we well were weren what when where whether which while who whoever whom whose why will with
    within without won would wouldn wow ya yeah yep yes yet you your yours yourself yourselves yup
"""
STOP = frozenset(_STOP_WORDS.split())
"""Carry no topic in speech either, so they never become words to look for."""

_ASKING_WORDS = """
    according answer answered ask asked asking attitude based basic comment commented comments
    concern concerns conclude concluded conclusion conclusions deal dealing decide decided
    decision decisions describe described detail detailed details different discuss discussed
    discusses discussing discussion discussions explain explained explains far find give given
    group happen happened idea ideas important included including introduce introduced
    introduction issue issues list main meeting meetings member members mention mentioned need
    needed opinion opinions participant participants people point points reason reasons regarding
    related relevant respond responded response said saying says show speak speaker speakers
    specific spoke state stated states status summaries summarise summarised summarize summarized
    summary talk talked talking talks team tell think thinks thought thoughts told topic topics
    toward towards view views
"""
ASKING = frozenset(_ASKING_WORDS.split())
"""Say that something is asked, of whom and about what kind of thing, not what."""


def words(text: str) -> list[str]:
    """Its words in order, lower case."""
    return WORD.findall(text.lower())
