"""The bridge between a call and the rest: app messages in, questions out, answers back. A shell.

Every id follows from what was sent, so that a gateway may die anywhere and each answer comes once.
"""

import asyncio
from datetime import timedelta

import structlog

from contracts.events import AppMessageReceived, Event, QueryAnswered, QueryFailed
from services._runtime.app import Runtime
from services._runtime.clock import Clock
from services._runtime.keyring import KeyGoneError
from services.gateway.bridge import deciding, protocol, reading, replying, speaking
from services.gateway.bridge.deciding import Step, TranscriptWanted
from services.gateway.bridge.desk import Asker
from services.gateway.bridge.listening import Listener
from services.gateway.bridge.reading import Desks

log = structlog.get_logger()

MESSAGES, CONCLUSIONS = "bridge-messages", "bridge-conclusions"
"""Names of the consumers that all gateways share."""


class Bridge:
    """What one gateway does about messages and conclusions."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime, self._clock = runtime, clock
        summary_for = timedelta(seconds=runtime.settings.summary_seconds)
        self._desks = Desks(runtime.log, summary_for)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            for durable, types, handler in (
                (MESSAGES, (AppMessageReceived,), self._on_message),
                (CONCLUSIONS, (QueryAnswered, QueryFailed), self._on_conclusion),
            ):
                listener = Listener(
                    self._runtime,
                    self._clock,
                    durable,
                    types,
                    worth=protocol.WORTH,
                    handler=handler,
                )
                group.create_task(listener.run())

    async def _on_message(self, seq: int, event: Event) -> None:
        if not isinstance(event, AppMessageReceived) or protocol.parse(event.message) is None:
            return  # apps have much to say to each other
        desk = await self._desks.at(event.session_id, seq)
        if desk.seq == seq:  # else it was erased meanwhile
            ask = self._runtime.settings.ask
            await self._do(seq, deciding.on_message(desk, event, ask, self._clock()))

    async def _on_conclusion(self, seq: int, event: Event) -> None:
        if not isinstance(event, QueryAnswered | QueryFailed):
            return
        desk = await self._desks.at(event.session_id, seq)
        if desk.seq == seq:
            await self._do(seq, deciding.on_conclusion(desk, event, self._clock()))

    async def _do(self, seq: int, steps: list[Step]) -> None:
        try:
            for step in steps:
                if isinstance(step, TranscriptWanted):
                    await self._do(seq, await self._transcript(seq, step.asker))
                else:
                    await self._runtime.publisher.append(step)
        except KeyGoneError:
            log.debug("bridge.erased", seq=seq)

    async def _transcript(self, seq: int, asker: Asker) -> list[Step]:
        view = await reading.transcript_at(self._runtime.log, asker.session_id, seq)
        kind = protocol.kind("transcript")
        return [*replying.data(asker, kind, speaking.text(view), self._clock())]


async def serve(runtime: Runtime, clock: Clock) -> None:
    """Bridge until cancelled."""
    await Bridge(runtime, clock).run()
