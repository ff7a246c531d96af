"""Names that are given to speakers: as which facts they go into the log. Asks nobody.

A new name that another speaker has says that both are one person, unless that one gets another
name in the same request. Who is called so already stays as they are. What cannot come out as it was
asked for is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import NamedTuple, TypeAlias

from contracts import ids, speakers
from contracts.events import Numbered, SpeakerRenamed, SpeakersMerged
from contracts.speakers import Speakers
from services.gateway import problems, transcript
from services.gateway.problems import ProblemError
from services.gateway.transcript import View, Voice

Change: TypeAlias = SpeakerRenamed | SpeakersMerged

CHANGES = (SpeakerRenamed, SpeakersMerged)


class Naming(NamedTuple):
    """Names by speaker as somebody gave them; `token` tells one giving from another."""

    session_id: str
    token: str
    names: Mapping[str, str]
    now: datetime

    @property
    def family(self) -> str:
        """What the ids of all its changes begin with; the token comes first in it."""
        flat = [part for entry in sorted(self.names.items()) for part in entry]
        return f"chg_{self.token}_{ids.digest(*flat)}_"

    def rename(self, number: int, speaker: str, name: str) -> SpeakerRenamed:
        """Its change of this number is that the speaker is called so."""
        of, change = self.session_id, f"{self.family}{number}"
        return SpeakerRenamed(
            session_id=of, time=self.now, change_id=change, speaker=speaker, name=name
        )

    def merge(self, number: int, speaker: str, into: str) -> SpeakersMerged:
        """Its change of this number is that both are one person."""
        of, change = self.session_id, f"{self.family}{number}"
        return SpeakersMerged(
            session_id=of, time=self.now, change_id=change, speaker=speaker, into=into
        )


class Wish(NamedTuple):
    """One entry: a speaker, by what they go by or went by before a merge, and the name to be."""

    speaker: str
    name: str


class _Scene(NamedTuple):
    """Speakers while names are given: what each id or label goes by, the name shown for it, and
    all that it is shown by, where it was heard under several."""

    known: Speakers
    voices: tuple[Voice, ...]
    keys: Mapping[str, str]
    shown: Mapping[str, str | None]
    everywhere: Mapping[str, frozenset[str | None]]

    def key(self, speaker: str) -> str:
        return speaker if speaker in self.shown else self.keys[speaker]

    def after(self, change: Change) -> "_Scene":
        return _scene(speakers.evolve(self.known, change), self.voices)


def once_token(session_id: str, seq: int) -> str:
    """For a giving that was decided on at this sequence of the log."""
    return ids.digest("speakers", session_id, seq)


def repeatable_token(session_id: str, caller: str, key: str) -> str:
    """For the giving that a caller named with an idempotency key."""
    return ids.digest("speakers", session_id, caller, "key", key)


def begun(events: Iterable[Numbered], naming: Naming) -> dict[str, int]:
    """The sequences of those of the naming's changes that are in the log, by their ids.

    Raises ProblemError (422) when its token belongs to other names.
    """
    found = {
        event.change_id: seq
        for seq, event in events
        if isinstance(event, CHANGES) and event.change_id.startswith(f"chg_{naming.token}_")
    }
    if not all(change_id.startswith(naming.family) for change_id in found):
        raise problems.unfit("Idempotency-Key", "was used for other names")
    return found


def plan(view: View, naming: Naming) -> tuple[Change, ...]:
    """The facts after which everybody is called as was wished; none where they are already.

    Raises ProblemError (422) naming a speaker nobody heard, or one who cannot be called so.
    """
    scene = _scene(view.speakers, transcript.voices(view))
    waiting = wishes = _wishes(scene, naming.names)
    changes: list[Change] = []
    while waiting:
        wish = _next(scene, waiting)
        waiting = tuple(one for one in waiting if one != wish)
        if (merge := _merge(scene, wish, waiting, naming, len(changes))) is not None:
            changes.append(merge)
            scene = scene.after(merge)
        if (rename := _rename(scene, wish, naming, len(changes))) is not None:
            changes.append(rename)
            scene = scene.after(rename)
    _check(scene, wishes)
    return tuple(changes)


def _scene(known: Speakers, voices: tuple[Voice, ...]) -> _Scene:
    keys: dict[str, str] = {}
    shown: dict[str, str | None] = {}
    everywhere: dict[str, frozenset[str | None]] = {}
    for (speaker_id, label), (key, name) in transcript.cast(known, voices).items():
        if (own := speaker_id or label) and key is not None:
            keys.setdefault(own, key)
            shown[key] = name
            everywhere[key] = everywhere.get(key, frozenset()) | {name}
    return _Scene(known, voices, keys, shown, everywhere)


def _wishes(scene: _Scene, names: Mapping[str, str]) -> tuple[Wish, ...]:
    """One a person, in an order that does not depend on the request's."""
    found: dict[str, Wish] = {}
    for speaker, name in sorted(names.items()):
        if speaker not in scene.shown and speaker not in scene.keys:
            raise problems.unfit(speaker[:200], "is no speaker of this session")
        same = found.setdefault(scene.key(speaker), Wish(speaker, name))
        if same.name != name:
            raise problems.unfit(speaker[:200], "is one person with another one in this request")
    return tuple(found.values())


def _next(scene: _Scene, waiting: Sequence[Wish]) -> Wish:
    """A wish for a name that nobody is about to leave, where there is one."""
    return next((one for one in waiting if not _leaving(scene, one.name, waiting)), waiting[0])


def _leaving(scene: _Scene, name: str, waiting: Iterable[Wish]) -> set[str]:
    """Those who are called so and are yet to be called otherwise."""
    keys = {scene.key(one.speaker) for one in waiting if one.name != name}
    return {key for key in keys if scene.shown[key] == name}


def _merge(
    scene: _Scene, wish: Wish, waiting: Sequence[Wish], naming: Naming, number: int
) -> Change | None:
    """Who it is, where that is another one who is called so."""
    key, leaving = scene.key(wish.speaker), _leaving(scene, wish.name, waiting)
    called = [one for one, name in scene.shown.items() if name == wish.name]
    others = [one for one in called if one != key and one not in leaving]
    if not others or scene.shown[key] == wish.name:
        return None
    for other, handle in product(others, _handles(scene, key)):
        change = naming.merge(number, handle, other)
        if _is_one(scene, scene.after(change), {key, other}):
            return change
    raise _inseparable(wish)


def _rename(scene: _Scene, wish: Wish, naming: Naming, number: int) -> Change | None:
    """What they are called, where they are not called so already."""
    if _is_called(scene, wish):
        return None
    for handle in _handles(scene, scene.key(wish.speaker)):
        change = naming.rename(number, handle, wish.name)
        if _is_called(scene.after(change), wish):
            return change
    raise _inseparable(wish)


def _handles(scene: _Scene, key: str) -> tuple[str, ...]:
    """By what a fact may mean the speaker: what they go by, or the name they are shown by."""
    name = scene.shown[key]
    return (key,) if name is None else (key, name)


def _is_one(before: _Scene, after: _Scene, people: set[str]) -> bool:
    """Whether these, and nobody else, became one."""
    now = {after.keys[own] for own, key in before.keys.items() if key in people}
    same = all(after.keys[own] == key for own, key in before.keys.items() if key not in people)
    return same and len(now) == 1


def _is_called(scene: _Scene, wish: Wish) -> bool:
    return scene.everywhere[scene.key(wish.speaker)] == {wish.name}


def _check(scene: _Scene, wishes: Iterable[Wish]) -> None:
    for wish in wishes:
        if not _is_called(scene, wish):
            raise _inseparable(wish)


def _inseparable(wish: Wish) -> ProblemError:
    return problems.unfit(wish.speaker[:200], "cannot be told from another speaker by this name")
