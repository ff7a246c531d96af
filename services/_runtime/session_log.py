"""One session's events: read up to now, follow from now, and where the last one stands."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from contracts import streams, subjects
from contracts.events import Fact, Numbered
from services._runtime.jetstream import key_of, last_message
from services._runtime.projection import Batch, Reader
from services._runtime.publishing import TIME


class UnknownSessionError(LookupError):
    """No event of this session is in the log."""


class SessionLog:
    """Reads by session; sequences are the stream's."""

    def __init__(self, js: JetStreamContext, reader: Reader) -> None:
        self._js, self._reader = js, reader

    async def last_seq(self, session_id: str) -> int:
        """The session's last sequence; raises UnknownSessionError or UnavailableError."""
        try:
            subject = subjects.session_events(session_id)
        except ValueError:
            raise UnknownSessionError(session_id) from None
        found = await last_message(self._js, streams.MEETINGS.name, subject)
        if found is None:
            raise UnknownSessionError(session_id)
        return int(found.seq or 0)

    async def last_seq_of(self, subjects_wanted: str) -> int:
        """The last sequence under a subject or pattern, 0 if none; raises UnavailableError."""
        found = await last_message(self._js, streams.MEETINGS.name, subjects_wanted)
        return 0 if found is None else int(found.seq or 0)

    async def last_time_of(self, subjects_wanted: str) -> datetime | None:
        """When the last event under a subject happened; raises UnavailableError."""
        found = await last_message(self._js, streams.MEETINGS.name, subjects_wanted)
        stated = None if found is None else (found.headers or {}).get(TIME)
        return None if stated is None else datetime.fromisoformat(stated)

    async def has(self, subject: str) -> bool:
        """Whether any event is stored under a subject; raises UnavailableError."""
        return await last_message(self._js, streams.MEETINGS.name, subject) is not None

    async def holds(self, seq: int, key: str) -> bool:
        """Whether the event at `seq` is the one with this key.

        After a power loss the server may hand sequences out a second time; what was derived up to
        such a sequence is of another log. An event that was erased since was the one.
        """
        if seq <= 0:
            return False
        try:
            found = await self._js.get_msg(streams.MEETINGS.name, seq)
        except NotFoundError:
            return (await self._js.stream_info(streams.MEETINGS.name)).state.last_seq >= seq
        return key_of(found.headers) == key

    async def read(
        self,
        session_id: str,
        after: int = 0,
        upto: int | None = None,
        *,
        types: Sequence[type[Fact]] = (),
    ) -> tuple[Numbered, ...]:
        """The session's events after one sequence, up to another (inclusive) or to the tip.

        Only those of `types`, where any are named.
        """
        events: list[Numbered] = []
        async with aclosing(self._reader.read(_filters(session_id, types), after)) as read:
            async for batch in read:
                events += batch.events
                if upto is not None and batch.upto >= upto:
                    break
        return tuple(one for one in events if upto is None or one[0] <= upto)

    def follow(
        self, session_id: str, after: int = 0, *, types: Sequence[type[Fact]] = ()
    ) -> AsyncGenerator[Batch, None]:
        """The session's events after a sequence, then each new one, without a gap or a repeat.

        Only those of `types`, where any are named.
        """
        return self._reader.follow(_filters(session_id, types), after)


def _filters(session_id: str, types: Sequence[type[Fact]]) -> list[str]:
    if not types:
        return [subjects.session_events(session_id)]
    return [subjects.events_of_type(session_id, one) for one in types]
