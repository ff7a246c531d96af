"""The right to act lapses by itself and comes back when it is renewed."""

import asyncio
import sys
import time

import pytest

from services.context import tenure as tenures
from services.context.ownership import TTL_SECONDS
from services.context.tenure import ALONE, Hold, Tenure, clock


async def waits(awaited):
    """Whether it does not return within a moment."""
    task = asyncio.ensure_future(awaited)
    done, _ = await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    return not done


async def test_it_holds_for_its_time_from_when_the_renewal_was_sent():
    tenure = Tenure()
    assert not tenure.holds
    tenure.renew(clock() - TTL_SECONDS + 0.5)
    assert tenure.holds
    await asyncio.sleep(0.51)
    assert not tenure.holds


async def test_who_waits_for_it_goes_on_when_it_is_renewed_in_time_only():
    tenure = Tenure()
    waiting = asyncio.create_task(tenure.held())
    tenure.renew(clock() - TTL_SECONDS)
    assert await waits(asyncio.shield(waiting))
    tenure.renew(clock())
    await waiting


async def test_a_lost_partition_is_never_acted_for_again():
    tenure = Tenure()
    tenure.renew(clock())
    mine, lost = Hold(1, tenure), Hold(2, tenure)
    lost.lose()
    assert (mine.holds, mine.lost) == (True, False)
    assert (lost.holds, lost.lost) == (False, True)
    assert await waits(lost.held())
    await mine.held()


async def test_a_tenure_that_is_over_takes_every_partition_with_it():
    tenure = Tenure()
    hold = Hold(1, tenure)
    tenure.over = True
    tenure.renew(clock())
    assert (hold.holds, hold.lost) == (False, True)
    assert await waits(hold.held())


async def test_who_is_alone_always_holds():
    assert ALONE.holds
    await ALONE.held()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this clock")
async def test_it_lapses_while_the_machine_is_suspended(monkeypatch):
    """As after a suspension: what ran on is the one clock and not the other."""
    tenure, asleep = Tenure(), [0.0]
    read = time.clock_gettime
    monkeypatch.setattr(
        tenures.time,
        "clock_gettime",
        lambda one: read(one) + (asleep[0] if one == time.CLOCK_BOOTTIME else 0.0),
    )
    tenure.renew(clock())
    assert tenure.holds
    asleep[0] = 60.0
    assert not tenure.holds
