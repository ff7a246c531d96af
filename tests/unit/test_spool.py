"""The spool on a real disk: what was put comes back in order, whatever happened to the files."""

import errno
import os
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services._runtime.spool import Cursor, Entry, LockedError, Position, Spool

SEGMENT = 300
START = Position(0, 0)


def entry(number: int, size: int = 20) -> Entry:
    return Entry(f"m.{number}", f"key{number}", {"h": "v"}, b"x" * size, 1000.0 + number)


def keys(spool: Spool, start: Position = START) -> list[str]:
    return [one.key for _, one in spool.entries(start)]


def unacked(spool: Spool) -> list[str]:
    return keys(spool, spool.cursor.acked)


def kill(spool: Spool) -> None:
    """What the kernel does when the process is killed: nothing is saved, the lock is free."""
    spool._lock.close()
    if spool._writer is not None:
        os.close(spool._writer)


@contextmanager
def directory():
    """A directory for each of hypothesis's examples."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def filled(path: Path, count: int, size: int = 20) -> list[Position]:
    """A spool of `count` entries, killed; returns the position behind each."""
    spool = Spool(path, SEGMENT)
    for number in range(count):
        spool.put(entry(number, size))
    behind = [at for at, _ in spool.entries(START)]
    kill(spool)
    return behind


def segment(path: Path, number: int) -> Path:
    return path / f"{number:012d}.seg"


def assert_goes_on(path: Path, before: list[str]) -> None:
    """The spool holds `before`, takes more, and still has all of it after another kill."""
    spool = Spool(path, SEGMENT)
    assert keys(spool) == before
    for number in range(100, 108):
        spool.put(entry(number))
    expected = before + [f"key{number}" for number in range(100, 108)]
    assert keys(spool) == expected
    kill(spool)
    with Spool(path, SEGMENT) as again:
        assert keys(again) == expected
        assert [at for at, _ in again.entries(START)][-1] == again.end


class Life(RuleBasedStateMachine):
    """Any sequence of what an outbox does to a spool, beside a list and three numbers."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.spool = Spool(self.path, SEGMENT)
        self.put_keys = []
        self.places = [START]
        self.acked = self.settled = 0
        self.saved = (0, 0)

    @rule(size=st.integers(0, 2 * SEGMENT))
    def put(self, size):
        number = len(self.put_keys)
        self.spool.put(entry(number, size))
        self.put_keys.append(f"key{number}")
        self.places.append(self.spool.end)
        self.check()

    @precondition(lambda self: self.acked < len(self.put_keys))
    @rule(data=st.data())
    def acknowledge(self, data):
        self.acked = data.draw(st.integers(self.acked, len(self.put_keys)))
        self.move()

    @precondition(lambda self: self.settled < self.acked)
    @rule(data=st.data())
    def settle(self, data):
        self.settled = data.draw(st.integers(self.settled, self.acked))
        self.move()

    @rule()
    def rewind(self):
        self.acked = self.settled
        self.move()

    def move(self):
        self.spool.move(Cursor(self.places[self.acked], self.places[self.settled], "server"))
        self.check()

    @rule()
    def save(self):
        self.spool.save()
        self.saved = (self.acked, self.settled)
        left = {int(path.stem) for path in self.path.glob("*.seg")}
        assert not any(number < self.places[self.settled].segment for number in left)
        self.check()

    @rule()
    def close_and_open(self):
        self.spool.close()
        self.saved = (self.acked, self.settled)
        self.spool = Spool(self.path, SEGMENT)
        self.check()

    @rule()
    def kill_and_open(self):
        kill(self.spool)
        self.spool = Spool(self.path, SEGMENT)
        self.acked, self.settled = self.saved
        self.check()

    def check(self):
        spool = self.spool
        assert unacked(spool) == self.put_keys[self.acked :]
        assert keys(spool, spool.cursor.settled) == self.put_keys[self.settled :]
        assert (spool.backlog == 0) == (spool.cursor.acked >= spool.end)
        assert (spool.backlog == 0) == (self.acked == len(self.put_keys))
        for place in self.places[self.settled + 1 :]:
            assert segment(self.path, place.segment).exists()

    def teardown(self):
        self.spool.close()
        self.folder.cleanup()


TestLife = Life.TestCase


def test_entries_carry_everything_that_was_put(tmp_path):
    with Spool(tmp_path) as spool:
        spool.put(entry(1))
        spool.put(entry(2, 0))
        assert [one for _, one in spool.entries(START)] == [entry(1), entry(2, 0)]


def test_reading_sees_what_is_put_meanwhile(tmp_path):
    with Spool(tmp_path, SEGMENT) as spool:
        spool.put(entry(0))
        reading = spool.entries(START)
        assert next(reading)[1].key == "key0"
        spool.put(entry(1))
        assert next(reading)[1].key == "key1"


@given(count=st.integers(1, 20), data=st.data())
def test_a_file_cut_at_any_byte_loses_the_torn_entry_alone(count, data):
    with directory() as path:
        behind = filled(path, count)
        last = behind[-1].segment
        cut = data.draw(st.integers(0, behind[-1].offset))
        os.truncate(segment(path, last), cut)
        whole = [f"key{i}" for i, at in enumerate(behind) if at.segment < last or at.offset <= cut]
        assert_goes_on(path, whole)


@given(count=st.integers(1, 20), tail=st.binary(max_size=200) | st.just(bytes(64)))
def test_what_a_power_loss_left_behind_the_end_is_no_entry(count, tail):
    """Some file systems leave zeros there; an all-zero frame even has the right checksum."""
    with directory() as path:
        behind = filled(path, count)
        with segment(path, behind[-1].segment).open("ab") as file:
            file.write(tail)
        assert_goes_on(path, [f"key{i}" for i in range(count)])


@given(count=st.integers(1, 20), data=st.data())
def test_a_flipped_byte_costs_one_entry_or_what_cannot_be_told_apart_behind_it(count, data):
    with directory() as path:
        behind = filled(path, count)
        starts = [START, *behind[:-1]]
        hit = data.draw(st.integers(0, count - 1))
        at = behind[hit]
        start = starts[hit].offset if starts[hit].segment == at.segment else 0
        byte = data.draw(st.integers(start, at.offset - 1))
        content = bytearray(segment(path, at.segment).read_bytes())
        content[byte] ^= data.draw(st.integers(1, 255))
        segment(path, at.segment).write_bytes(content)
        everything = [f"key{i}" for i in range(count)]
        with Spool(path, SEGMENT) as spool:
            found = keys(spool)
        # Where the length itself is hit, the rest of that segment cannot be found again.
        lost = {f"key{i}" for i in range(hit, count) if behind[i].segment == at.segment}
        if byte >= start + 4:
            lost = {f"key{hit}"}
        assert [key for key in everything if key not in lost] == [
            key for key in found if key not in lost
        ]
        assert f"key{hit}" not in found
        assert found == sorted(found, key=everything.index)
        assert_goes_on(path, found)


@pytest.mark.parametrize("content", [None, b"", b"\0" * 40, b"\xff", b'{"acked": 1}', b"[]"])
def test_without_its_cursor_everything_is_sent_again(tmp_path, content):
    behind = filled(tmp_path, 20)
    with Spool(tmp_path, SEGMENT) as spool:
        spool.move(Cursor(behind[9], START, "server"))
    cursor = tmp_path / "cursor"
    cursor.unlink()
    if content is not None:
        cursor.write_bytes(content)
    with Spool(tmp_path, SEGMENT) as spool:
        assert len(unacked(spool)) == 20
        assert spool.cursor.server_id == ""


def test_a_cursor_older_than_the_oldest_segment_starts_there(tmp_path):
    behind = filled(tmp_path, 20)
    with Spool(tmp_path, SEGMENT) as spool:
        spool.move(Cursor(behind[1], behind[0], "server"))
    old = (tmp_path / "cursor").read_bytes()
    with Spool(tmp_path, SEGMENT) as spool:
        spool.move(Cursor(behind[15], behind[15], "server"))
    (tmp_path / "cursor").write_bytes(old)
    with Spool(tmp_path, SEGMENT) as spool:
        left = [f"key{i}" for i in range(20) if behind[i].segment >= behind[15].segment]
        assert unacked(spool) == left
        assert spool.backlog == sum(path.stat().st_size for path in tmp_path.glob("*.seg"))


@given(
    count=st.integers(1, 12),
    more=st.integers(1, 12),
    damage=st.sampled_from(["file gone", "entries gone", "torn"]),
    data=st.data(),
)
def test_no_entry_is_skipped_when_power_took_the_end_and_left_the_cursor(count, more, damage, data):
    with directory() as path:
        behind = filled(path, count)
        with Spool(path, SEGMENT) as spool:
            spool.move(Cursor(data.draw(st.sampled_from(behind)), START, "server"))
        last = segment(path, behind[-1].segment)
        places = [0, *(at.offset for at in behind if at.segment == behind[-1].segment)]
        if damage == "file gone":
            last.unlink()
        elif damage == "entries gone":
            os.truncate(last, data.draw(st.sampled_from(places)))
        else:
            os.truncate(last, data.draw(st.integers(0, places[-1])))
        for burst in range(2):  # killed before the cursor is ever saved
            spool = Spool(path, SEGMENT)
            for number in range(more):
                spool.put(entry(100 + 50 * burst + number))
            kill(spool)
        with Spool(path, SEGMENT) as spool:
            new = [key for key in unacked(spool) if int(key[3:]) >= 100]
        assert new == [f"key{100 + 50 * burst + i}" for burst in range(2) for i in range(more)]


def test_one_process_holds_a_spool(tmp_path):
    with Spool(tmp_path):
        with pytest.raises(LockedError):
            Spool(tmp_path)
        with pytest.raises(LockedError):
            Spool(tmp_path)
    with Spool(tmp_path):
        pass


def test_what_is_put_aside_is_kept_whole_and_in_order(tmp_path):
    with Spool(tmp_path / "spool") as spool:
        spool.put_aside(entry(1))
        spool.put_aside(entry(2))
        assert keys(spool) == []
    (tmp_path / "copy").mkdir()
    (tmp_path / "spool" / "refused").rename(segment(tmp_path / "copy", 1))
    with Spool(tmp_path / "copy") as read:
        assert [one for _, one in read.entries(START)] == [entry(1), entry(2)]


def test_a_disk_that_takes_no_more_costs_nothing_that_was_put(tmp_path, monkeypatch):
    spool = Spool(tmp_path, SEGMENT)
    spool.put(entry(0))
    write = os.pwrite

    def half(handle, data, offset):
        monkeypatch.setattr(os, "pwrite", full)
        return write(handle, data[: len(data) // 2], offset)

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    for first in (half, full):
        monkeypatch.setattr(os, "pwrite", first)
        with pytest.raises(OSError, match="full"):
            spool.put(entry(1, 200))
    monkeypatch.setattr(os, "pwrite", write)
    assert keys(spool) == ["key0"]
    spool.put(entry(2))
    assert keys(spool) == ["key0", "key2"]
    kill(spool)
    assert_goes_on(tmp_path, ["key0", "key2"])


def test_a_cursor_that_could_not_be_saved_is_saved_the_next_time(tmp_path, monkeypatch):
    with Spool(tmp_path, SEGMENT) as spool:
        spool.put(entry(0))
        spool.move(Cursor(spool.end, START, "server"))

        def fail(*_):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(Path, "write_bytes", fail)
        with pytest.raises(OSError, match="full"):
            spool.save()
        monkeypatch.undo()
        spool.save()
        saved = (tmp_path / "cursor").read_bytes()
    assert b"server" in saved


def test_the_disk_may_be_waited_for_beside_the_writing(tmp_path):
    failed = []

    def sync():
        try:
            while not done.is_set():
                spool.sync()
        except Exception as error:
            failed.append(error)
            raise

    done = threading.Event()
    with Spool(tmp_path, SEGMENT) as spool:
        syncing = threading.Thread(target=sync)
        syncing.start()
        for number in range(300):
            spool.put(entry(number))
        done.set()
        syncing.join()
        assert not failed
        assert len(keys(spool)) == 300


def test_an_empty_spool_can_be_synced_saved_and_closed(tmp_path):
    with Spool(tmp_path) as spool:
        spool.sync()
        spool.save()
        assert (spool.backlog, keys(spool)) == (0, [])
    assert not list(tmp_path.glob("*.seg"))
