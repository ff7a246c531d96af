"""Session keys on a real nats-server, and the master key in its file."""

import asyncio
import base64
import stat
import subprocess
import sys

import pytest

from contracts import codec, streams, subjects
from services._runtime import keyring
from services._runtime.keyring import KeyGoneError, Keyring, WrongMasterKeyError, master_key
from services._runtime.settings import Settings, SettingsError

OURS, THEIRS = bytes(32), bytes([1]) * 32


def settings(path, **fields) -> Settings:
    return Settings(_env_file=None, data_dir=path, **fields)


async def test_racing_creators_get_one_key(runtime):
    rings = [Keyring(runtime.js, OURS) for _ in range(20)]
    keys = await asyncio.gather(*(ring.create("s1") for ring in rings))
    assert len(set(keys)) == 1
    assert await Keyring(runtime.js, OURS).key("s1") == keys[0]
    assert {await ring.key("s1") for ring in rings} == set(keys)


async def test_sessions_have_keys_of_their_own_that_nobody_can_read_from_the_store(runtime):
    ring = Keyring(runtime.js, OURS)
    one, other = await ring.create("s1"), await ring.create("s2")
    assert one != other
    assert len(one) == codec.KEY_BYTES
    stored = await runtime.js.get_last_msg(streams.KEYS.name, subjects.key("s1"))
    assert one not in stored.data
    with pytest.raises(WrongMasterKeyError, match=r"^EARSHOT_MASTER_KEY"):
        await Keyring(runtime.js, THEIRS).key("s1")


async def test_only_the_most_recently_used_keys_are_kept_in_memory(runtime, monkeypatch):
    monkeypatch.setattr(keyring, "CACHED_KEYS", 3)
    ring = Keyring(runtime.js, OURS)
    for number in range(5):
        await ring.create(f"s{number}")
    assert list(ring._keys) == ["s2", "s3", "s4"]
    await ring.key("s2")
    await ring.key("s0")
    assert list(ring._keys) == ["s4", "s2", "s0"]
    await runtime.js.purge_stream(streams.KEYS.name)
    assert len(await ring.key("s4")) == codec.KEY_BYTES
    with pytest.raises(KeyGoneError):
        await ring.key("s3")


async def test_a_destroyed_key_is_gone(runtime):
    ring = Keyring(runtime.js, OURS)
    await ring.create("s1")
    seq = (await runtime.js.get_last_msg(streams.KEYS.name, subjects.key("s1"))).seq
    await runtime.js.delete_msg(streams.KEYS.name, seq)
    with pytest.raises(KeyGoneError):
        await Keyring(runtime.js, OURS).key("s1")


async def test_the_first_master_key_stays_the_only_one(server):
    async with server.runtime() as first:
        await first.keyring.check()
        with pytest.raises(WrongMasterKeyError, match=r"^EARSHOT_MASTER_KEY"):
            await Keyring(first.js, THEIRS).check()
    with pytest.raises(WrongMasterKeyError, match=r"^EARSHOT_MASTER_KEY"):
        async with server.runtime(master_key=base64.b64encode(THEIRS).decode()):
            pass


@pytest.mark.parametrize(
    "value", ["short", "!" * 44, base64.b64encode(bytes(31)).decode(), "ä" * 44, "A" * 43]
)
def test_a_master_key_that_is_none_names_its_variable_and_not_itself(tmp_path, value):
    with pytest.raises(SettingsError, match=r"^EARSHOT_MASTER_KEY: ") as caught:
        master_key(settings(tmp_path, master_key=value))
    assert value not in str(caught.value)


def test_a_given_master_key_needs_no_file(tmp_path):
    given = settings(tmp_path / "none", master_key=base64.b64encode(THEIRS).decode())
    assert master_key(given) == THEIRS
    assert not (tmp_path / "none").exists()


def test_the_file_is_made_once_and_for_its_owner_alone(tmp_path):
    given = settings(tmp_path / "new" / "data")
    key = master_key(given)
    assert len(key) == codec.KEY_BYTES
    assert master_key(given) == key
    path = given.data_dir / "master.key"
    assert path.read_bytes() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in given.data_dir.iterdir()] == ["master.key"]


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_file_that_holds_no_key_is_named_and_left_alone(tmp_path, content):
    path = tmp_path / "master.key"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"EARSHOT_DATA_DIR: master\.key"):
        master_key(settings(tmp_path))
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_or_made_is_named(tmp_path):
    (tmp_path / "master.key").mkdir()
    with pytest.raises(SettingsError, match=r"EARSHOT_DATA_DIR: master\.key: "):
        master_key(settings(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"EARSHOT_DATA_DIR: master\.key: "):
        master_key(settings(tmp_path / "file" / "below"))


def test_a_crash_while_making_the_file_leaves_no_key_behind(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyring.os, "fsync", fail)
    with pytest.raises(SettingsError, match="No space"):
        master_key(settings(tmp_path))
    assert not (tmp_path / "master.key").exists()
    monkeypatch.undo()
    assert len(master_key(settings(tmp_path))) == codec.KEY_BYTES


RACER = """
import sys
from services._runtime.keyring import master_key
from services._runtime.settings import Settings
given = Settings(_env_file=None, data_dir=sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(master_key(given).hex())
"""


def test_racing_processes_make_one_file(tmp_path):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    assert len({racer.communicate(timeout=20)[0] for racer in racers}) == 1
