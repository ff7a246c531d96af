"""Cancellations that a library swallows: `asyncio.wait_for` did before Python 3.12."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def heeding(awaited: Awaitable[T]) -> T:
    """Await, and be cancelled if that was asked for meanwhile, though a result came as well.

    `wait_for` of Python 3.11 returns a result that arrives together with a cancellation, and the
    task would go on as if nobody had asked it to end (https://github.com/python/cpython/pull/98518).
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    result = await awaited
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return result
