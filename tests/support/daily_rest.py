"""Daily's REST interface as a server on loopback, to be asked, looked into, and made to misbehave.

    async with serving() as daily:
        settings = {"daily_api_url": daily.url, "daily_api_key": daily.key}
        url = daily.add_room("weekly", exp=...)      a room somebody made; returns its address
        daily.present("weekly", 2)                   who asks now is told that two are there
        daily.store_transcript("weekly", "WEBVTT...", started_at)
        daily.fail(rate_limited(1), error(503))      the next two requests fare like this
        daily.fail(slow(30), on="GET /rooms")        the next one whose line holds that text
        ... daily.rooms, daily.tokens, daily.session_data, daily.requests, daily.downloads

The faults are in `daily_faults`. Rooms are kept as Daily tells them, with their properties under
`daily.rooms[name]["config"]`; delete one by popping it. Tokens are HS256 JWTs signed with the key;
their claims are the ones the fake `daily` module reads. Transcripts are downloaded from another
port, where the key must not turn up. It knows what is served here and answers 404 to everything
else; rooms do not vanish when they expire.
"""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import jwt

from tests.support.daily_faults import Fault, Reply, Request, read

KEY = "0123456789abcdef" * 4
DOMAIN = "earshot-test"

_CLAIMS = {
    "room_name": "r",
    "exp": "exp",
    "nbf": "nbf",
    "is_owner": "o",
    "user_name": "u",
    "user_id": "ud",
    "eject_at_token_exp": "ejt",
    "auto_start_transcription": "ast",
}
_ADMIN = {"participants": "p", "streaming": "s", "transcription": "t"}

Answer = tuple[int, object]


class DailyServer:
    """Listens on loopback; see the module's text for what it shows and takes."""

    def __init__(self, key: str = KEY, domain: str = DOMAIN) -> None:
        self.key = key
        self.domain = domain
        self.domain_id = "30f866c3-0000-4000-8000-ff58322d09c5"
        self.url = self.files_url = ""
        self.rooms: dict[str, dict[str, Any]] = {}
        self.tokens: list[str] = []
        self.session_data: dict[str, dict[str, Any]] = {}
        self.transcripts: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.downloads: list[Request] = []
        self._texts: dict[str, bytes] = {}
        self._present: dict[str, int] = {}
        self._faults: list[tuple[str, Fault]] = []
        self._handlers: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    def room_url(self, name: str) -> str:
        return f"https://{self.domain}.daily.co/{name}"

    def add_room(self, name: str, **properties: object) -> str:
        """Make or replace a room; return its address."""
        self.rooms[name] = {
            "id": secrets.token_hex(16),
            "name": name,
            "api_created": True,
            "privacy": "public",
            "url": self.room_url(name),
            "created_at": datetime.now(UTC).isoformat(),
            "config": properties,
        }
        return self.room_url(name)

    def present(self, name: str, people: int) -> None:
        """So many are in the room from now on."""
        self._present[name] = people

    def store_transcript(
        self, room: str, text: str | bytes, started_at: datetime, status: str = "t_finished"
    ) -> str:
        """Keep a transcript of an existing room; return its id. The newest is listed first."""
        transcript = secrets.token_hex(8)
        self._texts[transcript] = text.encode() if isinstance(text, str) else text
        listed = {
            "transcriptId": transcript,
            "domainId": self.domain_id,
            "roomId": self.rooms[room]["id"],
            "mtgSessionId": secrets.token_hex(8),
            "status": status,
            "isVttAvailable": status == "t_finished",
            "created_at": started_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
        self.transcripts.insert(0, listed)
        return transcript

    def fail(self, *faults: Fault, on: str = "") -> None:
        """Each fault befalls one of the next requests whose "METHOD /path" holds `on`."""
        self._faults += [(on, fault) for fault in faults]

    def token(self, **properties: Any) -> str:
        """A meeting token with these properties, as Daily would make it."""
        claims = {short: properties[name] for name, short in _CLAIMS.items() if name in properties}
        claims |= {"d": self.domain_id, "iat": int(datetime.now(UTC).timestamp())}
        permissions = properties.get("permissions", {})
        admin = permissions.get("canAdmin")
        short = {"hp": permissions.get("hasPresence"), "cs": permissions.get("canSend")}
        short["ca"] = ",".join(_ADMIN[one] for one in admin) if isinstance(admin, list) else admin
        if given := {name: value for name, value in short.items() if value is not None}:
            claims["p"] = given
        self.tokens.append(jwt.encode(claims, self.key, algorithm="HS256"))
        return self.tokens[-1]

    async def start(self, port: int = 0) -> None:
        for path, heard in (("/v1", self._asked), ("", self._downloaded)):
            server = await asyncio.start_server(self._connected(heard), "127.0.0.1", port)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
            self.url, self.files_url, port = self.url or url, url, 0
            self._servers.append(server)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def _connected(self, heard: Callable[[Request, Reply], Awaitable[None]]):
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._handlers.add(task)
            try:
                await heard(await read(reader), Reply(writer))
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                writer.transport.abort()
            finally:
                self._handlers.discard(task)
                writer.close()

        return connected

    async def _asked(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        await self._befall(request, reply)
        if not reply.done:
            await reply.json(*self._answer(request))

    async def _downloaded(self, request: Request, reply: Reply) -> None:
        self.downloads.append(request)
        await self._befall(request, reply)
        text = self._texts.get(request.path.removeprefix("/").removesuffix(".vtt"))
        if not reply.done:
            await reply.plain(403 if text is None else 200, text or b"<Error/>")

    async def _befall(self, request: Request, reply: Reply) -> None:
        for index, (on, fault) in enumerate(self._faults):
            if on in request.line:
                del self._faults[index]
                await fault(reply)
                return

    def _answer(self, request: Request) -> Answer:
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            return _problem(400, "authorization-header-error", "missing authorization header")
        if given != f"Bearer {self.key}":
            return _problem(401, "authentication-error", "invalid api key")
        for pattern, answer in ROUTES:
            if match := re.fullmatch(pattern, request.line):
                try:
                    return answer(self, request, *match.groups())
                except json.JSONDecodeError:
                    return _problem(400, "json-parsing-error", "invalid json")
        return _problem(404, "not-found", f"no such path: {request.path}")

    def _account(self, _: Request) -> Answer:
        return 200, {"domain_name": self.domain, "domain_id": self.domain_id, "config": {}}

    def _create(self, request: Request) -> Answer:
        name = request.json.get("name", secrets.token_urlsafe(12))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
            return _problem(400, "invalid-request-error", "name has invalid characters")
        if name in self.rooms:
            return _problem(400, "invalid-request-error", f"a room named {name} already exists")
        self.add_room(name, **request.json.get("properties", {}))
        return 200, self.rooms[name]

    def _room(self, _: Request, name: str) -> Answer:
        return (200, self.rooms[name]) if name in self.rooms else _missing(name)

    def _presence(self, _: Request, name: str) -> Answer:
        if name not in self.rooms:
            return _missing(name)
        people = [
            {"id": f"p{one}", "room": name, "userId": f"u{one}", "userName": f"Person {one}"}
            for one in range(self._present.get(name, 0))
        ]
        return 200, {"total_count": len(people), "data": people}

    def _merge(self, request: Request, name: str) -> Answer:
        if name not in self.rooms:
            return _missing(name)
        given = request.json
        before = self.session_data.get(name, {})
        kept = before if given.get("mergeStrategy") == "shallow-merge" else {}
        self.session_data[name] = {**kept, **given["data"]}
        return 200, {"data": self.session_data[name]}

    def _make_token(self, request: Request) -> Answer:
        return 200, {"token": self.token(**request.json.get("properties", {}))}

    def _check_token(self, _: Request, token: str) -> Answer:
        try:
            claims = jwt.decode(
                token, self.key, algorithms=["HS256"], options={"verify_iat": False}
            )
        except jwt.PyJWTError:
            return _problem(400, "invalid-request-error", "invalid token")
        return 200, {name: claims[short] for name, short in _CLAIMS.items() if short in claims}

    def _transcripts(self, request: Request) -> Answer:
        room = request.query.get("roomId")
        found = [one for one in self.transcripts if room in {None, one["roomId"]}]
        return 200, {"total_count": len(found), "data": found[: int(request.query["limit"])]}

    def _link(self, _: Request, transcript: str) -> Answer:
        if transcript not in self._texts:
            return _missing(transcript)
        return 200, {"transcriptId": transcript, "link": f"{self.files_url}/{transcript}.vtt?sig=1"}


ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (r"GET /v1/", DailyServer._account),
    (r"POST /v1/rooms", DailyServer._create),
    (r"GET /v1/rooms/([^/]+)", DailyServer._room),
    (r"GET /v1/rooms/([^/]+)/presence", DailyServer._presence),
    (r"POST /v1/rooms/([^/]+)/set-session-data", DailyServer._merge),
    (r"POST /v1/meeting-tokens", DailyServer._make_token),
    (r"GET /v1/meeting-tokens/([^/]+)", DailyServer._check_token),
    (r"GET /v1/transcript", DailyServer._transcripts),
    (r"GET /v1/transcript/([^/]+)/access-link", DailyServer._link),
)


def _problem(status: int, code: str, info: str) -> Answer:
    return status, {"error": code, "info": info}


def _missing(what: str) -> Answer:
    return _problem(404, "not-found", f"{what} not found")


@asynccontextmanager
async def serving(key: str = KEY, domain: str = DOMAIN) -> AsyncIterator[DailyServer]:
    """A Daily of one's own, while the block runs."""
    server = DailyServer(key, domain)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
