"""When to start a process again that ended by itself. Starts nothing, reads no clock."""

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses in seconds. Who lived `healthy` seconds starts anew with the shortest."""

    first: float = 0.2
    longest: float = 5.0
    healthy: float = 10.0
    alarming: int = 10
    """Deaths in a row from which on this is no accident."""


class Deaths(msgspec.Struct, frozen=True):
    """How often in a row a process died before it was healthy, the last time included."""

    in_row: int = 0


def died(before: Deaths, lived: float, policy: Policy) -> Deaths:
    """One more death after `lived` seconds."""
    return Deaths(1 if lived >= policy.healthy else before.in_row + 1)


def pause(deaths: Deaths, policy: Policy) -> float:
    """Seconds to wait before the next start: doubling from the first to the longest."""
    doublings = min(max(deaths.in_row - 1, 0), 30)
    return min(policy.longest, policy.first * 2.0**doublings)


def alarming(deaths: Deaths, policy: Policy) -> bool:
    """Whether a person should look at it."""
    return deaths.in_row >= policy.alarming
