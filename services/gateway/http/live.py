"""The live WebSocket: what happens in a session, as JSON messages, resumable by sequence.

Nothing is kept for a reader: the log is read as fast as the client reads. One who does not read for
SLOW_SECONDS is closed with 1013 and can resume after the last `seq` it saw. Beats are the
protocol's own pings. The messages are described in `services.gateway.live`; what a client sends is
ignored.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from nats.aio.msg import Msg

from contracts import subjects
from services._runtime.keyring import KeyGoneError
from services._runtime.session_log import UnknownSessionError
from services.gateway import live
from services.gateway.http.gateway import MAX_SEQ, READ, Gateway, Parts, SessionId

router = APIRouter(prefix="/v1/sessions/{session_id}")

log = structlog.get_logger()

UNKNOWN_SESSION = 4404
SLOW = 1013
SLOW_SECONDS = 10.0
CLOSE_SECONDS = 5.0
MAX_INTERIM = 16
"""Interim captions waiting for one client; a newer one makes the oldest needless."""


class _SlowError(Exception):
    """The client does not read."""


@router.websocket("/live", dependencies=[READ])
async def follow_live(
    socket: WebSocket,
    parts: Parts,
    session_id: SessionId,
    after_seq: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0,
) -> None:
    """Everything after a sequence, then whatever happens, without a gap or a repeat."""
    await socket.accept()
    try:
        await parts.sessions.last_seq(session_id)
    except (UnknownSessionError, KeyGoneError):
        await socket.close(UNKNOWN_SESSION, "no such session")
        return
    messages = _Messages(socket, parts, session_id)
    try:
        async with messages.interim(), asyncio.TaskGroup() as group:
            group.create_task(_until_gone(socket))
            group.create_task(messages.tell_events(after_seq))
            group.create_task(messages.tell_interim())
    except* WebSocketDisconnect:
        log.debug("live.left")
    except* _SlowError:
        await _drop(socket)


async def _until_gone(socket: WebSocket) -> None:
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        continue
    raise WebSocketDisconnect(message["code"])


async def _drop(socket: WebSocket) -> None:
    log.info("live.dropped")
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(SLOW, "too slow: resume after the last seq you saw")
    except TimeoutError:
        return  # the server closes the connection without a farewell


class _Messages:
    """Sends one client its messages, one at a time."""

    def __init__(self, socket: WebSocket, parts: Gateway, session_id: str) -> None:
        self._socket, self._parts, self._session_id = socket, parts, session_id
        self._sending = asyncio.Lock()
        self._interim: asyncio.Queue[bytes] = asyncio.Queue(MAX_INTERIM)

    @asynccontextmanager
    async def interim(self) -> AsyncIterator[None]:
        """Listen for interim captions."""
        nc, subject = self._parts.runtime.nc, subjects.captions(self._session_id)
        subscription = await nc.subscribe(subject, cb=self._on_interim)
        try:
            yield
        finally:
            await subscription.unsubscribe()

    async def tell_events(self, after: int) -> None:
        """Send what is in the log, then what comes into it; raises _SlowError."""
        async with aclosing(self._parts.runtime.log.follow(self._session_id, after)) as batches:
            async for batch in batches:
                for seq, event in batch.events:
                    if (message := live.render(seq, event)) is not None:
                        await self._send(message)

    async def tell_interim(self) -> None:
        """Send interim captions as they come; raises _SlowError."""
        while True:
            if (message := live.render_interim(await self._interim.get())) is not None:
                await self._send(message)

    async def _on_interim(self, message: Msg) -> None:
        if self._interim.full():
            self._interim.get_nowait()
        self._interim.put_nowait(message.data)

    async def _send(self, message: str) -> None:
        try:
            async with asyncio.timeout(SLOW_SECONDS), self._sending:
                await self._socket.send_text(message)
        except TimeoutError:
            raise _SlowError from None
