"""Every stream as data: what is stored, for how long, and what the server refuses.

The layout and its reasons are in docs/architecture.md. Streams are made by provisioning alone;
a service that finds one missing says so and stops.
"""

from typing import Literal

import msgspec

from contracts import subjects

MINUTE = 60
DAY = 24 * 60 * MINUTE

DUPLICATE_WINDOW = 10 * MINUTE
"""Seconds the server remembers an idempotency key; beyond it, publishers check the log."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One JetStream stream; times in seconds, sizes in bytes, 0 for no limit."""

    name: str
    subjects: tuple[str, ...]
    retention: Literal["limits", "workqueue"] = "limits"
    max_age: int = 0
    max_bytes: int = 0
    max_msgs_per_subject: int = 0
    duplicate_window: int = DUPLICATE_WINDOW
    discard: Literal["old", "new"] = "new"
    """When max_bytes is reached: drop the oldest, or refuse the newest."""
    schedules: bool = False
    atomic: bool = False
    rollup: bool = False


MEETINGS = Stream(
    name="MEETINGS",
    subjects=(subjects.EVERY_EVENT, subjects.EVERY_SCHEDULE),
    # The server refuses schedules beside discard=new. With no max_bytes nothing is ever discarded:
    # a full disk is the server's max_file_store, which refuses the publisher.
    discard="old",
    schedules=True,
    atomic=True,
    rollup=True,
)
JOBS = Stream(name="JOBS", subjects=(subjects.EVERY_JOB,), retention="workqueue")
KEYS = Stream(name="KEYS", subjects=(subjects.EVERY_KEY,), max_msgs_per_subject=1)
DEAD = Stream(
    name="DEAD",
    subjects=(subjects.EVERY_DEAD_LETTER,),
    max_age=30 * DAY,
    max_bytes=256 << 20,
    discard="old",
)


def bucket(name: str, max_age: int = 0) -> Stream:
    """A key-value bucket with one revision a key, as NATS lays it out (ADR-8)."""
    return Stream(
        name=f"KV_{name}",
        subjects=(f"$KV.{name}.>",),
        max_age=max_age,
        max_msgs_per_subject=1,
        duplicate_window=2 * MINUTE,
        rollup=True,
    )


CTX = "CTX"
ROOMS = "ROOMS"
BOTS = "BOTS"
"""Leases: the bot of each session that has one, renewed while it lives."""
OWNERS = "OWNERS"
"""Who folds which partition, and which instances there are, renewed while they live."""
RECORDINGS = "RECORDINGS"
"""The object store that holds uploaded recordings, sealed."""
FILES = "FILES"
"""The object store that holds what is played and shown in rooms, and pictures taken, sealed."""

OBJECT_STORES = (RECORDINGS, FILES)
STREAMS = (MEETINGS, JOBS, KEYS, DEAD, bucket(CTX), bucket(ROOMS), bucket(BOTS), bucket(OWNERS))
