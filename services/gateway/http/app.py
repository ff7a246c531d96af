"""The application: routes, failures, documentation."""

from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html

from services.gateway.http import (
    errors,
    events,
    live,
    pages,
    questions,
    responses,
    sessions,
    transcripts,
)
from services.gateway.http.gateway import Gateway
from services.gateway.http.shell import Shell

VERSION = "0.1.0"

_DOCS = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; base-uri 'none'; frame-ancestors 'none'"
)


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
    for routes in (sessions, questions, transcripts, events, live, pages):
        app.include_router(routes.router)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    errors.install(app)
    _document(app)
    return Shell(app, gateway.keys, gateway.runtime.settings.upload_bytes)


async def _docs() -> Response:
    page = get_swagger_ui_html(openapi_url="/openapi.json", title="Earshot")
    page.headers["Content-Security-Policy"] = _DOCS
    return page


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
