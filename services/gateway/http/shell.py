"""Around every request: who may come in, how large it may be, what each answer says in its headers.

Plain ASGI, so that streams pass through untouched and errors of the framework are covered too.
"""

import re
import secrets
import time
from collections.abc import Mapping

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import Message, Receive, Scope, Send

from services.gateway import auth, problems
from services.gateway.auth import ApiKey, Caller
from services.gateway.filing import FILE_BYTES
from services.gateway.http.errors import TooLargeError
from services.gateway.http.responses import refusal
from services.gateway.problems import ProblemError
from services.gateway.questions import MAX_QUERY

log = structlog.get_logger()

JSON_BYTES = 256 << 10
"""Largest body of a route that takes JSON."""

_SECURITY: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Shell:
    """The application as the server sees it."""

    def __init__(self, app: FastAPI, keys: tuple[ApiKey, ...], upload_bytes: int) -> None:
        self._app, self._keys, self._upload_bytes = app, keys, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            answer = _Answer(send, scope, request_id)
            scope = _as_get(scope)
            try:
                await self._handle(scope, receive, answer)
            finally:
                answer.report(scope)

    async def _handle(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            key = auth.admit(self._keys, _caller(scope), guarded=_is_guarded(scope["path"]))
            body = _Body(scope, receive, self._upload_bytes)
        except ProblemError as error:
            await refusal(error)(scope, receive, answer.send)
            return
        scope.setdefault("state", {})["key"] = key
        await self._app(scope, body.receive, answer.send)


class _Answer:
    """Sends, with our headers on the first message; to a HEAD nothing but that one."""

    def __init__(self, send: Send, scope: Scope, request_id: str) -> None:
        self._send, self._request_id = send, request_id
        self._method = scope.get("method", "WS")
        self._began, self._status = time.monotonic(), 0

    async def send(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self._request_id
        elif message["type"] == "websocket.accept":
            self._status = 101
        elif self._method == "HEAD":
            return
        await self._send(message)
        if self._method == "HEAD":
            # ended at once: what follows could be a stream without an end
            await self._send({"type": "http.response.body", "body": b""})

    def report(self, scope: Scope) -> None:
        """One line a request: the route, never the address with what was asked in it."""
        route = getattr(scope.get("route"), "path", None)
        took = round((time.monotonic() - self._began) * 1000, 1)
        log.info(
            "request.done",
            method=self._method,
            route=route,
            status=self._status,
            ms=took,
        )


class _Body:
    """Receives, and stops at the limit; raises ProblemError (413) at once where it is announced."""

    def __init__(self, scope: Scope, receive: Receive, upload_bytes: int) -> None:
        self._receive, self._read = receive, 0
        self._limit, self._error = _limit(scope, upload_bytes)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > self._limit:
            raise self._error

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self._limit:
                raise TooLargeError(self._error)
        return message


def _as_get(scope: Scope) -> Scope:
    """A HEAD is a GET to the routes; the server leaves the body out."""
    return {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope


def _limit(scope: Scope, upload_bytes: int) -> tuple[int, ProblemError]:
    path = scope["path"]
    if scope.get("method") == "PUT" and path.endswith("/recording"):
        return upload_bytes, problems.too_large("body", f"is over {upload_bytes} bytes")
    if scope.get("method") == "POST" and path.endswith("/files"):
        return FILE_BYTES, problems.too_large("body", f"is over {FILE_BYTES} bytes")
    if path.endswith("/query"):
        return JSON_BYTES, problems.too_large("query", f"is over {MAX_QUERY} characters")
    return JSON_BYTES, problems.too_large("body", f"is over {JSON_BYTES} bytes")


def _caller(scope: Scope) -> Caller:
    headers = Headers(scope=scope)
    token = auth.bearer(headers.get("authorization"))
    if token is None and scope["type"] == "websocket":
        # a browser cannot set headers on a WebSocket
        token = QueryParams(scope["query_string"]).get("access_token")
    client = scope.get("client")
    return Caller(
        client=client[0] if client else None,
        host=headers.get("host"),
        origin=headers.get("origin"),
        token=token,
    )


def _is_guarded(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
