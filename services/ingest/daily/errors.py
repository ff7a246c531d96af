"""What can come of asking Daily for something, other than an answer. Pure.

The messages are for people: they hold neither keys nor tokens, and of Daily's own words at most
MAX_INFO characters.
"""

import msgspec

MAX_INFO = 500
TAKEN = "invalid-request-error"
"""What Daily says of a body it cannot use, a room name that is taken among others."""

_KEY_REFUSED = {"authentication-error", "authorization-header-error"}
_UNAUTHORISED, _NOT_FOUND, _TIMED_OUT, _TOO_MANY, _SERVER_FAULT = 401, 404, 408, 429, 500
_FIRST_FAULT = 400


class DailyError(Exception):
    """Daily did not do what was asked; the message says why in a plain sentence."""


class UnauthorisedError(DailyError):
    """Daily does not accept the API key."""


class NotFoundError(DailyError):
    """There is no such room, token or transcript."""


class RefusedError(DailyError):
    """Daily understood and refuses; asking again will not help. `info` is Daily's own text."""

    def __init__(self, info: str, code: str = "") -> None:
        super().__init__(f"Daily refuses: {info}")
        self.info = info
        self.code = code


class UnavailableError(DailyError):
    """Daily could not be reached, is overloaded, or does not speak as it should.

    `again` says that the same request may well succeed, `retry_after` when Daily wants it.
    """

    def __init__(self, message: str, *, again: bool = False, retry_after: str = "") -> None:
        super().__init__(message)
        self.again = again
        self.retry_after = retry_after


class _Body(msgspec.Struct, frozen=True):
    error: object = None
    info: object = None


def of_answer(status: int, body: bytes, retry_after: str = "") -> DailyError:
    """The error that an HTTP answer other than 2xx stands for."""
    told = _body(body)
    code, info = _line(told.error), _line(told.info)
    if status >= _SERVER_FAULT or status in {_TOO_MANY, _TIMED_OUT} or code == "rate-limit-error":
        return UnavailableError(f"Daily answers HTTP {status}", again=True, retry_after=retry_after)
    if status < _FIRST_FAULT:
        return UnavailableError(f"Daily answers HTTP {status}: is DAILY_API_URL right?")
    if status == _UNAUTHORISED or code in _KEY_REFUSED:
        return UnauthorisedError("Daily does not accept DAILY_API_KEY")
    if status == _NOT_FOUND or code == "not-found":
        return NotFoundError(f"Daily does not know it: {info or f'HTTP {status}'}")
    return RefusedError(info or code or f"HTTP {status}", code)


def _body(body: bytes) -> _Body:
    try:
        return msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Body()


def _line(text: object) -> str:
    """Foreign text on one line, cut, of characters that can be shown."""
    if not isinstance(text, str):
        return ""
    shown = (one if one.isprintable() else " " for one in text[: 4 * MAX_INFO])
    return " ".join("".join(shown).split())[:MAX_INFO]
