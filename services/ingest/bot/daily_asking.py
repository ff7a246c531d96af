"""How anything is asked of Daily's client: what may be said, and how the outcome comes back.

Knows no `daily`, only its manners: requests that answer through a completion on a foreign thread,
or never, and calls that raise at once or block.
"""

import asyncio
import copy
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar, cast

from services.ingest.bot.seam import CallRefusedError, CallUnansweredError

MOST_CHARACTERS = 500
"""How much of an error of Daily's is kept: it may quote all of what was sent."""

T = TypeVar("T")
Completion: TypeAlias = Callable[..., None]


async def ask(begin: Callable[[Completion], object], seconds: float) -> object:
    """Begin a request and return what its completion brings; None where that brings nothing.

    A completion has an error as its last argument, and before it the result, if any. One that
    comes after `seconds` is dropped. Raises CallRefusedError, CallUnansweredError.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Any, ...]] = loop.create_future()

    def done(*outcome: object) -> None:
        _settle(loop, answer, copy.deepcopy(outcome))

    tell(lambda: begin(done))
    try:
        async with asyncio.timeout(seconds):
            *brought, error = await answer or (None,)
    except TimeoutError:
        raise CallUnansweredError(f"no answer in {seconds:g} s") from None
    if error is not None:
        raise CallRefusedError(str(error)[:MOST_CHARACTERS])
    return brought[0] if brought else None


def tell(call: Callable[[], T]) -> T:
    """Call, and raise CallRefusedError for whatever the client raises."""
    try:
        return call()
    except CallRefusedError:
        raise
    except Exception as error:
        raise CallRefusedError(str(error)[:MOST_CHARACTERS]) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3's, which nothing exports
            raise
        raise CallRefusedError(str(error)[:MOST_CHARACTERS]) from error


def beside(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Do blocking work on a thread of its own, which the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            _settle(loop, future, tell(work))
        except CallRefusedError as error:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_fail, future, error)

    threading.Thread(target=run, name="daily-work", daemon=True).start()
    return future


def clean(value: T) -> T:
    """A copy without NUL and lone surrogates, at which the client panics or raises."""
    cleaned: object = value
    match value:
        case str():
            cleaned = value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
        case dict():
            cleaned = {clean(key): clean(one) for key, one in value.items()}
        case list():
            cleaned = [clean(one) for one in value]
        case tuple():
            cleaned = tuple(clean(one) for one in value)
    return cast("T", cleaned)


def _settle(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[T]", result: T) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_set, future, result)


def _set(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: CallRefusedError) -> None:
    if not future.done():
        future.set_exception(error)
