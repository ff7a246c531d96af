"""`earshot bench`: each figure on a fresh server, told beside its baseline."""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence

import msgspec

from benchmarks import contexts, figures, measuring, rebuilding, rig
from benchmarks.measuring import Figure
from benchmarks.rebuilding import Size
from services._runtime import app, logs


def main(argv: Sequence[str]) -> int:
    """Measure what is named (everything by default); `--json` prints for machines."""
    parser = argparse.ArgumentParser(prog="earshot bench", description=__doc__)
    parser.add_argument("figure", nargs="*", help=f"of {', '.join(_EVERY)}; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    for name, count in msgspec.structs.asdict(Size()).items():
        parser.add_argument(
            f"--{name}", type=int, default=count, help=f"of the rebuilds (default {count})"
        )
    given = parser.parse_args(argv)
    if unknown := set(given.figure) - set(_EVERY):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    logs.configure("json", "bench", "bench", level="WARNING")
    gc.set_threshold(*app.GARBAGE)
    size = Size(given.sessions, given.events)
    measured = [one for name in given.figure or _EVERY for one in asyncio.run(_measure(name, size))]
    if given.json:
        for one in measured:
            told = msgspec.to_builtins(one) | {"ratio": one.ratio}
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        measuring.show(measured)
    return 0


async def _measure(name: str, size: Size) -> list[Figure]:
    async with rig.provisioned() as settings:
        if name in _CONTEXTS:
            return await _CONTEXTS[name](settings)
        if name in _REBUILDS:
            return [await _REBUILDS[name](settings, size)]
        return [await figures.EVERY[name](settings)]


_REBUILDS = {"rebuild-side-by-side": rebuilding.side_by_side, "rebuild-in-turn": rebuilding.in_turn}
_CONTEXTS = {"context": contexts.latencies, "tokens": contexts.prompt_tokens}
_EVERY = (*figures.EVERY, *_REBUILDS, *_CONTEXTS)
