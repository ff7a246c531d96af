"""Streams are made once, brought in line when they differ, and missed when they are gone."""

import pytest
from structlog.testing import capture_logs

from contracts import streams
from services._runtime import provision
from tests.support.facts import heard


async def test_provisioning_again_changes_nothing(server):
    with capture_logs() as logs:
        await server.provision()
    assert logs == []


async def test_a_stream_that_differs_is_brought_in_line_and_keeps_its_events(server, runtime):
    await runtime.keyring.create("s1")
    seq = await runtime.publisher.append(heard(1))
    config = (await runtime.js.stream_info(streams.MEETINGS.name)).config
    config.duplicate_window = 1.0
    await runtime.js.update_stream(config)
    with capture_logs() as logs:
        await server.provision()
    assert [(one["event"], one["stream"]) for one in logs] == [("stream.updated", "MEETINGS")]
    restored = (await runtime.js.stream_info(streams.MEETINGS.name)).config
    assert restored.duplicate_window == streams.DUPLICATE_WINDOW
    assert await runtime.log.read("s1") == ((seq, heard(1)),)


async def test_a_missing_stream_is_named(runtime):
    await runtime.js.delete_stream(streams.JOBS.name)
    with pytest.raises(provision.NotProvisionedError, match=r"JOBS.*earshot provision"):
        await provision.check(runtime.js)


async def test_the_server_stores_the_meetings_as_promised(runtime):
    config = (await runtime.js.stream_info(streams.MEETINGS.name)).config
    assert config.allow_msg_schedules
    assert config.allow_atomic
    assert config.allow_direct
    assert config.max_bytes == -1
    assert config.max_age == 0
