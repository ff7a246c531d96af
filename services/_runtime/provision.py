"""Make the streams that contracts declare. The only code that creates or changes a stream."""

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BucketNotFoundError, NotFoundError

from contracts import streams
from contracts.streams import Stream

log = structlog.get_logger()

_KEPT_FIELDS = (
    "subjects",
    "max_age",
    "max_bytes",
    "max_msgs_per_subject",
    "duplicate_window",
    "discard",
    "allow_msg_schedules",
    "allow_atomic",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "allow_direct",
)


class NotProvisionedError(Exception):
    """A stream is missing; the message names it and what to run."""


async def provision(js: JetStreamContext) -> None:
    """Create what is missing and bring what differs in line; existing events stay as they are."""
    for stream in streams.STREAMS:
        await _settle(js, _config(stream))
    for store in streams.OBJECT_STORES:
        try:
            await js.object_store(store)
        except (BucketNotFoundError, NotFoundError):
            await js.create_object_store(store, ObjectStoreConfig(storage=StorageType.FILE))


async def check(js: JetStreamContext) -> None:
    """Raise NotProvisionedError when a declared stream is missing (a wrong key hides them too)."""
    for stream in streams.STREAMS:
        try:
            await js.stream_info(stream.name)
        except NotFoundError:
            raise NotProvisionedError(
                f"stream {stream.name} is missing: run `earshot provision` against this NATS"
            ) from None


def _config(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.WORK_QUEUE
        if stream.retention == "workqueue"
        else RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW if stream.discard == "new" else DiscardPolicy.OLD,
        max_age=float(stream.max_age),
        max_bytes=stream.max_bytes or -1,
        max_msgs_per_subject=stream.max_msgs_per_subject or -1,
        duplicate_window=float(stream.duplicate_window),
        allow_direct=True,
        allow_atomic=stream.atomic,
        allow_msg_schedules=stream.schedules,
        allow_msg_ttl=True,
        allow_rollup_hdrs=stream.rollup,
        deny_delete=False,
        deny_purge=False,
    )


async def _settle(js: JetStreamContext, wanted: StreamConfig) -> None:
    name = str(wanted.name)
    try:
        current = (await js.stream_info(name)).config
    except NotFoundError:
        await js.add_stream(wanted)
        log.info("stream.created", stream=name)
        return
    if any(_differ(getattr(current, field), getattr(wanted, field)) for field in _KEPT_FIELDS):
        wanted.num_replicas = current.num_replicas
        await js.update_stream(wanted)
        log.info("stream.updated", stream=name)


def _differ(current: object, wanted: object) -> bool:
    return (current or None) != (wanted or None)  # the server leaves out what is off
