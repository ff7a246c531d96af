"""The application: routes, failures, documentation."""

import logging
from typing import Any

from fastapi import FastAPI

from services.gateway.http import (
    commands,
    errors,
    events,
    files,
    live,
    pages,
    questions,
    responses,
    search,
    sessions,
    speakers,
    transcripts,
)
from services.gateway.http.gateway import Gateway
from services.gateway.http.shell import Shell

VERSION = "0.1.0"


def create(gateway: Gateway) -> Shell:
    """The application as a server takes it."""
    app = FastAPI(
        title="Earshot",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    logging.getLogger("uvicorn.error").addFilter(_is_no_refused_socket)
    for routes in (
        sessions,
        speakers,
        questions,
        transcripts,
        search,
        events,
        live,
        commands,
        files,
        pages,
    ):
        app.include_router(routes.router)
    errors.install(app)
    _document(app)
    return Shell(app, gateway.keys, gateway.runtime.settings.upload_bytes)


def _is_no_refused_socket(record: logging.LogRecord) -> bool:
    """The server takes a refused WebSocket for one that nobody answered, and says so as an error.

    One that was really left without an answer is told by our own line about the request.
    """
    return record.msg != "ASGI callable returned without completing handshake."


def _document(app: FastAPI) -> None:
    """Add our structs' schemas to the OpenAPI document."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in responses.schemas().items():
            known.setdefault(name, schema)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
