"""Who should own which partition: a pure plan that every instance makes for itself.

Nothing here makes anybody an owner: leases are taken by compare-and-set, in `owning`. Instances
that look at the same leases make plans that fit together; from different looks they may meet at a
lease, which one of them gets.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from contracts.subjects import PARTITIONS

TTL_SECONDS = 2.0
"""A member whose key did not change for so long is gone."""

JOINING, LIVING, LEAVING, GONE = b"joining", b"living", b"leaving", b""
"""What a member's key holds. Who joins takes nothing yet. Who leaves keeps what it has until it let
go of it, and takes no more; a key that anybody emptied is never written by its member again."""
JOINING_SECONDS = 2.5
"""Longer than it takes to find one gone. A member is often started because another died; what that
one had goes to those who are at work, sooner than a process that has just begun could take it."""


class Plan(msgspec.Struct, frozen=True):
    """The partitions to take and those to let go of."""

    take: tuple[int, ...] = ()
    release: tuple[int, ...] = ()


class Sighting(msgspec.Struct, frozen=True):
    """A member's key: since when, in seconds of the observer's clock, it is at this revision."""

    revision: int
    since: float
    state: bytes = LIVING


Sightings = Mapping[str, Sighting]


def plan(
    me: str,
    members: AbstractSet[str],
    owners: Mapping[int, str],
    leaving: AbstractSet[str] = frozenset(),
) -> Plan:
    """What `me`, one of the members, should do where `owners` own partitions.

    Shares differ by one at most. A partition is free whose owner is neither a member nor leaving.
    """
    held: dict[str, list[int]] = {member: [] for member in members}
    free: list[int] = []
    for number in range(PARTITIONS):
        owner = owners.get(number, "")
        if owner in held:
            held[owner].append(number)
        elif owner not in leaving:
            free.append(number)
    for member, share in _shares(held):
        mine, wanted = held[member], max(0, share - len(held[member]))
        if member == me:
            return Plan(tuple(free[:wanted]), tuple(mine[share:]))
        free = free[wanted:]
    raise ValueError(f"not a member: {me}")


def _shares(held: Mapping[str, list[int]]) -> Iterable[tuple[str, int]]:
    """Each member's share; who has most keeps most, so that nothing moves without need."""
    share, more = divmod(PARTITIONS, len(held))
    ranked = sorted(held, key=lambda member: (-len(held[member]), member))
    return ((member, share + (rank < more)) for rank, member in enumerate(ranked))


def sharers(seen: Sightings, owners: AbstractSet[str]) -> frozenset[str]:
    """Those who have a share; who owns any has one, though its key may not say so yet."""
    return within(seen, LIVING) | (within(seen, JOINING) & owners)


def may_take(others: AbstractSet[str], joining: float) -> bool:
    """Whether one that has been joining for so many seconds may have its share."""
    return not others or joining >= JOINING_SECONDS


def observe(
    before: Sightings, keys: Mapping[str, Sighting], owners: AbstractSet[str], now: float
) -> dict[str, Sighting]:
    """What is known of members after a look that ended at `now` and found `keys`.

    A key that is missing says nothing: it may have been replaced during the look. So an owner
    without a key counts as living until it was silent for as long as everybody else may be.
    """
    after: dict[str, Sighting] = {}
    for name in {*before, *keys, *owners}:
        was, found = before.get(name), keys.get(name)
        if found is None:
            if was is None or was.state != GONE or name in owners:
                after[name] = was or Sighting(0, now)
        elif was is None or (was.revision, was.state) != (found.revision, found.state):
            after[name] = replace(found, since=now)
        else:
            after[name] = was
    return after


def buried(seen: Sightings, name: str) -> dict[str, Sighting]:
    """What is known after a member was found gone."""
    return {**seen, name: replace(seen[name], state=GONE)}


def silent(seen: Sightings, me: str, now: float) -> tuple[str, ...]:
    """Others whose keys did not change for TTL_SECONDS until a look that began at `now`."""
    return tuple(
        name
        for name, one in sorted(seen.items())
        if name != me and one.state != GONE and now - one.since >= TTL_SECONDS
    )


def forgettable(seen: Sightings, now: float, after: float) -> tuple[str, ...]:
    """Those whose emptied keys everybody has had `after` seconds to see."""
    return tuple(
        name
        for name, one in sorted(seen.items())
        if one.state == GONE and one.revision and now - one.since >= after
    )


def within(seen: Sightings, state: bytes) -> frozenset[str]:
    """The members in a state."""
    return frozenset(name for name, one in seen.items() if one.state == state)


def patience(seen: Sightings, me: str, now: float) -> float:
    """Seconds until the first of the others may be found silent, TTL_SECONDS at most."""
    ends = [one.since - now for name, one in seen.items() if name != me and one.state != GONE]
    return max(0.0, TTL_SECONDS + min([0.0, *ends]))
