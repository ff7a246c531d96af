"""The small page that `make run` shows, and the probes. The page loads nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter, Response

from contracts.queries import Health
from services.gateway.http.gateway import Parts
from services.gateway.http.responses import body, shows

router = APIRouter()

_HERE = Path(__file__).parent.parent / "page"
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_OWN_ONLY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _OWN_ONLY, "Cache-Control": "no-cache"}


def _mount(path: str, name: str, media_type: str) -> None:
    content = (_HERE / name).read_bytes()

    async def page() -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    router.add_api_route(path, page, include_in_schema=False)


for _path, (_name, _media_type) in _FILES.items():
    _mount(_path, _name, _media_type)


@router.get("/health/live", status_code=204, tags=["health"])
async def live() -> Response:
    """The process answers."""
    return Response(None, 204)


@router.get("/health/ready", tags=["health"], responses=shows({200: Health, 503: Health}))
async def ready(parts: Parts) -> Response:
    """Whether requests can be answered now, and what is missing if not (503)."""
    health = parts.runtime.health()
    return body(health, 200 if health.ready else 503)
