"""A session's room seen from outside: is somebody there, and what opens it. Over Daily's REST.

Without a key, or while Daily does not answer, nobody can look from outside: then a bot goes in at
once, with the token it was given.
"""

from datetime import datetime, timedelta

import structlog

from services.ingest.daily import rooms
from services.ingest.daily.errors import DailyError, NotFoundError
from services.ingest.daily.rest import DailyRest

log = structlog.get_logger()

TOKEN_MINUTES = 10
"""How long the token of a bot opens the room; within, it stays for as long as it likes."""


class ClosedError(Exception):
    """There is no such room."""


class Door:
    """One session's room."""

    def __init__(self, room_url: str, token: str | None, name: str, rest: DailyRest | None) -> None:
        self.room_url, self._token, self._assistant, self._rest = room_url, token, name, rest

    async def occupied(self) -> bool | None:
        """Whether somebody is in the room; None when nobody can tell. Raises ClosedError."""
        if self._rest is None:
            return None
        try:
            return await self._rest.presence(self._room) > 0
        except NotFoundError:
            raise ClosedError(self._room) from None
        except (DailyError, ValueError) as error:
            log.warning("room.unseen", cause=str(error))
            return None

    async def token(self, now: datetime) -> str | None:
        """What to join with: the token given, else an owner's, else none."""
        if self._token is not None or self._rest is None:
            return self._token
        try:
            return await self._rest.token(
                self._room, now + timedelta(minutes=TOKEN_MINUTES), self._assistant
            )
        except (DailyError, ValueError) as error:
            log.warning("room.token_refused", cause=str(error))
            return None

    async def announce(self, participant_id: str) -> None:
        """Tell the room's apps which participant the assistant is, as Daily's own demo does."""
        if self._rest is None:
            return
        try:
            await self._rest.set_session_data(self._room, {"bot_session_id": participant_id})
        except (DailyError, ValueError) as error:
            log.info("room.unannounced", cause=str(error))

    @property
    def _room(self) -> str:
        return rooms.name_of(self.room_url)
