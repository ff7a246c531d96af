"""`earshot bench`: each figure on a fresh server, told beside its baseline."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import msgspec

from benchmarks import figures, measuring, rig
from benchmarks.measuring import Figure
from services._runtime import logs


def main(argv: Sequence[str]) -> int:
    """Measure what is named (everything by default); `--json` prints for machines."""
    parser = argparse.ArgumentParser(prog="earshot bench", description=__doc__)
    parser.add_argument("figure", nargs="*", help=f"of {', '.join(figures.EVERY)}; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(argv)
    if unknown := set(given.figure) - set(figures.EVERY):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    logs.configure("json", "bench", "bench", level="WARNING")
    measured = [asyncio.run(_measure(name)) for name in given.figure or figures.EVERY]
    if given.json:
        for one in measured:
            told = msgspec.to_builtins(one) | {"ratio": one.ratio}
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        measuring.show(measured)
    return 0


async def _measure(name: str) -> Figure:
    async with rig.provisioned() as settings:
        return await figures.EVERY[name](settings)
