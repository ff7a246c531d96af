"""`earshot eval` with a whole Earshot of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation import embedded
from evaluation.embedded import NotStartedError
from tests.support.product import descendants


@pytest.mark.slow
def test_the_bundled_meetings_go_through_the_whole_system(tmp_path):
    (tmp_path / "eager.toml").write_text(
        "compact_above_tokens = 500\ncompact_down_to_tokens = 200\n"
    )
    (tmp_path / ".env").write_text("EARSHOT_CONTEXT_TOKENS=1\nOPENAI_API_KEY=sk-not-ours\n")
    command = [sys.executable, "-m", "earshot", "eval", "context", "--out", "out"]
    away = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    first = subprocess.run(
        command, cwd=tmp_path, env=away, capture_output=True, text=True, timeout=200, check=False
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert "after the meeting, 600 tokens" in first.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_bytes())["suites"]["context"]
    (run,) = results["runs"]
    assert run["faults"] == []
    assert results["meetings"] == 3
    largest = [one["mass"] for one in run["scores"] if one["row"].endswith("1200 tokens")]
    assert sum(largest) / len(largest) > 0.5
    (tmp_path / ".env").unlink()
    again = subprocess.run(
        [*command, "--variant", "eager.toml", "--baseline", "out/results.json", "--tolerance", "1"],
        cwd=tmp_path,
        env=away,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "eager against the baseline" in again.stdout


def test_what_was_started_is_stopped():
    with embedded.started({}) as url:
        ours = [pid for pid, line in descendants(os.getpid()).items() if "earshot up" in line]
        assert url.startswith("http://127.0.0.1:")
        family = [pid for root in ours for pid in (root, *descendants(root))]
        assert len(family) >= 6
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_a_system_that_cannot_start_says_why():
    with (
        pytest.raises(NotStartedError, match="EARSHOT_CONTEXT_TOKENS"),
        embedded.started({"EARSHOT_CONTEXT_TOKENS": "1"}),
    ):
        pass
