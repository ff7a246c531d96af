"""Context instances as processes of their own, to be killed, stopped and asked to end."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import msgspec
import nats.errors

from contracts import codec, streams, subjects
from contracts.queries import ChangesReply, ChangesServed, ChangesWanted
from services._runtime.kv import Bucket
from services._runtime.projection import AWAY
from services.context.room import fold, state_hash
from tests.support.stack import served, until

_changes = msgspec.json.Decoder(ChangesReply)


def environment(server, **settings: object) -> dict[str, str]:
    """That of a process of the product that works with the test's server."""
    own = {"NATS_URL": server.url, "DATA_DIR": server.data_dir} | settings
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EARSHOT_")}
    return clean | {f"EARSHOT_{key}": str(value) for key, value in own.items()}


class Instance:
    """One `python -m services.context`."""

    def __init__(self, server, name: str, **settings: object) -> None:
        self.name = name
        own = environment(server, INSTANCE=name, **settings)
        self.log = server.data_dir / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.context"], env=own, stdout=log, stderr=log
            )

    def send(self, number: signal.Signals) -> float:
        """Send a signal and return when, by the monotonic clock."""
        self.process.send_signal(number)
        return time.monotonic()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Instances:
    """Those of one test; all are ended with it."""

    def __init__(self, server, runtime) -> None:
        self._server, self._runtime = server, runtime
        self.running: dict[str, Instance] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.running.values():
            one.end()

    def start(self, *names: str, **settings: object) -> None:
        for name in names:
            self.running[name] = Instance(self._server, name, **settings)

    async def members(self) -> dict[int, str]:
        """Each partition's owner, by the name it goes under now."""
        owners = Bucket(self._runtime.nc, self._runtime.js, streams.OWNERS)

        async def look():
            with suppress(*AWAY):  # a full machine takes its time
                return [await owners.look(subjects.EVERY_PARTITION_LEASE)]

        (leases,) = await until(look)
        return {int(key[2:]): one.value.decode() for key, one in leases.items() if one.value}

    async def owners(self) -> dict[int, str]:
        """Each partition's owner, by the instance's name."""
        return {number: name[:-9] for number, name in (await self.members()).items()}

    async def balanced(self, *names: str, seconds: float = 20) -> dict[int, str]:
        """Wait until these own all partitions, none more than one more than another."""

        async def check():
            owners = await self.owners()
            counts = [list(owners.values()).count(name) for name in names]
            whole = sum(counts) == len(owners) == subjects.PARTITIONS
            return owners if whole and max(counts) - min(counts) <= 1 else None

        return await until(check, seconds)


def sessions(count: int) -> list[str]:
    """Ids that fall on every partition alike; `count` is a multiple of their number."""
    each: dict[int, list[str]] = {number: [] for number in range(subjects.PARTITIONS)}
    number = 0
    while sum(map(len, each.values())) < count:
        found = each[subjects.partition(f"s{number}")]
        if len(found) < count // subjects.PARTITIONS:
            found.append(f"s{number}")
        number += 1
    return sorted(one for ones in each.values() for one in ones)


async def folded(runtime, session_id, seq):
    """When a partition's owner has it; asks often, as a request may reach one who dies of it."""
    wanted = codec.encode_reply(
        ChangesWanted(
            session_id=session_id, since_seq=seq, min_seq=seq
        )  # costs less than a context
    )
    subject = subjects.changes_of(subjects.partition(session_id))
    async with asyncio.timeout(30):
        while True:
            try:
                reply = await runtime.nc.request(subject, wanted, timeout=0.25)
            except nats.errors.NoRespondersError:
                await asyncio.sleep(0.02)
            except nats.errors.TimeoutError:
                continue
            else:
                if isinstance(_changes.decode(reply.data), ChangesServed):
                    return time.monotonic()
                await asyncio.sleep(0.02)


async def assert_undisturbed(runtime, session_id: str) -> None:
    """What is served is what one undisturbed fold of the log gives."""
    events = await runtime.log.read(session_id)
    reply = await served(runtime, session_id, min_seq=events[-1][0])
    assert reply.state_hash == state_hash(fold(events)), session_id
