"""Asks Daily over HTTP: the only file of this package that knows httpx. Understands no answer.

Everything asked through it can be asked twice, so that it asks again where that may help. The key
goes to Daily's own address only. Neither keys nor tokens, addresses or bodies are logged.
"""

import asyncio
import random
import re

import httpx
import msgspec
import structlog

from services._runtime.clock import now
from services.ingest.daily import errors, retries
from services.ingest.daily.errors import UnauthorisedError, UnavailableError

log = structlog.get_logger()

SECONDS = 10.0
DOWNLOAD_SECONDS = 60.0
MAX_ANSWER_BYTES = 1 << 20

_KEY = re.compile(r"[!-~]{1,500}")
# Unpacking would let a small answer become a large one before it can be measured.
_PLAIN = {"accept-encoding": "identity", "user-agent": "earshot"}
# What httpx raises of an address; the second is of the part that knows foreign alphabets.
_NO_ADDRESS = (httpx.InvalidURL, UnicodeError)


class _Wanted(msgspec.Struct, frozen=True):
    """One request; `what` is its name for people. `ours` goes to Daily's own address."""

    what: str
    request: httpx.Request
    seconds: float
    most: int
    ours: bool = True


class Http:
    """Daily's address and key. Raises UnauthorisedError and UnavailableError for what is neither.

    `seconds` bounds one attempt, `again` how often a failed one is repeated.
    """

    def __init__(
        self, api_key: str, url: str, *, seconds: float = SECONDS, again: int = retries.RETRIES
    ) -> None:
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._again = again
        self._headers = {"authorization": f"Bearer {_checked(api_key)}", **_PLAIN}
        try:
            local = httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}
        except _NO_ADDRESS:
            raise UnavailableError("DAILY_API_URL: is no valid address") from None
        self._client = httpx.AsyncClient(timeout=seconds, trust_env=not local)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        body: dict[str, object] | None = None,
        params: dict[str, str] | None = None,
    ) -> bytes:
        """The body of a good answer. Raises DailyError."""
        request = self._client.build_request(
            method, self._url + path, json=body, params=params, headers=self._headers
        )
        return await self._insist(_Wanted(what, request, self._seconds, MAX_ANSWER_BYTES))

    async def download(self, what: str, url: str, most: int) -> bytes:
        """A file that Daily points to, of at most `most` bytes. Raises UnavailableError."""
        if url.startswith("http:") and not self._url.startswith("http:"):
            raise UnavailableError(f"{what}: Daily gives an address without https")
        try:
            request = self._client.build_request("GET", url, headers=_PLAIN)
        except _NO_ADDRESS:
            raise UnavailableError(f"{what}: Daily gives no valid address") from None
        return await self._insist(_Wanted(what, request, DOWNLOAD_SECONDS, most, ours=False))

    async def _insist(self, wanted: _Wanted) -> bytes:
        attempt = 0
        while True:
            try:
                return await self._attempt(wanted)
            except UnavailableError as error:
                if not error.again or attempt >= self._again:
                    raise
                dice = random.random()  # noqa: S311 - spreads retries, guards nothing
                pause = retries.pause(attempt, error.retry_after, now(), dice)
            attempt += 1
            log.warning("daily.retrying", what=wanted.what, attempt=attempt, seconds=pause)
            await asyncio.sleep(pause)

    async def _attempt(self, wanted: _Wanted) -> bytes:
        try:
            async with asyncio.timeout(wanted.seconds):
                return await self._exchange(wanted)
        except (TimeoutError, httpx.TimeoutException):
            raise UnavailableError(
                f"{wanted.what}: no answer within {wanted.seconds:g} s"
            ) from None
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
            cause = f"{wanted.what}: the connection failed ({type(error).__name__})"
            raise UnavailableError(cause, again=True) from None
        except httpx.HTTPError as error:
            raise UnavailableError(f"{wanted.what}: {type(error).__name__}") from None

    async def _exchange(self, wanted: _Wanted) -> bytes:
        response = await self._client.send(wanted.request, stream=True)
        try:
            body = await _read(response, wanted)
        finally:
            await response.aclose()
        if response.is_success:
            return body
        retry_after = response.headers.get("retry-after", "")
        error = errors.of_answer(response.status_code, body, retry_after)
        if wanted.ours or isinstance(error, UnavailableError):
            raise error
        # Another host's refusal says nothing about our key.
        raise UnavailableError(f"{wanted.what}: the host answers HTTP {response.status_code}")


async def _read(response: httpx.Response, wanted: _Wanted) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > wanted.most:
            raise UnavailableError(f"{wanted.what}: the answer has over {wanted.most} bytes")
    return bytes(body)


def _checked(api_key: str) -> str:
    key = api_key.strip()
    if not _KEY.fullmatch(key):
        raise UnauthorisedError("DAILY_API_KEY: holds what no key holds")
    return key
