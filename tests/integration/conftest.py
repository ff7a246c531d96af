"""Fixtures of the integration suite."""

import pytest

from tests.support.gateway import gateway


@pytest.fixture
async def running(server):
    """A gateway without keys, as `make run` has it."""
    async with gateway(server) as one:
        yield one
