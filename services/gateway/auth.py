"""Who may do what: API keys and their scopes, and what is let in where there are no keys.

Keys are known by their digests alone. Reads no file and no environment.
"""

import ipaddress
import re
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec

from services.gateway.problems import ProblemError, problem

Scope: TypeAlias = Literal["read", "ask", "manage", "admin"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))

KEY_PREFIX = "sha256:"
_HEX = re.compile(r"[0-9a-f]{64}")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="earshot"'}


class ApiKey(msgspec.Struct, frozen=True):
    """One key: the digest of its secret in lower-case hexadecimal, and what it may do."""

    digest: str
    scopes: frozenset[str] = SCOPES

    @property
    def name(self) -> str:
        """Tells one key from another; says nothing about the secret."""
        return self.digest[:12]


class Caller(msgspec.Struct, frozen=True):
    """What a request shows of whoever sent it; `client` is an address."""

    client: str | None
    host: str | None
    origin: str | None
    token: str | None


class BadKeyError(ValueError):
    """An entry of the key list cannot be read; the message says which and why."""


ANYONE = ApiKey("", SCOPES)
"""Whoever comes from this machine while no key is set."""


def is_list(value: str) -> bool:
    """Whether the setting is a list of keys; otherwise it is the path of a file with one."""
    return value.lstrip().startswith(KEY_PREFIX)


def parse(text: str) -> tuple[ApiKey, ...]:
    """Keys from `sha256:<hex>[:scope+scope]` entries between commas or line ends; `#` comments.

    Raises BadKeyError, also when there is no entry.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise BadKeyError("holds no key")
    return tuple(_key(number, entry) for number, entry in enumerate(entries, 1))


def _key(number: int, entry: str) -> ApiKey:
    digest, _, scopes = entry.removeprefix(KEY_PREFIX).partition(":")
    if not entry.startswith(KEY_PREFIX) or not _HEX.fullmatch(digest.lower()):
        raise BadKeyError(f"key {number}: must be sha256: and 64 hexadecimal digits")
    given = frozenset(scopes.split("+")) if scopes else SCOPES
    if unknown := given - SCOPES:
        raise BadKeyError(f"key {number}: unknown scope {min(unknown)!r}")
    return ApiKey(digest.lower(), given)


def find(keys: Iterable[ApiKey], token: str) -> ApiKey | None:
    """The key this token is the secret of; takes the same time whichever it is."""
    digest = sha256(token.encode()).hexdigest()
    found = None
    for key in keys:
        if compare_digest(key.digest, digest):
            found = key
    return found


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def admit(keys: tuple[ApiKey, ...], caller: Caller, *, guarded: bool) -> ApiKey:
    """The key the caller acts with; `guarded` says whether the route needs one.

    Raises ProblemError: 401 without a known key, 403 for whoever is not this machine when no key
    is set. A page of another site could otherwise reach this one through its reader's browser.
    """
    if not keys:
        _check_local(caller)
        return ANYONE
    if not guarded:
        return ApiKey("", frozenset())
    if caller.token is None:
        raise _unauthorised("no API key was given")
    if (key := find(keys, caller.token)) is None:
        raise _unauthorised("the API key is not known")
    return key


def may(key: ApiKey | None, *scopes: Scope) -> bool:
    """Whether there is a key and it has the scopes; `admin` includes the others."""
    return key is not None and ("admin" in key.scopes or key.scopes.issuperset(scopes))


def check_scope(key: ApiKey, scope: Scope) -> None:
    """Raise ProblemError (403) unless the key has the scope."""
    if not may(key, scope):
        raise _forbidden(f"the API key lacks the scope {scope}")


def is_loopback(address: str) -> bool:
    """Whether an address or host name can only mean this machine."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_local(caller: Caller) -> None:
    if caller.client is None or not is_loopback(caller.client):
        raise _forbidden("without API keys only this machine is answered")
    if not _is_local_authority(caller.host):
        raise _forbidden("without API keys the Host must be a loopback name")
    if caller.origin is not None and _authority(caller.origin) != (caller.host or "").lower():
        raise _forbidden("without API keys other sites' pages are not answered")


def _is_local_authority(host: str | None) -> bool:
    try:
        name = urlsplit(f"//{host or ''}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


def _authority(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _unauthorised(detail: str) -> ProblemError:
    return ProblemError(problem("unauthorised", 401, "An API key is needed", detail), _CHALLENGE)


def _forbidden(detail: str) -> ProblemError:
    return ProblemError(problem("forbidden", 403, "Not allowed", detail))
