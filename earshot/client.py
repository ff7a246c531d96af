"""A running Earshot over HTTP: one method a route, refusals as exceptions. Prints nothing."""

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from earshot import sse
from earshot.errors import (
    BrokenOffError,
    Problem,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
)
from earshot.text import masked
from earshot.views import Answer, ContextView, Created, Delta, Page, View

CONNECT_SECONDS = 5.0
REPLY_SECONDS = 60.0
STORE_SECONDS = 300.0
"""How long the system may take to check and store an upload."""
ANSWER_SECONDS = 630.0
"""Longer than any deadline the system can be set to give an answer."""

CHUNK_BYTES = 64 << 10
MEDIA_TYPES = {"txt": "text/plain", "json": "application/json"}

T = TypeVar("T")
V = TypeVar("V")


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send and how to play it; `sent` hears of every chunk's size in bytes."""

    file: BinaryIO
    size: int
    mode: Literal["replay", "import"]
    speed: str
    sent: Callable[[int], None]


class Client:
    """One system at one address. Every method raises EarshotError."""

    def __init__(
        self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._shown = masked(url.rstrip("/"))
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            trust_env=not is_local(url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create(self, session_id: str | None = None, title: str | None = None) -> Created:
        """A new session for a recording."""
        body = {
            "source": "recording",
            "session_id": session_id,
            "metadata": {"title": title} if title else None,
        }
        request = self._http.build_request("POST", "/v1/sessions", json=_given(body))
        return _decode(self._send(request), Created)

    def join(self, room_url: str, minutes: int | None = None, token: str | None = None) -> Created:
        """A session in a Daily room, or the one that is live there."""
        body = {
            "source": "daily",
            "room_url": room_url,
            "room_duration_mins": minutes,
            "token": token,
        }
        request = self._http.build_request("POST", "/v1/sessions", json=_given(body))
        return _decode(self._send(request), Created)

    def upload(self, session_id: str, upload: Upload) -> None:
        """Send a recording into a session; it plays once it is stored."""
        self._send(
            self._http.build_request(
                "PUT",
                f"{_path(session_id)}/recording",
                params={"mode": upload.mode, "speed": upload.speed},
                headers={"content-length": str(upload.size)},
                content=_chunks(upload),
                timeout=httpx.Timeout(STORE_SECONDS, connect=CONNECT_SECONDS),
            )
        )

    def end(self, session_id: str) -> None:
        """Leave and close a session."""
        self._send(self._http.build_request("POST", f"{_path(session_id)}/end"))

    def session(self, session_id: str) -> View:
        """One session."""
        return _decode(self._send(self._http.build_request("GET", _path(session_id))), View)

    def sessions(self, status: str | None = None) -> Iterator[View]:
        """All sessions, the newest first, read page by page as they are asked for."""
        cursor: str | None = None
        while True:
            wanted = _given({"status": status, "cursor": cursor})
            request = self._http.build_request("GET", "/v1/sessions", params=wanted)
            page = _decode(self._send(request), Page)
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def ask(self, session_id: str, query: str) -> Iterator[Delta | Answer]:
        """The answer in pieces as it is written, and at last the whole of it."""
        request = self._http.build_request(
            "POST",
            f"{_path(session_id)}/query",
            json={"task": "query", "query": query},
            headers={"accept": "text/event-stream"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )
        with self._stream(request) as response:
            for event in sse.events(response.iter_bytes()):
                match event.name:
                    case "delta":
                        yield _decode(event.data, Delta)
                    case "answer":
                        yield _decode(event.data, Answer)
                        return
                    case "error":
                        raise ProblemError(_decode(event.data, Problem))
        raise BrokenOffError(f"{self._shown} ended the stream before the answer was complete")

    def summary(self, session_id: str) -> Answer:
        """The general summary of a session."""
        patience = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        request = self._http.build_request("GET", f"{_path(session_id)}/summary", timeout=patience)
        return _decode(self._send(request), Answer)

    def transcript(self, session_id: str, form: Literal["txt", "json"]) -> bytes:
        """The transcript, in UTF-8."""
        request = self._http.build_request("GET", f"{_path(session_id)}/transcript.{form}")
        return self._send(request, MEDIA_TYPES[form])

    def context(
        self,
        session_id: str,
        query: str,
        budget_tokens: int | None = None,
        at_seq: int | None = None,
    ) -> tuple[ContextView, str]:
        """The context an answer would get, and what the Server-Timing header says, if it is there.

        `at_seq` asks for it as of then.
        """
        numbers = _given({"budget_tokens": budget_tokens, "at_seq": at_seq})
        path = f"{_path(session_id)}/context"
        answer = self._sent(
            self._http.build_request("GET", path, params={"query": query, **numbers})
        )
        return _decode(answer.content, ContextView), answer.headers.get("server-timing", "")

    def record(self, session_id: str) -> Iterator[bytes]:
        """The session's recording, bytes as they come."""
        accept = {"accept": "application/jsonl"}
        path = f"{_path(session_id)}/events"
        with self._stream(self._http.build_request("GET", path, headers=accept)) as response:
            self._check_kind(response, accept["accept"])
            yield from response.iter_bytes(CHUNK_BYTES)

    def _send(self, request: httpx.Request, kind: str | None = None) -> bytes:
        return self._sent(request, kind).content

    def _sent(self, request: httpx.Request, kind: str | None = None) -> httpx.Response:
        with self._reaching():
            response = self._http.send(request)
            self._check(response)
            if kind is not None:
                self._check_kind(response, kind)
            return response

    @contextlib.contextmanager
    def _stream(self, request: httpx.Request) -> Iterator[httpx.Response]:
        with self._reaching(), contextlib.closing(self._http.send(request, stream=True)) as answer:
            self._check(answer)
            yield answer

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(
                f"Nothing answers at {self._shown}: is `earshot up` running?"
            ) from error
        except httpx.TimeoutException as error:
            raise BrokenOffError(f"{self._shown} took too long to answer") from error
        except httpx.TransportError as error:
            raise BrokenOffError(f"The connection to {self._shown} broke off") from error
        except (httpx.HTTPError, httpx.InvalidURL, sse.OversizedEventError) as error:
            raise UnexpectedAnswerError(
                f"{self._shown} answers, but not as Earshot does"
            ) from error

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        response.read()
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise UnexpectedAnswerError(
                f"{self._shown} answered HTTP {response.status_code}, but not as Earshot does"
            ) from None
        raise ProblemError(problem)

    def _check_kind(self, response: httpx.Response, kind: str) -> None:
        if response.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
            raise UnexpectedAnswerError(f"{self._shown} answers, but not as Earshot does")


def is_local(url: str) -> bool:
    """Whether the address is this machine, which no proxy stands before."""
    return httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"


def _given(values: dict[str, V | None]) -> dict[str, V]:
    return {name: value for name, value in values.items() if value is not None}


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswerError(f"The answer cannot be read: {error}") from error


def _chunks(upload: Upload) -> Iterator[bytes]:
    while chunk := upload.file.read(CHUNK_BYTES):
        yield chunk
        upload.sent(len(chunk))
