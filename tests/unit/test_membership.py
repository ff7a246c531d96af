"""A member's renewals: late acknowledgements, and stores that refuse what they are sent.

Bugs planted by hand that these tests killed: any full store taken for a renewal; the revision that
an attempt of unknown outcome left not taken up; any conflict taken for a burial; a burial taken for
a late acknowledgement; one look at the others is enough; what the others did is not looked at, or
what oneself did is; the right lasts longer than STILL_SECONDS allow; writes that wait for room.
"""

import pytest

from contracts import subjects
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import ConflictError, FullError, RefusedError
from services._runtime.kv import ABSENT, Entry
from services.context import membership, tenure
from services.context.membership import Membership, ReplacedError
from services.context.ownership import GONE, JOINING, LEAVING, LIVING, TTL_SECONDS

OWN, OTHER = subjects.member("one"), subjects.member("two")


class Store:
    """Keys that are compared and set, unless it fails."""

    def __init__(self):
        self.keys, self.last, self.expected = {}, 0, []
        self.error, self.is_away, self.loses = None, False, 0

    async def put(self, key, value, revision, *, for_room):
        assert not for_room
        self.expected.append(revision)
        if self.error:
            raise self.error
        found = self.keys.get(key, ABSENT)
        if found.revision != revision and (found.revision < revision or found.value != value):
            raise ConflictError(key)
        self.write(key, value)
        if self.loses:
            self.loses -= 1
            raise UnavailableError("the acknowledgement was lost")
        return self.last

    def write(self, key, value):
        self.last += 1
        self.keys[key] = Entry(value, self.last)

    async def get(self, key):
        return self.keys.get(key, ABSENT)

    async def look(self, *_):
        if self.is_away:
            raise UnavailableError("away")
        return dict(self.keys)


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(membership, "clock", time)
    monkeypatch.setattr(tenure, "clock", time)
    return time


@pytest.fixture
async def joined(time):
    """A member that renewed just now, and its store."""
    store = Store()
    store.write(OTHER, LIVING)
    member = Membership(store, None, "one")
    assert await member._renewed(time.now)
    return member, store


async def renewing(member, time, times, meanwhile=lambda: None):
    """Try to renew every half second; whether it may act after each."""
    found = []
    for _ in range(times):
        time.now += membership.RENEW_SECONDS
        meanwhile()
        await member._renewed(time.now)
        found.append(member.tenure.holds)
    return found


async def test_a_key_that_stands_where_nobody_can_write_is_as_good_as_a_renewal(joined, time):
    member, store = joined
    store.error = FullError("10023")
    assert await renewing(member, time, 20) == [True] * 20


@pytest.mark.parametrize("value", [GONE, LEAVING], ids=str)
async def test_a_key_that_somebody_emptied_is_none(joined, time, value):
    member, store = joined
    store.error = FullError("10023")
    store.write(OWN, value)
    assert await renewing(member, time, 5) == [True] * 3 + [False] * 2


async def test_a_key_that_nobody_can_read_is_none(joined, time):
    member, store = joined
    store.error, store.is_away = FullError("10023"), True
    assert await renewing(member, time, 5) == [True] * 3 + [False] * 2


async def test_another_refusal_than_for_room_is_none(joined, time):
    member, store = joined
    store.error = RefusedError("10077")
    assert await renewing(member, time, 5) == [True] * 3 + [False] * 2


async def test_who_alone_is_refused_may_act_no_longer_than_others_wait(joined, time):
    member, store = joined
    store.error, renewed = FullError("10023"), time.now
    found = await renewing(member, time, 12, lambda: store.write(OTHER, LIVING))
    assert found == [True] * 3 + [False] * 9
    assert time.now - renewed > TTL_SECONDS


async def test_who_joins_a_store_that_refuses_others_is_somebody_who_can_write(joined, time):
    member, store = joined
    store.error = FullError("10023")
    await renewing(member, time, 4)
    store.write(subjects.member("three"), JOINING)
    assert await renewing(member, time, 4) == [True, False, True, True]


async def test_once_all_are_refused_a_lapse_ends(joined, time):
    member, store = joined
    store.error = FullError("10023")
    assert not (await renewing(member, time, 6, lambda: store.write(OTHER, LIVING)))[-1]
    assert await renewing(member, time, 4) == [False, True, True, True]


async def test_what_an_attempt_of_unknown_outcome_left_is_taken_up(joined, time):
    """It is no sign that somebody else can write."""
    member, store = joined
    store.error = FullError("10023")
    await renewing(member, time, 2)
    store.write(OWN, LIVING)
    assert await renewing(member, time, 2) == [True, True]
    assert store.expected[1:] == [2, 2, 2, 3]


async def test_a_refusal_long_ago_shortens_nothing(joined, time):
    member, store = joined
    for error in (FullError("10023"), None, None, None, FullError("10023")):
        store.error = error
        await renewing(member, time, 1)
    time.now += TTL_SECONDS - 1.5 * membership.RENEW_SECONDS
    assert member.tenure.holds


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_late_acknowledgement_between_joining_and_living_ends_nobody(time, lost):
    store = Store()
    member = Membership(store, None, "one")
    store.loses = lost
    assert not await member._renewed(time.now)
    member._state = LIVING
    while not await member._renewed(time.now):
        lost -= 1
    assert lost == 1
    assert member.tenure.holds
    assert store.keys[OWN].value == LIVING


@pytest.mark.parametrize("value", [GONE, LEAVING], ids=str)
async def test_who_finds_its_key_emptied_is_replaced(joined, time, value):
    member, store = joined
    store.write(OWN, value)
    with pytest.raises(ReplacedError):
        await member._renewed(time.now)
    assert not member.tenure.holds


async def test_who_finds_its_key_removed_is_replaced(joined, time):
    member, store = joined
    del store.keys[OWN]
    with pytest.raises(ReplacedError):
        await member._renewed(time.now)
    assert not member.tenure.holds


async def test_who_leaves_a_full_store_waits_for_nothing(joined):
    member, store = joined
    store.error = FullError("10023")
    await member.say(LEAVING)
    assert store.keys[OWN].value == JOINING
