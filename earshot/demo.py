"""The sample meeting, played into a running system over and over, through its public routes."""

import asyncio

import httpx
import msgspec
import structlog

from contracts import recording
from earshot import restarts
from earshot.restarts import Deaths, Policy
from earshot.views import Page, View

log = structlog.get_logger()

SPEED = 4
PAUSE_SECONDS = 2.0
"""Between two meetings."""
RETRIES = Policy(first=1.0, longest=60.0)
"""Pauses between tries when the gateway is away or refuses."""
POLL_SECONDS = 1.0
LABEL = {"demo": "true"}


class RefusedError(Exception):
    """The gateway answers, but does not do as asked; `status` is the one of HTTP."""

    def __init__(self, asked: str, status: int) -> None:
        super().__init__(f"{asked}: HTTP {status}")
        self.status = status


async def play(
    url: str, sample: bytes, key: str | None = None, pause: float = PAUSE_SECONDS
) -> None:
    """Play until cancelled; outlives restarts of the gateway."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=30, trust_env=False
    ) as http:
        failures = 0
        while True:
            try:
                await once(http, sample)
                failures = 0
            except (httpx.TransportError, RefusedError, msgspec.MsgspecError) as error:
                failures += 1
                status = error.status if isinstance(error, RefusedError) else None
                log.warning("demo.waits", error=type(error).__name__, status=status)
            await asyncio.sleep(restarts.pause(Deaths(failures), RETRIES) if failures else pause)


async def once(http: httpx.AsyncClient, sample: bytes) -> str:
    """See one meeting through to its end and return its session.

    A meeting that a predecessor began is taken over. Raises RefusedError.
    """
    session_id = await _begun(http)
    if session_id is None:
        session_id = await _create(http, sample)
        await _upload(http, session_id, sample)
    elif (await _view(http, session_id)).progress is None:
        await _upload(http, session_id, sample)
    await _ended(http, session_id)
    return session_id


async def _begun(http: httpx.AsyncClient) -> str | None:
    for status in ("live", "requested"):
        reply = await _ask(http, "GET", "/v1/sessions", params={"status": status})
        page = msgspec.json.decode(reply.content, type=Page)
        for view in page.items:
            if LABEL.items() <= view.metadata.items():
                return view.session_id
    return None


async def _create(http: httpx.AsyncClient, sample: bytes) -> str:
    session, _ = recording.parse(sample.splitlines()[:1])
    body = {"source": "recording", "metadata": {**session.metadata, **LABEL}}
    reply = await _ask(http, "POST", "/v1/sessions", json=body)
    return msgspec.json.decode(reply.content, type=View).session_id


async def _upload(http: httpx.AsyncClient, session_id: str, sample: bytes) -> None:
    await _ask(
        http,
        "PUT",
        f"/v1/sessions/{session_id}/recording",
        params={"mode": "replay", "speed": SPEED},
        content=sample,
    )


async def _ended(http: httpx.AsyncClient, session_id: str) -> None:
    # over HTTP there is nothing to wait on
    while not (await _view(http, session_id)).over:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


async def _view(http: httpx.AsyncClient, session_id: str) -> View:
    reply = await _ask(http, "GET", f"/v1/sessions/{session_id}")
    return msgspec.json.decode(reply.content, type=View)


async def _ask(
    http: httpx.AsyncClient, method: str, path: str, **request: object
) -> httpx.Response:
    reply = await http.request(method, path, **request)  # type: ignore[arg-type]
    if not reply.is_success:
        raise RefusedError(f"{method} {path}", reply.status_code)
    return reply
