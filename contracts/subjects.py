"""Where messages live. The only module that spells a subject, and checks each token in it.

A session's partition is `crc32(session) % PARTITIONS`, computed by the publisher. PARTITIONS never
changes: stored subjects keep the partition they were given.
"""

import re
from zlib import crc32

from contracts.commands import Command
from contracts.events import Fact

PARTITIONS = 16
EVERY_EVENT = "m.>"
EVERY_SCHEDULE = "sched.>"
EVERY_JOB = "jobs.>"
EVERY_KEY = "keys.>"
EVERY_DEAD_LETTER = "dead.>"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")


def token(value: str) -> str:
    """Return `value`, or raise ValueError when it would widen a subject (dots, stars, spaces)."""
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"not a subject token: {value[:140]!r}")
    return value


def partition(session_id: str) -> int:
    """The partition of a session, 0 to PARTITIONS - 1."""
    return crc32(session_id.encode()) % PARTITIONS


def of(event: Fact) -> str:
    """The subject an event is stored under."""
    return events_of_type(event.session_id, type(event))


def events_of_type(session_id: str, event_type: type[Fact]) -> str:
    """All events of one type in one session."""
    return f"m.{partition(session_id)}.{token(session_id)}.{_tag(event_type)}"


def session_events(session_id: str) -> str:
    """All events of one session."""
    return f"m.{partition(session_id)}.{token(session_id)}.>"


def partition_events(number: int) -> str:
    """All events of one partition."""
    return f"m.{number}.>"


def type_in_every_session(event_type: type[Fact]) -> str:
    """All events of one type."""
    return f"m.*.*.{_tag(event_type)}"


def partition_of(subject: str) -> int | None:
    """The partition an event's subject names; None for a subject of something else."""
    kind, _, rest = subject.partition(".")
    return int(rest.partition(".")[0]) if kind == "m" else None


def session_of(subject: str) -> str:
    """The session an event's subject names."""
    return subject.split(".")[2]


def job(command: Command) -> str:
    """The work-queue subject of a command."""
    return f"jobs.{_tag(type(command))}.{token(command.session_id)}"


def jobs_of_type(command_type: type[Command]) -> str:
    """All commands of one type."""
    return f"jobs.{_tag(command_type)}.*"


def job_session(subject: str) -> str:
    """The session a work-queue subject names."""
    return subject.split(".")[2]


def key(session_id: str) -> str:
    """Where a session's wrapped key lies."""
    return f"keys.{token(session_id)}"


def dead_letter(subject: str) -> str:
    """Where a message that work was given up on is put aside."""
    return f"dead.{subject}"


def snapshot(session_id: str) -> str:
    """Key of a session's folded state in the CTX bucket."""
    return f"s.{partition(session_id)}.{token(session_id)}"


def partition_snapshots(number: int) -> str:
    """Keys of all folded states of one partition in the CTX bucket."""
    return f"s.{number}.*"


def checkpoint(number: int) -> str:
    """Key of a partition's checkpoint in the CTX bucket."""
    return f"ckpt.{number}"


def room(digest: str) -> str:
    """Key of a room's latest session in the ROOMS bucket."""
    return f"room.{token(digest)}"


def answer_tokens(session_id: str, query_id: str) -> str:
    """Core NATS: an answer as it is being written."""
    return f"tok.{token(session_id)}.{token(query_id)}"


def captions(session_id: str) -> str:
    """Core NATS: interim captions."""
    return f"cap.{token(session_id)}"


def audio(session_id: str) -> str:
    """Core NATS: captured audio."""
    return f"aud.{token(session_id)}"


ROOM_WANTED = "rooms.open"
"""Core NATS: where an ingest service makes a Daily room."""


def schedule(session_id: str, timer: str) -> str:
    """A durable timer of a session: a message that the server publishes when it is due."""
    return f"sched.{token(session_id)}.{token(timer)}"


def lease(session_id: str) -> str:
    """Key of the lease on a session's bot in the BOTS bucket."""
    return f"bot.{token(session_id)}"


def context_of(number: int) -> str:
    """Core NATS: where the owner of a partition answers for its sessions' contexts."""
    return f"ctx.get.{number}"


def changes_of(number: int) -> str:
    """Core NATS: where the owner of a partition says what changed in its sessions."""
    return f"ctx.changes.{number}"


def search_of(number: int) -> str:
    """Core NATS: where the owner of a partition searches its sessions."""
    return f"ctx.search.{number}"


def partition_lease(number: int) -> str:
    """Key of the ownership of a partition in the OWNERS bucket."""
    return f"p.{number}"


def member(instance: str) -> str:
    """Key of an instance that may own partitions in the OWNERS bucket."""
    return f"m.{token(instance)}"


EVERY_MEMBER = "m.*"
EVERY_PARTITION_LEASE = "p.*"
OWNERS_MOVED = "owners.moved"
"""Core NATS: where it is said that a look at the OWNERS bucket is worth while now."""


def pages(session_id: str) -> str:
    """Keys of the pages of a session's folded state in the CTX bucket."""
    return f"g.{partition(session_id)}.{token(session_id)}.*"


def page(session_id: str, number: int) -> str:
    """Key of one page of a session's folded state in the CTX bucket."""
    return f"g.{partition(session_id)}.{token(session_id)}.{number}"


def health(service: str) -> str:
    """Core NATS: every instance of a service answers here how it is."""
    return f"health.{token(service)}"


def _tag(struct: type[Fact] | type[Command]) -> str:
    return str(struct.__struct_config__.tag)
