"""Taking and letting go of partitions, with a stand-in for what is done for one.

Bugs planted by hand that these tests killed: a take that outlives its look; a partition begun that
is owned, or that was let go of; a lease that is never emptied later; partitions let go of where
nobody can take them; a right to act while another, who can write, buries.
"""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress

import msgspec
import nats.errors
import pytest
from structlog.testing import capture_logs

from contracts import codec, streams, subjects
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import ConflictError, FullError, RefusedError
from services._runtime.kv import Bucket
from services.context.answering import AT_ONCE, BEHIND, answering
from services.context.membership import Membership
from services.context.ownership import GONE, LIVING, TTL_SECONDS
from services.context.owning import Owner
from services.context.tenure import Hold, Tenure, clock
from tests.support.stack import until


class Work:
    """Runs until it is cancelled, or told to fail."""

    handlers = {}  # noqa: RUF012 - never written to
    caught_up = True

    def __init__(self, hold, made, ended):
        self._hold, self._ended, self.failing = hold, ended, asyncio.Event()
        self.error = None
        made.append(self)
        self.number = hold.number

    async def run(self):
        try:
            await self.failing.wait()
            raise self.error
        finally:
            self._ended.append((self.number, self._hold.lost))

    async def begun(self):
        pass

    def fail(self, error):
        self.error = error
        self.failing.set()


class Owning:
    """An owner that runs, and what it made."""

    def __init__(self, runtime, name="one"):
        self.bucket = Bucket(runtime.nc, runtime.js, streams.OWNERS)
        self.made, self.ended = [], []
        make = lambda hold: Work(hold, self.made, self.ended)  # noqa: E731 - shorter than a def
        self.owner = Owner(self.bucket, runtime.nc, name, make)

    async def ready(self):
        await until(self._is_ready)
        return self

    async def _is_ready(self):
        return self.owner.ready

    async def leases(self):
        found = await self.bucket.look(subjects.EVERY_PARTITION_LEASE)
        return {int(key[2:]): one.value.decode() for key, one in found.items() if one.value}

    async def members(self):
        found = await self.bucket.look(subjects.EVERY_MEMBER)
        return {key[2:]: one for key, one in found.items()}


@asynccontextmanager
async def owning(runtime, name="one"):
    one = Owning(runtime, name)
    task = asyncio.create_task(one.owner.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def test_one_alone_has_everything_at_once(runtime, monkeypatch):
    look, owned = Membership.look, []

    async def counted(self):
        owned.append(len(one.made))
        return await look(self)

    monkeypatch.setattr(Membership, "look", counted)
    async with owning(runtime) as one:
        await one.ready()
        await until(lambda: looked(owned, 2))
        assert owned[:2] == [0, subjects.PARTITIONS]
        assert sorted(work.number for work in one.made) == list(range(subjects.PARTITIONS))
        assert len(set((await one.leases()).values())) == 1
    assert await one.leases() == {}
    assert {entry.value for entry in (await one.members()).values()} == {GONE}
    assert set(one.ended) == {(number, False) for number in range(subjects.PARTITIONS)}


async def looked(owned, times):
    return len(owned) >= times


async def test_a_second_one_gets_its_half_and_the_first_all_again(runtime):
    async with owning(runtime, "one") as one:
        await one.ready()
        async with owning(runtime, "two") as two:
            await two.ready()
            counts = Counter((await one.leases()).values())
            assert sorted(counts.values()) == [8, 8]
        await until(lambda: owned_by_one(one, 16))
    assert len(one.made) == 24


async def test_what_a_dead_one_leaves_goes_to_who_is_at_work_and_not_to_who_just_came(runtime):
    async with owning(runtime, "one") as one:
        await one.ready()
        await one.bucket.put(subjects.member("dead"), LIVING, 0)
        await until(lambda: owned_by_one(one, 8))
        async with owning(runtime, "late") as late:
            await until(lambda: owned_by_one(one, 16))
            assert late.made == []
            await late.ready()
            assert len(late.made) == 8


async def owned_by_one(one, count):
    return list(Counter((await one.leases()).values()).values()) == [count]


async def test_a_partition_in_conflict_begins_anew_and_the_others_go_on(runtime):
    async with owning(runtime) as one:
        await one.ready()
        one.made[5].fail(ConflictError("s.5.x"))
        await until(lambda: made(one, 17))
        assert one.made[16].number == one.made[5].number
        assert len(await one.leases()) == 16
        assert len(one.ended) == 1


async def made(one, count):
    return len(one.made) == count


async def test_what_nobody_expects_ends_everything(runtime):
    one = Owning(runtime)
    task = asyncio.create_task(one.owner.run())
    await one.ready()
    one.made[5].fail(ZeroDivisionError())
    with pytest.raises(ExceptionGroup) as raised:
        await task
    assert raised.group_contains(ZeroDivisionError)


async def test_a_partition_in_conflict_with_its_new_owner_is_left_to_it(runtime):
    async with owning(runtime) as one:
        await one.ready()
        number = one.made[5].number
        key = subjects.partition_lease(number)
        await one.bucket.put(key, b"other-00000000", (await one.bucket.get(key)).revision)
        one.made[5].fail(ConflictError("s.5.x"))
        await asyncio.sleep(1)  # less than it takes until that owner is found silent
        assert len(one.made) == 16
        assert (await one.leases())[number] == "other-00000000"


async def test_who_is_taken_for_gone_loses_everything_and_joins_again(runtime):
    async with owning(runtime) as one:
        await one.ready()
        ((name, entry),) = (await one.members()).items()
        await one.bucket.put(subjects.member(name), GONE, entry.revision)
        await until(lambda: made(one, 32))
        assert {lost for _, lost in one.ended} == {True}
        assert name not in set((await one.leases()).values())


async def test_a_lease_that_was_taken_without_our_learning_it_is_taken_up(runtime, monkeypatch):
    put, told = Bucket.put, []

    async def forgetful(self, key, *given, **named):
        found = await put(self, key, *given, **named)
        if key == subjects.partition_lease(3) and not told:
            told.append(key)
            raise UnavailableError("the acknowledgement was lost")
        return found

    monkeypatch.setattr(Bucket, "put", forgetful)
    async with owning(runtime) as one:
        await one.ready()
        await until(lambda: made(one, 16))
        assert told
        assert {work.number for work in one.made} == set(range(16))


async def test_a_take_whose_acknowledgement_is_late_begins_once(runtime, monkeypatch):
    """While another take fails."""
    put, told, late = Bucket.put, [], []

    async def slow(self, key, *given, **named):
        found = await put(self, key, *given, **named)
        if key == subjects.partition_lease(3) and not told:
            told.append(key)
            raise UnavailableError("after a conflict")
        if key == subjects.partition_lease(5) and not late:
            late.append(key)
            await asyncio.sleep(1)
        return found

    monkeypatch.setattr(Bucket, "put", slow)
    async with owning(runtime) as one:
        await until(lambda: made(one, 16))
        await asyncio.sleep(1)
        assert sorted(work.number for work in one.made) == list(range(16))
        assert late


async def test_a_take_that_a_look_was_cut_off_in_begins_once(runtime, monkeypatch):
    """Though it comes to its end: before Python 3.12, a wait that is done is not cancelled."""
    monkeypatch.setattr("services.context.owning.FOLLOW_SECONDS", 0.3)
    put, late = Bucket.put, []

    async def deaf(self, key, *given, **named):
        found = await put(self, key, *given, **named)
        if key == subjects.partition_lease(5) and not late:
            late.append(key)
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
            await asyncio.sleep(0.3)
        return found

    monkeypatch.setattr(Bucket, "put", deaf)
    async with owning(runtime) as one:
        await until(lambda: made(one, 16))
        await asyncio.sleep(1)
        assert sorted(work.number for work in one.made) == list(range(16))


async def test_a_partition_that_is_owned_is_not_begun_again(runtime):
    async with owning(runtime) as one:
        await one.ready()
        one.owner._share._begin(3, 1 << 20)
        await asyncio.sleep(0.1)
        assert len(one.made) == 16


@pytest.fixture
def refusing(monkeypatch):
    """What says which writes are refused, for want of room."""
    put, refused = Bucket.put, []

    async def picky(self, key, value, revision, *, for_room=True):
        if any(one(key, value) for one in refused):
            await asyncio.sleep(2 if for_room else 0)
            raise FullError("10023")
        return await put(self, key, value, revision, for_room=for_room)

    monkeypatch.setattr(Bucket, "put", picky)
    return refused


async def test_what_was_let_go_of_is_not_begun_again_and_is_emptied_when_there_is_room(
    runtime, refusing
):
    async with owning(runtime, "one") as one:
        await one.ready()
        refusing.append(lambda key, value: key.startswith("p.") and value == GONE)
        async with owning(runtime, "two") as two:
            await until(lambda: ended(one, 8))
            await asyncio.sleep(1)
            assert (len(one.made), len(two.made)) == (16, 0)
            refusing.clear()
            await until(lambda: made(two, 8))
            assert sorted(work.number for work in two.made) == sorted(dict(one.ended))
        await until(lambda: made(one, 16 + 8))


async def ended(one, count):
    return len(one.ended) == count


async def test_nothing_is_let_go_of_where_nobody_could_take_it(runtime, refusing):
    async with owning(runtime, "one") as one:
        await one.ready()
        refusing.append(lambda key, _: not key.startswith("m.two"))
        await asyncio.sleep(1)  # it learns that it is refused
        await one.bucket.put(subjects.member("two"), LIVING, 0)
        await asyncio.sleep(1)
        assert (len(one.made), one.ended) == (16, [])
        refusing.clear()
        await until(lambda: ended(one, 8))


async def test_who_alone_is_refused_acts_no_longer_than_until_it_is_buried(runtime, refusing):
    acting = []

    async def replaced(one, two):
        acting.append((one.owner.ready, len(two.made)))
        return len(two.made) == 16

    async with owning(runtime, "one") as one, owning(runtime, "two") as two:
        await one.ready()
        await until(lambda: made(two, 8))
        refusing.append(lambda key, value: key.startswith("m.one") and value == LIVING)
        await until(lambda: replaced(one, two))
    assert (True, 8) in acting
    assert not any(ready for ready, count in acting if count > 8)


async def test_one_that_vanished_is_waited_for_once_and_forgotten(runtime, monkeypatch):
    monkeypatch.setattr("services.context.membership.FORGET_SECONDS", 0.5)
    bucket = Bucket(runtime.nc, runtime.js, streams.OWNERS)
    await bucket.put(subjects.member("dead"), b"living", 0)
    for number in range(16):
        name = b"dead" if number % 2 else b"nameless"
        await bucket.put(subjects.partition_lease(number), name, 0)
    began = time.monotonic()
    async with owning(runtime) as one:
        await one.ready()
        assert TTL_SECONDS - 0.1 < time.monotonic() - began < 2 * TTL_SECONDS
        await until(lambda: alone(one))
        await asyncio.sleep(0.5)
        assert len(one.made) == 16


async def alone(one):
    return len(await one.members()) == 1


@pytest.fixture
def hold():
    tenure = Tenure()
    tenure.renew(clock() + 60)
    return Hold(3, tenure)


async def test_several_are_answered_at_once_and_the_last_are_sent_away(runtime, hold):
    async def slow(body):
        await asyncio.sleep(60 if body == b"slow" else 0)
        return b"done " + body

    async with answering(runtime.nc, {"asked": slow}, hold):
        waiting = [asyncio.create_task(runtime.nc.request("asked", b"slow", 5)) for _ in range(3)]
        assert (await runtime.nc.request("asked", b"quick", 1)).data == b"done quick"
    assert [one.data for one in await asyncio.gather(*waiting)] == [BEHIND] * 3
    with pytest.raises(nats.errors.NoRespondersError):
        await runtime.nc.request("asked", b"quick", 1)


async def test_more_than_it_works_on_at_once_are_sent_away(runtime, hold):
    async def never(_):
        await asyncio.Event().wait()

    async with answering(runtime.nc, {"asked": never}, hold):
        waiting = [
            asyncio.create_task(runtime.nc.request("asked", b"", 5)) for _ in range(AT_ONCE + 1)
        ]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        assert [one.result().data for one in done] == [BEHIND]
    await asyncio.wait(waiting)


async def test_who_may_have_been_replaced_answers_nothing_of_its_own(runtime, hold):
    async def losing(_):
        hold.lose()
        return b"stale"

    async with answering(runtime.nc, {"asked": losing}, hold):
        for _ in range(2):
            assert (await runtime.nc.request("asked", b"", 1)).data == BEHIND


async def test_a_request_outlasts_a_short_lapse(runtime):
    tenure = Tenure()

    async def lapsing(_):
        tenure.renew(clock() - 60)
        asyncio.get_running_loop().call_later(0.1, tenure.renew, clock() + 60)
        return b"right"

    async with answering(runtime.nc, {"asked": lapsing}, Hold(3, tenure)):
        assert (await runtime.nc.request("asked", b"", 3)).data == BEHIND
        tenure.renew(clock())
        assert (await runtime.nc.request("asked", b"", 3)).data == b"right"


async def test_what_is_no_request_and_what_fails_leave_the_others_alone(runtime, hold):
    async def picky(body):
        return str(1 // msgspec.json.decode(body, type=int)).encode()

    async with answering(runtime.nc, {"asked": picky}, hold):
        for bad in (b"no json", b"0"):
            with pytest.raises(nats.errors.TimeoutError):
                await runtime.nc.request("asked", bad, 0.2)
        assert (await runtime.nc.request("asked", b"1", 1)).data == b"1"


async def test_a_reply_too_large_for_nats_is_told_to_who_asked(runtime, hold):
    async def large(_):
        return bytes(runtime.nc.max_payload + 1)

    async with answering(runtime.nc, {"asked": large}, hold):
        reply = codec.context_replies.decode((await runtime.nc.request("asked", b"", 1)).data)
    assert (reply.reason, "larger" in reply.detail) == ("unfit", True)


async def test_who_may_not_act_for_a_while_is_not_ready(runtime, monkeypatch):
    async with owning(runtime) as one:
        await one.ready()
        monkeypatch.setattr(Bucket, "put", never)
        await until(lambda: is_unready(one))
        monkeypatch.undo()
        await one.ready()
        assert len(one.made) == 16


async def never(*_, **__):
    raise UnavailableError("away")


async def is_unready(one):
    return not one.owner.ready


async def test_a_refusal_is_told_once_and_what_was_refused_is_done_later(runtime, monkeypatch):
    put, refusing = Bucket.put, asyncio.Event()
    refusing.set()

    async def picky(self, key, *given, **named):
        if refusing.is_set() and not key.startswith("m.test"):
            raise RefusedError("10077")
        return await put(self, key, *given, **named)

    bucket = Bucket(runtime.nc, runtime.js, streams.OWNERS)
    await bucket.put(subjects.member("dead"), b"living", 0)
    monkeypatch.setattr(Bucket, "put", picky)
    with capture_logs() as logs:
        async with owning(runtime, "test") as one:
            await asyncio.sleep(TTL_SECONDS + 1)  # the other one is found silent
            assert one.made == []
            refusing.clear()
            await one.ready()
    told = [entry["event"] for entry in logs]
    assert "owner.refused" in told
    assert len(one.made) == 16
