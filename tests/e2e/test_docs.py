"""Every example in the documents that is marked to be run, run as it stands."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from earshot import sample
from tests.support.product import Api, up

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)


def examples():
    for name in ("README.md", "docs/api.md"):
        for found in EXAMPLE.finditer((ROOT / name).read_text()):
            yield name, found[1]


async def test_the_examples_work(tmp_path):
    ran = 0
    with up(tmp_path / "data", "--no-demo") as product:
        async with Api(product.url) as api:
            session_id = await api.play(sample.meeting(), mode="import")
            await api.ended(session_id)
            mine = {"EARSHOT_URL": product.url, "SESSION": session_id, "TMPDIR": str(tmp_path)}
            for name, script in examples():
                process = await asyncio.create_subprocess_exec(
                    "bash",
                    "-euo",
                    "pipefail",
                    "-c",
                    script,
                    env=os.environ | mine,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                out, error = await process.communicate()
                assert process.returncode == 0, (name, script, out[-500:], error)
                ran += 1
    assert ran >= 7
