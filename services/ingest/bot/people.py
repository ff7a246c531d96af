"""Daily's participant objects to people. Pure; says nothing about who is there."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from services.ingest.bot import readings

MAX_RIGHTS = 20
MAX_TRACKS = 50
_TRACKS = ("camera", "microphone", "screenVideo", "screenAudio")

Media: TypeAlias = tuple[tuple[str, str], ...]
"""Track and state, sorted by track."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of one person; `can_admin` is sorted."""

    participant_id: str
    name: str | None = None
    user_id: str | None = None
    owner: bool = False
    can_admin: tuple[str, ...] = ()
    media: Media = ()


def ident(entry: object) -> str | None:
    """The participant's id, None without a usable one."""
    return readings.ident(readings.mapping(entry).get("id"))


def info(entry: object) -> Mapping[str, Any]:
    """What the participant object says of the person."""
    return readings.mapping(readings.mapping(entry).get("info"))


def read(entry: object, known: Person) -> Person:
    """What the object says of a person; on what it does not say, they stay as known."""
    told = info(entry)
    owner = told.get("isOwner")
    rights = readings.mapping(told.get("permissions")).get("canAdmin")
    media = readings.mapping(entry).get("media")
    return Person(
        participant_id=known.participant_id,
        name=readings.text(told.get("userName"), readings.MAX_NAME) or known.name,
        user_id=readings.text(told.get("userId"), readings.MAX_NAME) or known.user_id,
        owner=owner if isinstance(owner, bool) else known.owner,
        can_admin=_rights(rights) if isinstance(rights, list | tuple) else known.can_admin,
        media=_media(media) if isinstance(media, Mapping) else known.media,
    )


def _rights(listed: Iterable[object]) -> tuple[str, ...]:
    named = {readings.text(right, readings.MAX_NAME) for right in listed}
    return tuple(sorted(right for right in named if right is not None))[:MAX_RIGHTS]


def _media(media: Mapping[str, Any]) -> Media:
    custom = (
        *readings.mapping(media.get("customAudio")).items(),
        *readings.mapping(media.get("customVideo")).items(),
    )
    states: dict[str, str] = {}
    for key, track_info in (*((track, media.get(track)) for track in _TRACKS), *custom):
        track = readings.text(key, readings.MAX_NAME)
        state = readings.text(readings.mapping(track_info).get("state"), readings.MAX_NAME)
        if track is not None and state is not None and len(states) < MAX_TRACKS:
            states.setdefault(track, state)
    return tuple(sorted(states.items()))
