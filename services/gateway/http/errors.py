"""Every way a request can fail, as a problem. Says nothing of the inside."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.websockets import WebSocketState

from services._runtime.connection import UnavailableError
from services._runtime.jetstream import RefusedError
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import AWAY
from services._runtime.session_log import UnknownSessionError
from services.gateway import problems
from services.gateway.http.responses import refusal
from services.gateway.problems import FieldError, Problem, ProblemError, problem

log = structlog.get_logger()

_FRAMEWORK: Mapping[int, tuple[str, str, str]] = {
    HTTPStatus.NOT_FOUND: ("unknown-route", "No such route", "there is nothing at this address"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("wrong-method", "Wrong method", "see the Allow header"),
}
_POLICY, _LATER, _SERVER_ERROR = 1008, 1013, 500
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PLACES = ("body", "query", "path", "header")
_KEY = "[key]"
"""Stands in a path behind a key that does not fit."""
_NO_OBJECT = ("model_attributes_type", "dict_type")


class TooLargeError(HTTPException):
    """The body went over its limit while it was read; FastAPI passes HTTP exceptions through."""

    def __init__(self, error: ProblemError) -> None:
        super().__init__(error.problem.status)
        self.error = error


def install(app: FastAPI) -> None:
    """Answer every exception that a route may raise."""
    app.add_exception_handler(ProblemError, _told(_problem))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _told(_unfit_socket))
    app.add_exception_handler(HTTPException, _http)
    for gone in (UnknownSessionError, KeyGoneError):
        app.add_exception_handler(gone, _told(_unknown_session))
    for away in (UnavailableError, *AWAY):
        app.add_exception_handler(away, _told(_unavailable))
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(Exception, _bug)
    app.add_api_websocket_route("/{path:path}", _no_such_socket)


def _told(answer: Callable[[Any, Exception], Awaitable[Response]]) -> Callable[..., Any]:
    """The answer to a request; for a WebSocket the framework leaves the sending to us."""

    async def tell(connection: Request | WebSocket, error: Exception) -> Response | None:
        response = await answer(connection, error)
        if not isinstance(connection, WebSocket):
            return response
        await deny(connection, response)
        return None

    return tell


async def deny(socket: WebSocket, response: Response) -> None:
    """Refuse a WebSocket, with a body where the server can send one."""
    opening = socket.application_state is WebSocketState.CONNECTING
    if opening and "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(response)
    else:
        await socket.close(_POLICY if response.status_code < _SERVER_ERROR else _LATER)


async def _no_such_socket(socket: WebSocket) -> None:
    slug, title, detail = _FRAMEWORK[HTTPStatus.NOT_FOUND]
    await deny(socket, refusal(ProblemError(problem(slug, HTTPStatus.NOT_FOUND, title, detail))))


async def _unfit_socket(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, WebSocketRequestValidationError) else []
    return refusal(ProblemError(_unprocessable(tuple(_field(one) for one in found))))


async def _problem(_: Request, error: Exception) -> Response:
    return refusal(error) if isinstance(error, ProblemError) else unexpected()


async def _unknown_session(_: Request, __: Exception) -> Response:
    return refusal(problems.unknown_session())


async def _unavailable(_: Request, error: Exception) -> Response:
    log.warning("request.unavailable", error=type(error).__name__)
    return refusal(problems.unavailable())


async def _refused(_: Request, error: Exception) -> Response:
    log.error("request.refused", code=str(error))
    return refusal(
        ProblemError(problem("storage", 507, "Cannot be stored", "the event log refused it"))
    )


async def _bug(_: Request, __: Exception) -> Response:
    return unexpected()


def unexpected() -> Response:
    """What a request gets that met a bug."""
    return refusal(ProblemError(problem("unexpected", 500, "Something went wrong here", "a bug")))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    if isinstance(error, TooLargeError):
        return refusal(error.error)
    if not isinstance(error, HTTPException):
        return unexpected()
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return refusal(problems.malformed("body", "is not JSON in UTF-8"))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        error.headers = {"Allow": ", ".join(_methods(request))}
        if request.method == "OPTIONS":
            return Response(None, HTTPStatus.NO_CONTENT, error.headers)
    slug, title, detail = _FRAMEWORK.get(error.status_code, _FRAMEWORK[HTTPStatus.NOT_FOUND])
    refused = problem(slug, error.status_code, title, detail)
    return refusal(ProblemError(refused, error.headers))


def _methods(request: Request) -> list[str]:
    """All that the path answers to."""
    routes = request.app.routes
    found = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return [*found, *(["HEAD"] if "GET" in found else []), "OPTIONS"]


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    for one in found:
        if one["type"] == "json_invalid":
            cause = f"is not JSON: {one['ctx']['error']} at character {one['loc'][-1]}"
            return refusal(problems.malformed("body", cause))
    if any(_not_read(one) for one in found) and not _is_json(request):
        return refusal(_no_json())
    return refusal(ProblemError(_unprocessable(tuple(_field(one) for one in found))))


def _unprocessable(errors: tuple[FieldError, ...]) -> Problem:
    detail = "; ".join(f"{one.field}: {one.cause}" for one in errors)
    return problem("unfit-value", 422, "The request cannot be used", detail, *errors)


def _not_read(found: dict[str, object]) -> bool:
    return found["loc"] == ("body",) and found["type"] in _NO_OBJECT


def check_json(request: Request) -> None:
    """Raise ProblemError (415) unless the body is said to be JSON."""
    if not _is_json(request):
        raise _no_json()


def _no_json() -> ProblemError:
    return problems.wrong_media_type("must be application/json")


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _field(found: dict[str, object]) -> FieldError:
    """Where and why; never the value, which may be what somebody said."""
    loc = found["loc"]
    path = [str(part) for part in loc if part != _KEY] if isinstance(loc, tuple) else []
    if len(path) > 1 and path[0] in _PLACES:
        path = path[1:]
    return FieldError(".".join(path)[:200], str(found["msg"]))
