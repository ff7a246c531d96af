"""Which bot serves a session: sent when there is none, given up when it is gone. One at a time.

A bot of another ingest service is left alone for as long as somebody renews its lease.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from contracts import streams, subjects
from contracts.events import (
    BotAssigned,
    BotEjected,
    BotLeft,
    Fact,
    SegmentHeard,
    SessionRequested,
    TranscriptionStarted,
    TranscriptionStopped,
)
from services._runtime import lease
from services._runtime.kv import Bucket
from services.ingest import inheritance, spools
from services.ingest.bot.steps import Charge
from services.ingest.bot.wire import Assignment
from services.ingest.hosting.child import Child, Fate
from services.ingest.hosting.door import Door
from services.ingest.hosting.means import Means
from services.ingest.session import Assign, Loss, Replace

log = structlog.get_logger()

JITTER_SECONDS = 0.5
"""Bots that are needed at the same time do not all begin at the same moment."""
SETTLED_SECONDS = 60.0
"""Bots that end sooner than that follow each other ever more slowly."""
MEGABYTE = 1 << 20


class ElsewhereError(Exception):
    """A bot of another ingest service is alive and serves the session."""


class Crew:
    """The bots of one session, one after the other."""

    def __init__(self, means: Means, requested: SessionRequested, door: Door) -> None:
        links = means.links
        self._links, self._lifecycle, self._now = links, means.lifecycle, means.now
        self._starts, self._requested, self._door = means.starts, requested, door
        self._bucket = Bucket(links.nc, links.js, streams.BOTS)
        self._key = subjects.lease(requested.session_id)
        self._buried: str | None = None
        self._since = 0.0
        self.child: Child | None = None
        self.fate: asyncio.Task[Fate] | None = None
        self.bot_id = ""

    async def send(self, number: int, changed: Callable[[], None]) -> None:
        """Start the session's next bot, as number `number`; `changed` when its state changes."""
        session_id, bot_id = self._requested.session_id, "bot_" + secrets.token_hex(8)
        async with self._starts:
            await asyncio.sleep(random.random() * JITTER_SECONDS)  # noqa: S311 - no secret
            revision = await lease.abandoned(self._bucket, self._key, known_dead=self._buried)
            await self._lifecycle.decide(Assign(session_id, self._now(), bot_id))
            assigned = subjects.events_of_type(session_id, BotAssigned)
            assignment = Assignment(
                charge=self._charge(bot_id),
                room_url=self._door.room_url,
                token=await self._door.token(self._now()),
                fence=await self._links.log.last_seq_of(assigned),
                lease=revision,
                spool=str(spools.of_bot(inheritance.directory(self._links), session_id, number)),
            )
            self.bot_id, self._since = bot_id, time.monotonic()
            self.child = child = await Child.start(assignment, self._links.settings, changed)
            self.fate = asyncio.create_task(child.fate())
            self.fate.add_done_callback(lambda _: changed())
            beaten = asyncio.create_task(child.beaten.wait())
            await asyncio.wait([self.fate, beaten], return_when=asyncio.FIRST_COMPLETED)
            beaten.cancel()
        log.info("bot.sent", session=session_id, bot=bot_id, number=number, pid=child.pid)

    async def bury(self) -> Fate:
        """How our bot ended; what it had heard is in the log then."""
        assert self.fate is not None  # noqa: S101 - there is one
        fate = await self.fate
        log.info("bot.gone", session=self._requested.session_id, bot=self.bot_id, how=fate.how)
        await inheritance.deliver_of_bots(self._links, self._requested.session_id)
        self._buried, self.fate = self.bot_id, None
        return fate

    async def give_up(self, bot_id: str, cause: Loss, *, left: bool) -> None:
        """Say that a bot is gone; of a stranger, only once nobody renews or takes its lease.

        `left` when it said itself that it is gone. Raises ElsewhereError.
        """
        session_id, patience = self._requested.session_id, 0 if left else lease.UNCLAIMED_SECONDS
        if bot_id != self.bot_id and await lease.held(self._bucket, self._key, bot_id, patience):
            raise ElsewhereError(bot_id)
        self._buried = bot_id
        await inheritance.deliver_of_bots(self._links, session_id)
        heard_until = await (self._left_at() if left else self._heard_until(bot_id))
        await self._lifecycle.decide(Replace(session_id, self._now(), bot_id, cause, heard_until))

    async def stop(self) -> None:
        """Call our bot back and wait until it is gone, or end it."""
        if self.child is not None and self.fate is not None and not self.fate.done():
            self.child.recall("stopped")
            try:
                await self.fate
            except asyncio.CancelledError:
                self.fate.cancel()
                raise

    def settled(self) -> bool:
        """Whether our bot has lived so long that its end would be no repetition of the last one."""
        return time.monotonic() - self._since > SETTLED_SECONDS

    def worn_out(self) -> bool:
        """Whether our bot is so old or so large that a fresh one should take over."""
        settings = self._links.settings
        if self.child is None or self.fate is None or self.fate.done():
            return False
        old = time.monotonic() - self._since > settings.bot_hours * 3600
        return old or self.child.memory > settings.bot_megabytes * MEGABYTE

    async def _left_at(self) -> datetime:
        """When the last bot that said that it is gone stopped listening."""
        gone = max(await self._last(BotLeft), await self._last(BotEjected))
        stopped = await self._last(TranscriptionStopped)
        return min(gone, stopped) if stopped > await self._last(TranscriptionStarted) else gone

    async def _last(self, kind: type[Fact]) -> datetime:
        """When the last event of a type happened, or the session began."""
        subject = subjects.events_of_type(self._requested.session_id, kind)
        return await self._links.log.last_time_of(subject) or self._requested.time

    async def _heard_until(self, bot_id: str) -> datetime:
        """When the bot was last known to listen: its last beat or renewal, or what it wrote."""
        times = [await self._last(SegmentHeard)]
        if bot_id == self.bot_id and self.child is not None:
            times.append(self.child.heard_at)
        holding = await lease.last_holding(self._bucket, self._key)
        if holding.holder == bot_id:
            times.append(holding.at)
        return min(max(times), self._now())

    def _charge(self, bot_id: str) -> Charge:
        settings, requested = self._links.settings, self._requested
        return Charge(
            session_id=requested.session_id,
            bot_id=bot_id,
            name=settings.assistant_name,
            model=settings.transcription_model,
            language=requested.language,
            vocabulary=requested.vocabulary,
            redact_pii=requested.redact_pii,
            consent_notice=settings.consent_notice,
        )
