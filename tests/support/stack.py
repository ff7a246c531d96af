"""Services in this process on a real server, started, stopped and dropped without a goodbye."""

import asyncio
import os
from contextlib import asynccontextmanager

from contracts import codec, queries, subjects
from services.context.service import serve as context
from services.ingest.service import serve as ingest
from services.llm.service import serve as llm

SERVICES = {"context": context, "ingest": ingest, "llm": llm}


@asynccontextmanager
async def running(server, *names, **settings):
    """The named services, each with a connection of its own."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_serve(server, name, settings)) for name in names]
        yield
        for task in tasks:
            task.cancel()


async def _serve(server, name, settings):
    async with server.runtime(name, instance=f"{name}{os.urandom(2).hex()}", **settings) as own:
        await SERVICES[name](own)


async def served(runtime, session_id="s1", **wanted):
    """The context service's reply for a session, once it answers."""
    body = codec.encode_reply(queries.ContextWanted(session_id=session_id, **wanted))
    subject = subjects.context_of(subjects.partition(session_id))
    async with asyncio.timeout(15):
        while True:
            try:
                reply = await runtime.nc.request(subject, body, timeout=4)
            except Exception as error:
                if type(error).__name__ not in {"NoRespondersError", "TimeoutError"}:
                    raise
                await asyncio.sleep(0.05)
                continue
            return codec.context_replies.decode(reply.data)


async def until(check, seconds=15):
    """Poll until `check` gives something true, and return it."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await check():
                return found
            await asyncio.sleep(0.05)
