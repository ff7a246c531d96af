"""What the hosts of one ingest service share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services._runtime.links import Links
from services.ingest.daily.rest import DailyRest
from services.ingest.hosting.filling import Filling
from services.ingest.lifecycle import Lifecycle
from services.ingest.timers import Timers


@dataclass(frozen=True)
class Means:
    """`starts` bounds how many bots are being started at once; `rest` is null without a key."""

    links: Links
    lifecycle: Lifecycle
    timers: Timers
    rest: DailyRest | None
    filling: Filling
    starts: asyncio.Semaphore
    now: Callable[[], datetime]
