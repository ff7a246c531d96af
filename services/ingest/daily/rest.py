"""What we ask of Daily's REST interface, each a method. Decides nothing, keeps nothing.

Every method raises a DailyError: UnauthorisedError, NotFoundError, RefusedError or
UnavailableError, the last only after what can be asked again was asked again.
"""

import re
from datetime import datetime

from services.ingest.daily import answers, http, retries, rooms, tokens
from services.ingest.daily.answers import Account, Transcript
from services.ingest.daily.errors import TAKEN, NotFoundError, RefusedError, UnavailableError
from services.ingest.daily.http import Http
from services.ingest.daily.rooms import Room
from services.ingest.daily.tokens import Claims

URL = "https://api.daily.co/v1"
MAX_TRANSCRIPT_BYTES = 64 << 20
MOST_LISTED = 100
"""Daily lists no more at once; the newest come first."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]{0,2047}")


class DailyRest:
    """Daily's REST interface for one API key; what can be no key is an UnauthorisedError at once.

    One attempt takes at most `seconds`; what fails for now is asked again up to `again` times.
    """

    def __init__(
        self,
        api_key: str,
        url: str = URL,
        *,
        seconds: float = http.SECONDS,
        again: int = retries.RETRIES,
    ) -> None:
        self._http = Http(api_key, url, seconds=seconds, again=again)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def account(self) -> Account:
        """Whose key it is: answers only when Daily is reachable and accepts the key."""
        return answers.account(await self._http.ask("account", "GET", "/"))

    async def domain_id(self) -> str:
        """What `tokens.self_signed` needs."""
        domain_id = (await self.account()).domain_id
        if domain_id is None:
            raise UnavailableError("Daily's answer is not understood: no domain_id")
        return domain_id

    async def open_room(self, session_id: str, expires_at: datetime) -> Room:
        """The session's room; asked again, the same one as it is, whenever that one expires."""
        body = rooms.creation(session_id, expires_at)
        try:
            return rooms.read(await self._http.ask("open room", "POST", "/rooms", body=body))
        except RefusedError as error:
            if error.code != TAKEN:
                raise
            refused = error
        try:
            return await self.room(rooms.name_for(session_id))
        except NotFoundError:
            raise refused from None

    async def room(self, name: str) -> Room:
        """The room of this name."""
        return rooms.read(await self._http.ask("room", "GET", f"/rooms/{_segment(name)}"))

    async def token(
        self, room: str, expires_at: datetime, user_name: str, *, owner: bool = True
    ) -> str:
        """A meeting token for the room, with which one can enter until `expires_at`."""
        body = tokens.request(room, expires_at, user_name, owner=owner)
        return answers.token(await self._http.ask("token", "POST", "/meeting-tokens", body=body))

    async def check_token(self, token: str) -> Claims:
        """What Daily vouches for; a RefusedError or a NotFoundError when the token is no good."""
        path = f"/meeting-tokens/{_segment(token)}"
        return tokens.checked(await self._http.ask("check token", "GET", path))

    async def presence(self, name: str) -> int:
        """How many people and bots are in the room now."""
        path = f"/rooms/{_segment(name)}/presence"
        return answers.presence(await self._http.ask("presence", "GET", path))

    async def transcripts(self, room_name: str) -> tuple[Transcript, ...]:
        """The room's stored transcripts that are finished; () where Daily stores none."""
        room_id = (await self.room(room_name)).room_id
        if room_id is None:
            raise UnavailableError("Daily's answer is not understood: no id of the room")
        params = {"roomId": room_id, "limit": str(MOST_LISTED)}
        return answers.transcripts(
            await self._http.ask("transcripts", "GET", "/transcript", params=params)
        )

    async def transcript_text(self, transcript_id: str) -> str:
        """A stored transcript's WebVTT text, of at most MAX_TRANSCRIPT_BYTES."""
        path = f"/transcript/{_segment(transcript_id)}/access-link"
        url = answers.link(await self._http.ask("transcript link", "GET", path))
        plain = await self._http.download("transcript", url, MAX_TRANSCRIPT_BYTES)
        return plain.decode(errors="replace")

    async def set_session_data(self, name: str, data: dict[str, object]) -> None:
        """Merge `data` into what everybody in the room's call can read, key by key."""
        path = f"/rooms/{_segment(name)}/set-session-data"
        body: dict[str, object] = {"data": data, "mergeStrategy": "shallow-merge"}
        await self._http.ask("session data", "POST", path, body=body)


def _segment(text: str) -> str:
    """One segment of a path; what is none must not lead to another path."""
    if not _SEGMENT.fullmatch(text):
        raise RefusedError("a name, id or token holds characters that none has")
    return text
