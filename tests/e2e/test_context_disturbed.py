"""Four context instances under load, one killed every five seconds: `make disturb` has two minutes.

No effect is lost, doubled or reordered: each session's state is that of one undisturbed fold of the
log, and each question is handed out once.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter, defaultdict
from itertools import cycle

import pytest
import structlog

from contracts import codec, streams, subjects
from contracts.commands import AnswerQuery
from contracts.events import SegmentHeard
from services.context.room import fold, state_hash
from tests.support.facts import asked, requested
from tests.support.instances import Instances, environment, folded
from tests.support.stack import served

log = structlog.get_logger()

SECONDS = float(os.environ.get("DISTURB_SECONDS", "20"))
RATE = int(os.environ.get("DISTURB_RATE", "2000"))
SEED = int(os.environ.get("DISTURB_SEED", "1"))
"""Whom the questions are asked of depends on it alone."""
SESSIONS = [f"s{number}" for number in range(100)]
EACH = {subjects.partition(one): one for one in SESSIONS}
"""A session of each partition."""
NAMES = ("a", "b", "c", "d")
KILL_SECONDS = 5.0
TAKEOVER_SECONDS = 2.5
"""Until all partitions answer again."""
KNOWING_SECONDS = 3.0
"""Until they know all that was said before."""
MARGIN = float(os.environ.get("DISTURB_MARGIN", "3"))
"""What a machine that runs other tests beside this one may add."""


async def talk(server):
    """How many segments each session got, from a process of its own."""
    command = [sys.executable, "-m", "tests.support.talker", ",".join(SESSIONS), str(RATE)]
    process = await asyncio.create_subprocess_exec(
        *command, str(SECONDS), env=environment(server), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    told = json.loads(printed.splitlines()[-1])
    log.info("measured", events=sum(told["said"].values()), a_second=told["a_second"])
    return told["said"]


async def ask(runtime, talking):
    """About one question a second, each to some session."""
    asked_of, dice = {}, random.Random(SEED)
    while not talking.done():
        await asyncio.sleep(1)
        session_id = dice.choice(SESSIONS)
        asked_of[f"q{len(asked_of)}"] = session_id
        await runtime.publisher.append(asked(f"q{len(asked_of) - 1}", session_id=session_id))
    return asked_of


async def kill(runtime, instances, talking):
    """Every five seconds one after the other, and start it again; how long each was missed."""
    missing, victims = [], cycle(NAMES)
    while not talking.done():
        done, _ = await asyncio.wait({talking}, timeout=KILL_SECONDS)
        if not done:
            owners, victim = await instances.owners(), next(victims)
            ids = [one for number, one in EACH.items() if owners.get(number) == victim]
            began = instances.running[victim].send(signal.SIGKILL)
            missing.append(asyncio.create_task(missed(runtime, ids, began)))
            await asyncio.to_thread(instances.running[victim].process.wait)
            instances.start(victim)
    return await asyncio.gather(*missing)


async def missed(runtime, ids, began):
    """Seconds until all partitions answer again, and until they know all that was said before."""
    seqs = await asyncio.gather(*map(runtime.log.last_seq, ids))
    answers = await asyncio.gather(*(folded(runtime, one, 0) for one in ids))
    knows = await asyncio.gather(*map(folded, [runtime] * len(ids), ids, seqs))
    return tuple(round(max(ends, default=began) - began, 2) for ends in (answers, knows))


async def logged(runtime):
    """The whole log by session."""
    found = defaultdict(list)
    async for batch in runtime.reader.read([subjects.EVERY_EVENT]):
        for numbered in batch.events:
            found[numbered[1].session_id].append(numbered)
    return found


async def handed_out(runtime):
    """How often each question is in the work queue, which nobody takes from."""
    found, name = Counter(), streams.JOBS.name
    state = (await runtime.js.stream_info(name)).state
    for seq in range(state.first_seq, state.last_seq + 1):
        message = await runtime.js.get_msg(name, seq)
        key = await runtime.keyring.key(subjects.job_session(message.subject))
        job = codec.jobs.decode(codec.unseal(message.data, key))
        if isinstance(job, AnswerQuery):
            found[job.query_id] += 1
    return found


@pytest.mark.slow
async def test_killing_one_every_five_seconds_changes_nothing(server, runtime):
    for session_id in SESSIONS:
        await runtime.keyring.create(session_id)
        await runtime.publisher.append(requested(session_id))
    with Instances(server, runtime) as instances:
        instances.start(*NAMES)
        await instances.balanced(*NAMES, seconds=60)
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(talk(server))
            asking = group.create_task(ask(runtime, talking))
            killing = group.create_task(kill(runtime, instances, talking))
        said, asked_of, took = talking.result(), asking.result(), killing.result()
        await instances.balanced(*NAMES, seconds=60)
        await assert_undisturbed(runtime, said)
    log.info("measured", kills=len(took), takeover_seconds=took, seed=SEED)
    answers, knows = (max(ends) for ends in zip(*took, strict=True))
    assert answers < TAKEOVER_SECONDS + MARGIN
    assert knows < KNOWING_SECONDS + MARGIN
    assert await handed_out(runtime) == dict.fromkeys(asked_of, 1)


async def assert_undisturbed(runtime, said):
    for session_id, events in (await logged(runtime)).items():
        segments = [one.segment_id for _, one in events if isinstance(one, SegmentHeard)]
        assert segments == [f"seg{number}" for number in range(1, said[session_id] + 1)]
        reply = await served(runtime, session_id, min_seq=events[-1][0])
        assert reply.state_hash == state_hash(fold(events)), session_id
