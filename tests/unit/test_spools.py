"""Which spool an ingest process takes."""

import pytest

from services.ingest import spools


def names(found):
    own, orphans = found
    return own._directory.name, [one._directory.name for one in orphans]


@pytest.fixture
def claim(tmp_path):
    """Claims as a process would; what it holds is let go of at the end."""
    held = []

    def take():
        own, orphans = spools.claim(tmp_path)
        held.extend([own, *orphans])
        return own, orphans

    yield take
    for one in held:
        one.close()


def test_the_first_makes_one_and_a_restart_takes_it_again(claim, tmp_path):
    for _ in range(3):
        own, orphans = claim()
        assert (names((own, orphans))) == ("0", [])
        own.close()
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_those_who_run_together_share_none(claim):
    assert [names(claim())[0] for _ in range(3)] == ["0", "1", "2"]


def test_what_the_dead_left_goes_to_who_comes_next(claim):
    alive, *dead = [claim()[0] for _ in range(4)]
    for one in dead:
        one.close()
    assert names(claim()) == ("1", ["2", "3"])
    alive.close()


def test_too_many_are_refused(claim, tmp_path, monkeypatch):
    monkeypatch.setattr(spools, "MOST", 2)
    claim(), claim()
    with pytest.raises(spools.NoSpoolError, match="2 processes use it already"):
        claim()
