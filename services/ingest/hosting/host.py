"""The host of one session: watches its log and its room, and does what the lifecycle asks for.

Every step starts from what the log says, so that any ingest service can go on where another died.
An outage of NATS stops the host and never its bot.
"""

import asyncio
from datetime import timedelta
from typing import assert_never

import structlog

from contracts import subjects
from contracts.events import BotJoined, Event, Fact, SessionRequested, TimerElapsed
from services._runtime.jetstream import RefusedError
from services._runtime.projection import AWAY, RolledBackError
from services._runtime.worker import TransientError
from services.ingest import session
from services.ingest.hosting.child import Child, Fate
from services.ingest.hosting.crew import Crew, ElsewhereError
from services.ingest.hosting.door import ClosedError, Door
from services.ingest.hosting.means import Means
from services.ingest.hosting.refusals import failure
from services.ingest.session import (
    Absent,
    Begin,
    Call,
    Dismiss,
    Ending,
    Enter,
    Over,
    RejectedError,
    ReportEjected,
    ReportEmpty,
    ReportFailure,
    ReportSourceEnd,
    ReportTimer,
    Requested,
    Session,
    Wait,
    Waiting,
)

log = structlog.get_logger()

LOOK_SECONDS = 3.0
"""How often an empty room is looked at from outside."""
AWAY_SECONDS = 0.5
MOST_PAUSE_SECONDS = 15
FAILURES = 5
"""So many bots in a row that never got in, after the first did, end the session."""


class Host:
    """Serves one session until it is over."""

    def __init__(self, means: Means, requested: SessionRequested, door: Door) -> None:
        self._links, self._lifecycle = means.links, means.lifecycle
        self._timers, self._filling, self._now = means.timers, means.filling, means.now
        self._requested, self._door = requested, door
        self._crew = Crew(means, requested, door)
        self._session_id = requested.session_id
        self._state: Session = session.initial
        self._elapsed: list[TimerElapsed] = []
        self._changed = asyncio.Event()
        self._failures = self._brief = 0
        self._unannounced = ""

    async def run(self) -> None:
        """Return when the session is over; raises TransientError when another host should go on."""
        following = asyncio.create_task(self._follow())
        try:
            while not isinstance(self._state, Over):
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait(
                    [changed, following], timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                changed.cancel()
                if following.done():
                    following.result()
                self._changed.clear()
                await self._advance_or_wait()
            await self._timers.set(self._session_id, {})
        except (ElsewhereError, RolledBackError) as error:
            raise TransientError(type(error).__name__) from error
        finally:
            following.cancel()
            await self._crew.stop()

    async def _follow(self) -> None:
        types: tuple[type[Fact], ...] = (*session.LIFECYCLE, TimerElapsed)
        filters = [subjects.events_of_type(self._session_id, one) for one in types]
        async for batch in self._links.reader.follow(filters, 0):
            for _, event in batch.events:
                self._notice(event)
            if batch.at_tip:
                self._changed.set()

    def _notice(self, event: Event) -> None:
        if isinstance(event, TimerElapsed):
            self._elapsed = [one for one in self._elapsed if one.timer != event.timer]
            self._elapsed.append(event)
        if isinstance(event, BotJoined):
            self._unannounced = event.participant_id
        self._state = session.evolve(self._state, event)

    async def _advance_or_wait(self) -> None:
        try:
            await self._timers.set(self._session_id, session.armed(self._state))
            await self._advance()
        except (*AWAY, RefusedError, TransientError) as error:  # no reason to take a bot away
            log.info("host.waits", session=self._session_id, error=type(error).__name__)
            await asyncio.sleep(AWAY_SECONDS)
            self._changed.set()
        except RejectedError as error:
            log.info("command.rejected", session=self._session_id, cause=str(error))

    async def _advance(self) -> None:
        while self._elapsed:
            fired = self._elapsed[0]
            await self._decide(ReportTimer(self._session_id, self._now(), fired.timer, fired.due))
            self._elapsed = [one for one in self._elapsed if one is not fired]
        state = self._state
        if isinstance(state, Absent | Over) or state.call is None:
            return
        match state:
            case Requested():
                no_show = timedelta(seconds=self._links.settings.no_show_seconds)
                await self._decide(Wait(self._session_id, self._now(), self._now() + no_show))
            case Waiting():
                await self._look()
            case _:
                await self._serve(state, state.call)

    async def _look(self) -> None:
        try:
            occupied = await self._door.occupied()
        except ClosedError:
            detail = "There is no such room, or it is closed."
            await self._fail("room_closed", detail)
            return
        if occupied is not False:
            await self._decide(Enter(self._session_id, self._now()))

    async def _serve(self, state: Session, call: Call) -> None:
        crew, ending = self._crew, isinstance(state, Ending)
        if crew.fate is not None and crew.fate.done():
            await self._mourn(await crew.bury())
            self._changed.set()
        elif crew.child is not None and crew.fate is not None:
            await self._keep(call, crew.child, ending=ending)
        elif call.put_out is not None:
            await self._conclude(ReportEjected(self._session_id, self._now(), call.put_out))
        elif call.served and call.bot_id is not None:
            await crew.give_up(call.bot_id, "died", left=False)
            if ending:
                await self._conclude(ReportSourceEnd(self._session_id, self._now()))
        elif ending:
            await self._conclude(ReportSourceEnd(self._session_id, self._now()))
        elif call.seat == "gone" and call.bot_id is not None:
            await crew.give_up(call.bot_id, "stopped", left=True)
        else:
            await crew.send(len(call.bots) + 1, self._changed.set)

    async def _keep(self, call: Call, child: Child, *, ending: bool) -> None:
        """Our bot is there, or on its way."""
        if call.entered_at is not None and call.started_at is None:
            await self._decide(Begin(self._session_id, self._now()))
        if self._unannounced and call.seat == "in_room":
            await self._door.announce(self._unannounced)
            self._unannounced = ""
        if ending:
            child.recall("ended")
        elif child.dismissed:
            await self._decide(Dismiss(self._session_id, self._now()))
        elif self._crew.worn_out():
            child.recall("recycled")
        elif call.seat == "in_room":
            self._failures = 0
            if self._crew.settled():
                self._brief = 0
            if not call.visits.open and call.grace_until is None:
                grace = timedelta(seconds=self._links.settings.grace_seconds)
                await self._decide(ReportEmpty(self._session_id, self._now(), self._now() + grace))

    async def _mourn(self, fate: Fate) -> None:
        """Our bot is gone: end with it, or say so, for the next one to come."""
        state = await self._lifecycle.state(self._session_id)
        if isinstance(state, Absent | Over) or (call := state.call) is None:
            return
        if fate.how == "replaced":
            raise ElsewhereError(self._crew.bot_id)
        if fate.how == "join_failed" and call.entered_at is None:
            await self._fail(*failure(fate.detail))
        elif call.put_out is not None:
            await self._conclude(ReportEjected(self._session_id, self._now(), call.put_out))
        elif isinstance(state, Ending):
            await self._conclude(ReportSourceEnd(self._session_id, self._now()))
        elif self._failures == FAILURES:
            await self._fail("bot_failing", f"{FAILURES} bots in a row did not get in.")
        elif call.bot_id is not None:
            await self._crew.give_up(call.bot_id, _loss(fate), left=call.seat == "gone")
            await asyncio.sleep(min(2**self._brief - 1, MOST_PAUSE_SECONDS))
            self._failures, self._brief = self._failures + 1, self._brief + 1

    async def _conclude(self, command: ReportEjected | ReportSourceEnd) -> None:
        await self._filling.run(self._requested)
        await self._decide(command)

    async def _fail(self, reason: session.Failure, detail: str) -> None:
        await self._decide(ReportFailure(self._session_id, self._now(), reason, detail))

    async def _decide(self, command: session.Command) -> None:
        """Append what follows; we hear of it from the log, as of everything."""
        await self._lifecycle.decide(command)


def _loss(fate: Fate) -> session.Loss:
    match fate.how:
        case "left":
            return fate.recalled
        case "put_out":
            return "disconnected"
        case "join_failed" | "silent" | "died":
            return fate.how
        case "replaced":
            raise ElsewhereError
        case _ as unreachable:
            assert_never(unreachable)
