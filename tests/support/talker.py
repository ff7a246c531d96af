"""A process that says something in many sessions, so many times a second, through an outbox.

`python -m tests.support.talker SESSIONS RATE SECONDS`; the environment names the server and the
data directory. The last line it writes is how many segments each session got.
"""

import asyncio
import json
import sys
import time
from collections import Counter

from services._runtime import keyring, settings
from services._runtime.connection import connect_once
from services._runtime.keyring import Keyring
from services._runtime.outbox import Outbox
from services._runtime.spool import Spool
from tests.support.facts import heard

TICK_SECONDS = 0.02


async def talk(outbox, sessions, rate, seconds):
    """How many segments each session got."""
    said, count, began = Counter(), 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        while count < elapsed * rate:
            session_id = sessions[count % len(sessions)]
            said[session_id] += 1
            count += 1
            await outbox.put(heard(said[session_id], session_id=session_id))
        await asyncio.sleep(TICK_SECONDS)
    await outbox.drained()
    return {"said": said, "a_second": round(count / (time.monotonic() - began))}


async def main(sessions, rate, seconds):
    """Talk, and write what was said."""
    own = settings.load()
    nc = await connect_once(own.nats, "talker")
    keys = Keyring(nc.jetstream(), keyring.master_key(own))
    with Spool(own.data_dir / "spool") as spool:
        outbox = Outbox(spool, keys, own.nats, 1 << 30)
        pumping = asyncio.create_task(outbox.run())
        told = await talk(outbox, sessions, rate, seconds)
        sys.stdout.write(json.dumps(told) + "\n")
        pumping.cancel()
        await asyncio.wait({pumping})
    await nc.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(","), float(sys.argv[2]), float(sys.argv[3])))
