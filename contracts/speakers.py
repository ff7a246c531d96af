"""Who a segment is by, after renames and merges: one reading of those facts for every fold. Pure.

A speaker goes by an id where the source gave one, else by the label they were heard with. A fact
about a speaker names their id, or the name they are shown by; then it is about all who are shown by
it, and about those who come later under that name.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.events import (
    Event,
    ParticipantJoined,
    ParticipantUpdated,
    SegmentHeard,
    SpeakerRenamed,
    SpeakersMerged,
)

Voice: TypeAlias = tuple[str, str]
"""What a segment is heard with: an id and a label, empty where there is none."""

_WORD = re.compile(
    ".|me|you|he|she|it|we|us|they|them|the|all|one|will|may|mark|bill|grace|hope|joy|faith|rose"
    "|art|frank|chase|april|june|august|dawn|summer|guest|user|host|speaker|unknown",
    re.IGNORECASE,
)
"""Names that sentences hold as words too."""


class Speakers(msgspec.Struct, frozen=True):
    """`known` is the last name of each speaker by id, empty while there is none, and each label
    of those without an id by itself. `renamed` maps an id or a name as heard to the name it is
    shown by, `merged` one to whose it really is. `former` maps a name to the voices that were heard
    or shown by it before, as far as `known` no longer says so."""

    known: dict[str, str] = {}
    renamed: dict[str, str] = {}
    merged: dict[str, str] = {}
    former: dict[str, tuple[Voice, ...]] = {}


def evolve(speakers: Speakers, event: Event) -> Speakers:
    """The speakers after one more event; most events change nothing."""
    match event:
        case (
            ParticipantJoined(participant_id=str(speaker), name=name)
            | ParticipantUpdated(participant_id=str(speaker), name=name)
            | SegmentHeard(speaker_id=str(speaker), speaker=name)
            | SegmentHeard(speaker_id=None, speaker=str(speaker) as name)
        ):
            return _met(speakers, speaker, name or "")
        case SpeakerRenamed(speaker=speaker, name=name):
            return _changed(speakers, replace(speakers, renamed=_renamed(speakers, speaker, name)))
        case SpeakersMerged(speaker=speaker, into=into):
            return _changed(speakers, replace(speakers, merged=_merged(speakers, speaker, into)))
        case _:
            return speakers


def key(speakers: Speakers, speaker_id: str | None, label: str | None) -> str | None:
    """What the speaker goes by: the same for all segments of one person, null for nobody known."""
    own = speaker_id or label
    return _root(speakers, own) if own else None


def shown(speakers: Speakers, speaker_id: str | None, label: str | None) -> str | None:
    """The name a segment is shown with; null where nobody knows it.

    Who gives themselves another name during a meeting keeps the old one where it was heard: another
    person may sit at the same device.
    """
    who = key(speakers, speaker_id, label)
    if who is None:
        return None
    if label and who == (speaker_id or label) and who not in speakers.renamed:
        return speakers.renamed.get(label, label)
    return _name(speakers, who) or None


def retelling(speakers: Speakers) -> Callable[[str], str]:
    """What gives a text about the meeting the names that speakers have now.

    A name stays where any who had it are called differently by now, or somebody is called so. One
    that is an ordinary word or a single letter is changed only before a colon that it starts a
    line with.
    """
    names = _new_names(speakers)
    if not names:
        return lambda text: text
    longest = sorted(names, key=lambda name: (-len(name), name))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(_pattern, longest))})(?!\w)", re.MULTILINE)
    return lambda text: pattern.sub(lambda found: names[found[0]], text)


def _pattern(name: str) -> str:
    return rf"^{re.escape(name)}(?=:)" if _WORD.fullmatch(name) else re.escape(name)


def _new_names(speakers: Speakers) -> dict[str, str]:
    if not speakers.renamed and not speakers.merged:
        return {}
    shown_as = {voice: shown(speakers, *voice) for voice in _voices(speakers)}
    bearers: dict[str, set[str | None]] = {}
    for voice, now in shown_as.items():
        for name in (voice[1], now or ""):
            bearers.setdefault(name, set()).add(now)
    for name, voices in speakers.former.items():
        bearers.setdefault(name, set()).update(shown_as[voice] for voice in voices)
    only = ((name, next(iter(names))) for name, names in bearers.items() if len(names) == 1)
    return {name: now for name, now in only if name and now and name != now}


def _voices(speakers: Speakers) -> Iterable[Voice]:
    """Each that was heard, once."""
    last = (_voice(*one) for one in speakers.known.items())
    return dict.fromkeys(chain(last, *speakers.former.values()))


def _voice(speaker: str, name: str) -> Voice:
    return ("" if speaker == name else speaker, name)


def _changed(before: Speakers, after: Speakers) -> Speakers:
    """Afterwards, with the names that voices were shown by before and are not any more."""
    lost = [
        (name, voice)
        for voice in _touched(before)
        if (name := shown(before, *voice)) and name != voice[1] and name != shown(after, *voice)
    ]
    return replace(after, former=_noted(before.former, lost)) if lost else after


def _touched(speakers: Speakers) -> Iterator[Voice]:
    """Those that may be shown by another name than their own."""
    names = speakers.renamed.keys() | speakers.merged.keys()
    for speaker, label in _voices(speakers) if names else ():
        if not names.isdisjoint((speaker, label, speakers.known.get(speaker, label))):
            yield speaker, label


def _noted(
    former: dict[str, tuple[Voice, ...]], had: Iterable[tuple[str, Voice]]
) -> dict[str, tuple[Voice, ...]]:
    """With these names and who had them, each once."""
    fresh = [(name, voice) for name, voice in had if voice not in former.get(name, ())]
    noted = dict(former) if fresh else former
    for name, voice in fresh:
        noted[name] = (*noted.get(name, ()), voice)
    return noted


def _met(speakers: Speakers, speaker: str, name: str) -> Speakers:
    if (
        not speaker
        or speakers.known.get(speaker) == name
        or (not name and speaker in speakers.known)
    ):
        return speakers
    known = {**speakers.known, speaker: name}
    after = replace(speakers, known=known)
    if speakers.merged:
        # Only those merged are shown by the name of another.
        after = _changed(speakers, after)
    if not (was := speakers.known.get(speaker)):
        return after
    return replace(after, former=_noted(after.former, [(was, _voice(speaker, was))]))


def _root(speakers: Speakers, own: str) -> str:
    """Follow merges to the end; those that close a circle once a name is known have one end too."""
    path = [own]
    while (to := _link(speakers, path[-1])) not in path:
        path.append(to)
    return min(path[path.index(to) :])


def _link(speakers: Speakers, one: str) -> str:
    """Whose they are: by their own merge, else by that of the name they were heard with."""
    return speakers.merged.get(one) or speakers.merged.get(speakers.known.get(one, one), one)


def _name(speakers: Speakers, who: str) -> str:
    heard = speakers.known.get(who, who)
    return speakers.renamed.get(who) or speakers.renamed.get(heard, heard)


def _is_id(speakers: Speakers, speaker: str) -> bool:
    return speakers.known.get(speaker, speaker) != speaker


def _shown_as(speakers: Speakers, name: str) -> Iterator[str]:
    """Those that are shown by the name, as they go by."""
    roots = dict.fromkeys(_root(speakers, one) for one in speakers.known)
    return (root for root in roots if _name(speakers, root) == name)


def _meant(speakers: Speakers, speaker: str) -> list[str]:
    """Those a fact speaks of, as they go by."""
    if _is_id(speakers, speaker):
        return [_root(speakers, speaker)]
    return list(_shown_as(speakers, speaker)) or [_root(speakers, speaker)]


def _renamed(speakers: Speakers, speaker: str, name: str) -> dict[str, str]:
    """An id's person is called so; else whoever is shown by the name, by whatever renames."""
    renamed = speakers.renamed
    if _is_id(speakers, speaker):
        return {**renamed, _root(speakers, speaker): name}
    found = list(_shown_as(speakers, speaker))
    followed = {one: name if was == speaker else was for one, was in renamed.items()}
    heard = [speakers.known.get(one, one) for one in found if one not in renamed]
    is_new = speaker not in renamed and (speaker in heard or not found)
    return {**followed, speaker: name} if is_new else followed


def _merged(speakers: Speakers, speaker: str, into: str) -> dict[str, str]:
    """All that `speaker` and `into` mean go by the first of the latter."""
    target, *others = _meant(speakers, into)
    moved = {one for one in (*_meant(speakers, speaker), *others) if one != target}
    # Who is heard by a name that is moved, and is shown by another, stays.
    stay = {one for one, heard in speakers.known.items() if heard in moved and heard != one}
    stay -= {*moved, *speakers.merged}
    merged = speakers.merged | {one: one for one in sorted(stay)} | dict.fromkeys(moved, target)
    for name in (speaker, into):
        if moved and not _is_id(speakers, name):
            merged = _with_name(speakers, merged, name, {target, *moved})
    return _turned(replace(speakers, merged=merged), target, speaker, into)


def _turned(speakers: Speakers, target: str, speaker: str, into: str) -> dict[str, str]:
    """A circle: the one person goes by `into` if it is the other end of it."""
    is_circle = speaker in (target, _name(speakers, target)) and into != target
    if not is_circle or (not _is_id(speakers, into) and any(_shown_as(speakers, into))):
        return speakers.merged
    return {**speakers.merged, target: into, into: into}


def _with_name(
    speakers: Speakers, merged: dict[str, str], name: str, meant: set[str]
) -> dict[str, str]:
    """With those who come later under a name; who is heard by it and shown by another stays.

    Where nobody was heard by it yet, the last merge says whose it is.
    """
    bearers = [one for one, heard in speakers.known.items() if heard == name]
    is_theirs = any(_root(speakers, one) in meant for one in bearers)
    is_settled = bool(bearers) or merged.get(name) == name
    if is_settled if name in merged else not is_theirs:
        return merged
    target = next(merged.get(one, one) for one in meant)
    others = [one for one in bearers if one not in merged and _root(speakers, one) not in meant]
    return {**merged, name: target, **dict(zip(others, others, strict=True))}
