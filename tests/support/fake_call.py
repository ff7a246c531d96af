"""Runs a test in a process of its own, with the fake or with Daily's own client.

    @with_fake(seed=7)
    async def test_a_sentence(fake, call): ...

`fake` is what scripts the fake's world, `call` a DailyCall that is left and closed at the end.
"""

import asyncio
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.ingest.bot.seam import CallRefusedError, CallUnansweredError

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fakedaily" / "fakedaily"
PROBLEMS = ("misuse", "handler_exception", "slow_callback", "released_in_call", "fake_bug")
"""Reports of what a correct client never causes."""


def with_fake(*, problems: tuple[str, ...] = (), **options: object) -> Callable:
    """Options become FAKE_DAILY_<NAME>; the test may cause `problems` and no others."""
    env = {f"FAKE_DAILY_{key.upper()}": str(value) for key, value in options.items()}
    return _apart(problems, {**env, "PYTHONPATH": os.pathsep.join((str(FAKE), str(ROOT)))})


def with_wheel() -> Callable:
    """The same with Daily's own client, which must not write a line of its own."""
    return _apart((), {"PYTHONPATH": str(ROOT)})


def _apart(problems: tuple[str, ...], env: dict[str, str]) -> Callable:
    def decorate(scenario):
        def test():
            _run(scenario, env)

        test.__name__, test.__module__ = scenario.__name__, scenario.__module__
        test.scenario, test.problems = scenario, problems
        return test

    return decorate


def _run(scenario: Callable, env: dict[str, str]) -> None:
    rest = {key: value for key, value in os.environ.items() if not key.startswith("FAKE_DAILY_")}
    command = [sys.executable, "-m", __name__, scenario.__module__, scenario.__name__]
    done = subprocess.run(
        command, env=rest | env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-6000:]}"
    assert not done.stderr


async def _play(test: Callable) -> None:
    import daily  # noqa: PLC0415 - only here is it the one that is wanted

    from services.ingest.bot.daily_call import DailyCall  # noqa: PLC0415 - likewise

    fake = getattr(daily, "fake", None)
    wanted = inspect.signature(test.scenario).parameters
    given = {"fake": fake, "call": DailyCall() if "call" in wanted else None}
    await test.scenario(**{name: given[name] for name in wanted})
    await _end(given["call"])
    found = [one for one in getattr(fake, "reports", ()) if one["report"] in PROBLEMS]
    assert {one["report"] for one in found} == set(test.problems), found


async def _end(call) -> None:
    if call is not None and call._client is not None:
        with suppress(CallRefusedError, CallUnansweredError):
            await call.leave()
        await call.close()


def main() -> None:
    """Play the named test, then go as a bot goes: the wheel may crash while Python cleans up."""
    module, name = sys.argv[1:]
    asyncio.run(_play(getattr(importlib.import_module(module), name)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
