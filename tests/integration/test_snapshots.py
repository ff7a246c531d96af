"""Pages of a room that two owners write at the same time.

Bugs planted by hand that these tests killed: a page overwritten without a look at its head.
"""

import pytest

from contracts import streams, subjects
from contracts.events import SegmentCorrected
from services._runtime.jetstream import ConflictError
from services._runtime.kv import Bucket
from services.context.room import fold
from services.context.snapshots import Snapshots
from services.context.state import PAGE
from tests.support.facts import at, heard, requested


def corrected(number):
    return SegmentCorrected(
        session_id="s1", time=at(), segment_id=f"seg{number}", revision=1, text="corrected"
    )


HISTORY = [(1, requested()), *((n + 1, heard(n)) for n in range(1, PAGE + 5))]
BEFORE, AFTER = fold(HISTORY), fold([*HISTORY, (PAGE + 6, corrected(3))])


@pytest.fixture
async def snapshots(runtime):
    """Of two owners."""
    await runtime.keyring.create("s1")
    bucket = Bucket(runtime.nc, runtime.js, streams.CTX)
    return [Snapshots(bucket, runtime.keyring, subjects.partition("s1")) for _ in range(2)]


async def test_who_was_replaced_leaves_the_pages_of_the_next_owner_alone(snapshots):
    old, new = snapshots
    assert await old.load("s1") is None
    await new.load("s1")
    await new.save("s1", AFTER)
    with pytest.raises(ConflictError):
        await old.save("s1", BEFORE)
    assert await new.load("s1") == AFTER


async def test_what_a_predecessor_left_without_its_head_is_overwritten(snapshots, monkeypatch):
    old, new = snapshots
    monkeypatch.setattr(old, "_put", unless_head(old._put))
    with pytest.raises(ZeroDivisionError):
        await old.save("s1", BEFORE)
    await new.load("s1")
    await new.save("s1", AFTER)
    assert await new.load("s1") == AFTER


def unless_head(put):
    async def dying(name, *given):
        if name == subjects.snapshot("s1"):
            raise ZeroDivisionError
        return await put(name, *given)

    return dying
