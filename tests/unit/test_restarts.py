"""When a process that ended is started again."""

from hypothesis import given
from hypothesis import strategies as st

from earshot.restarts import Deaths, Policy, alarming, died, pause

POLICY = Policy()


def pauses(lives):
    deaths, found = Deaths(), []
    for lived in lives:
        deaths = died(deaths, lived, POLICY)
        found.append(pause(deaths, POLICY))
    return found


def test_pauses_double_up_to_the_longest():
    assert pauses([0] * 7) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_who_was_healthy_starts_anew_with_the_shortest():
    assert pauses([0, 0, 0, 10.0, 0]) == [0.2, 0.4, 0.8, 0.2, 0.4]


def test_the_tenth_death_in_a_row_is_alarming():
    assert not alarming(Deaths(9), POLICY)
    assert alarming(Deaths(10), POLICY)


@given(st.lists(st.floats(0, 30), max_size=40))
def test_a_pause_is_never_beyond_its_bounds(lives):
    assert all(POLICY.first <= one <= POLICY.longest for one in pauses(lives))


@given(st.integers(0, 10**9))
def test_however_long_it_goes_on_the_pause_can_be_computed(in_row):
    assert pause(Deaths(in_row), POLICY) <= POLICY.longest
