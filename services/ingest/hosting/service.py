"""Hosts for the sessions that the queue gives out, and rooms for those who ask for one."""

import asyncio
import os

import structlog
from nats.aio.msg import Msg

from contracts import codec, subjects
from contracts.commands import HostSession
from contracts.events import SessionRequested
from contracts.queries import RoomOpened, RoomRefused, RoomReply, RoomWanted
from services._runtime.clock import now
from services._runtime.links import Links
from services.ingest.daily.errors import (
    DailyError,
    UnauthorisedError,
    UnavailableError,
)
from services.ingest.daily.rest import DailyRest
from services.ingest.hosting.door import Door
from services.ingest.hosting.filling import Filling
from services.ingest.hosting.host import Host
from services.ingest.hosting.means import Means
from services.ingest.lifecycle import Lifecycle
from services.ingest.session import RejectedError, ReportFailure
from services.ingest.timers import Timers

log = structlog.get_logger()

QUEUE = "ingest"
"""Whoever of the group is free makes the room."""


class Hosts:
    """The sessions that this service hosts; one that is given out again is joined, not doubled."""

    def __init__(self, links: Links, rest: DailyRest | None) -> None:
        self._links, self._rest = links, rest
        self._means = Means(
            links=links,
            lifecycle=Lifecycle(links),
            timers=Timers(links),
            rest=rest,
            filling=Filling(links, rest, now),
            starts=asyncio.Semaphore(2 * (os.cpu_count() or 1)),
            now=now,
        )
        self._hosting: dict[str, asyncio.Task[None]] = {}

    async def handle(self, job: HostSession) -> None:
        """Host the session until it is over, or until this service stops."""
        hosting = self._hosting.get(job.session_id)
        if hosting is None:
            hosting = self._hosting[job.session_id] = asyncio.create_task(self._host(job))
            hosting.add_done_callback(lambda _: self._hosting.pop(job.session_id, None))
            await hosting
        else:
            await asyncio.shield(hosting)

    async def given_up(self, job: HostSession) -> None:
        """Say that nobody can host the session."""
        failure = ReportFailure(
            job.session_id, now(), "bot_failing", "hosting it failed again and again"
        )
        try:
            await self._means.lifecycle.decide(failure)
        except RejectedError as error:
            log.info("command.rejected", session=job.session_id, cause=str(error))

    async def open_rooms(self) -> None:
        """Answer those who want a room, until cancelled."""
        await self._links.nc.subscribe(subjects.ROOM_WANTED, QUEUE, cb=self._on_wanted)
        await asyncio.Event().wait()

    async def _host(self, job: HostSession) -> None:
        requested = await self._requested(job.session_id)
        if requested is None or requested.room_url is None:
            log.warning("job.of_no_session", session=job.session_id)
            return
        name = self._links.settings.assistant_name
        door = Door(requested.room_url, job.token, name, self._rest)
        await Host(self._means, requested, door).run()

    async def _requested(self, session_id: str) -> SessionRequested | None:
        for _, event in await self._links.log.read(session_id, types=(SessionRequested,)):
            if isinstance(event, SessionRequested):
                return event
        return None

    async def _on_wanted(self, message: Msg) -> None:
        try:
            wanted = codec.rooms_wanted.decode(message.data)
        except codec.MalformedMessageError as error:
            log.warning("room.wanted_malformed", error=str(error))
            return
        if wanted is not None:
            await message.respond(codec.encode_reply(await self._open(wanted)))

    async def _open(self, wanted: RoomWanted) -> RoomReply:
        if self._rest is None:
            return RoomRefused(reason="not_configured")
        try:
            room = await self._rest.open_room(wanted.session_id, wanted.expires_at)
        except UnauthorisedError:
            return RoomRefused(reason="unauthorised")
        except UnavailableError as error:
            return RoomRefused(reason="unavailable", detail=str(error))
        except DailyError as error:
            return RoomRefused(reason="refused", detail=str(error))
        return RoomOpened(room_url=room.url)
