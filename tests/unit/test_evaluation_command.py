"""`earshot eval` as it is called: what it refuses, prints, writes and exits with."""

import contextlib
import json

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from contracts.events import Coverage, CoverageRange
from earshot.cli.app import app
from earshot.errors import UnreachableError
from earshot.views import ContextPart, ContextView, Created, View
from evaluation import loading, systems, visiting
from evaluation.suite import System


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(visiting, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(visiting, "QUIET_SECONDS", 0.003)


class Fake:
    """A system that gives the newest lines that fit, however it is asked."""

    share = 1.0

    def __init__(self):
        self.sessions = {}
        self.alter = lambda view: view

    def create(self, session_id=None, title=None):
        return Created(f"s{len(self.sessions)}-{title}", "requested")

    def upload(self, session_id, upload):
        _, *rows = upload.file.read().splitlines()
        self.sessions[session_id] = [json.loads(row) for row in rows]

    def session(self, session_id):
        return View(session_id, "ended", last_seq=len(self.sessions[session_id]) + 2)

    def record(self, session_id):
        yield b'{"earshot":1}\n'

    def transcript(self, session_id, form):
        segments = [
            {"segment_id": f"g{n}", "seq": n + 2, "speaker": row["speaker"], "text": row["text"]}
            for n, row in enumerate(self.sessions[session_id])
        ]
        return json.dumps({"segments": segments}).encode()

    def context(self, session_id, query, budget_tokens=None, at_seq=None):
        rows = self.sessions[session_id][: (at_seq or 10**9) - 1]
        kept, left = [], budget_tokens * self.share
        for number in reversed(range(len(rows))):
            line = f"{rows[number]['speaker']}: {rows[number]['text']}\n"
            if (cost := len(line.split()) * 2) > left:
                break
            kept.insert(0, (number, line))
            left -= cost
        view = self._view(kept, len(rows), budget_tokens - int(left))
        return self.alter(view), "assembly;dur=2.5"

    def _view(self, kept, total, tokens):
        first = kept[0][0] if kept else total
        ranges = [
            CoverageRange(kind=kind, from_seq=low + 2, to_seq=high + 1, segments=high - low)
            for kind, low, high in (("not_covered", 0, first), ("verbatim", first, total))
            if high > low
        ]
        coverage = Coverage(
            segments=total,
            verbatim=len(kept),
            summarised=0,
            not_covered=total - len(kept),
            ranges=tuple(ranges),
        )
        part = ContextPart(
            "tail",
            "".join(line for _, line in kept),
            first + 2,
            total + 1,
            tuple(f"g{n}" for n, _ in kept),
        )
        return ContextView(total + 1, tokens, (part,) if kept else (), coverage)


@pytest.fixture
def fake(monkeypatch):
    one = Fake()

    def own(name, settings, shown):
        return System(name, shown, lambda: contextlib.nullcontext(one))

    monkeypatch.setattr(systems, "own", own)
    return one


def earshot(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_a_run_prints_tables_and_writes_both_files(fake, tmp_path):
    result = earshot("context", "--out", "deep/run")
    assert result.exit_code == 0, result.output
    assert "bundled: 3 meetings, 21 questions" in result.stdout
    assert "after the meeting, 300 tokens" in result.stdout
    assert "2.5 / 2.5" in result.stdout
    results = json.loads((tmp_path / "deep/run/results.json").read_bytes())
    assert set(results["suites"]) == {"context"}
    assert len(results["suites"]["context"]["runs"][0]["scores"]) > 100
    assert "<svg" in (tmp_path / "deep/run/report.html").read_text()


def test_json_is_what_the_file_holds(fake, tmp_path):
    result = earshot("context", "--json", "--out", ".")
    assert json.loads(result.stdout) == json.loads((tmp_path / "results.json").read_bytes())


def test_what_cannot_be_written_has_been_shown(fake, tmp_path):
    (tmp_path / "out" / "results.json").mkdir(parents=True)
    result = earshot("context", "--json", "--out", "out")
    assert result.exit_code == 2
    assert json.loads(result.stdout)
    assert "out: Is a directory" in result.stderr


def test_the_same_again_is_no_regression_and_half_as_much_is_one(fake):
    assert earshot("context", "--out", ".").exit_code == 0
    same = earshot("context", "--baseline", "results.json")
    assert same.exit_code == 0
    assert "+0.000 [+0.000, +0.000]" in same.stdout
    fake.share = 0.5
    worse = earshot("context", "--baseline", "results.json")
    assert worse.exit_code == 1
    assert "mass fell by" in worse.stderr
    assert earshot("context", "--baseline", "results.json", "--tolerance", "1").exit_code == 0


def test_a_baseline_of_other_questions_is_refused(fake):
    assert earshot("context", "--out", ".", "--budget", "200").exit_code == 0
    other = earshot("context", "--baseline", "results.json")
    assert (other.exit_code, other.stderr) == (
        2,
        "The baseline was asked other questions, or of other meetings\n",
    )


def test_variants_stand_side_by_side(fake, tmp_path):
    (tmp_path / "small.toml").write_text("context_tokens = 2000\n")
    (tmp_path / "keyed.toml").write_text('openai_api_key = "sk-secret"\n')
    result = earshot("context", "--variant", "small.toml", "--variant", "keyed.toml", "--out", ".")
    assert result.exit_code == 0, result.output
    assert "small (EARSHOT_CONTEXT_TOKENS=2000)" in result.stdout
    assert "keyed - small" in result.stdout
    written = (tmp_path / "results.json").read_text() + (tmp_path / "report.html").read_text()
    assert "sk-secret" not in result.output + written


def test_a_context_that_lies_fails_the_run(fake):
    fake.alter = lambda view: replace(view, coverage=replace(view.coverage, verbatim=0))
    result = earshot("context")
    assert result.exit_code == 1
    assert "coverage does not add up" in result.stderr
    assert "more faults" in result.stderr


def test_a_meeting_that_comes_back_with_other_words_stops_the_run(fake, monkeypatch):
    monkeypatch.setattr(Fake, "transcript", lambda *_: b'{"segments":[]}')
    result = earshot("context")
    assert result.exit_code == 1
    assert "the transcript is not what was imported" in result.stderr


def test_a_session_that_fails_stops_the_run(fake, monkeypatch):
    failed = View("s1", "failed", reason="recording_unreadable")
    monkeypatch.setattr(Fake, "session", lambda *_: failed)
    result = earshot("context")
    assert result.exit_code == 1
    assert result.stderr.endswith(" failed: recording_unreadable\n")


def test_a_system_that_is_away_is_told(fake, monkeypatch):
    def away(*_, **__):
        raise UnreachableError("Nothing answers")

    monkeypatch.setattr(Fake, "create", away)
    assert earshot("context").stderr == "Nothing answers\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("context_tokns = 1", "variant.toml: there is no setting 'context_tokns'"),
        ("port = 1", "variant.toml: port is not for a variant to choose"),
        ("context_tokens = 1", "variant.toml: EARSHOT_CONTEXT_TOKENS: Input should be"),
        ("context_tokens", "variant.toml: is not TOML"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(fake, tmp_path, text, told):
    (tmp_path / "variant.toml").write_text(text)
    result = earshot("context", "--variant", "variant.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith(told)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["quality"], "There is no suite 'quality'; there is context"),
        (["context", "--baseline", "no.json"], "no.json: No such file or directory"),
        (["context", "--variant", "no.toml"], "no.toml: No such file or directory"),
        (["context", "--data", "nowhere"], "nowhere/queries.jsonl: is not there"),
        (["context", "--meetings", "some.txt"], "A list of meetings needs the data"),
        (["context", "--counter", "words"], "There is no counter 'words'"),
        (["context", "--out", "file"], "file: File exists"),
        (
            ["context", "--url", "http://127.0.0.1:1", "--variant", "ok.toml"],
            "A variant starts an Earshot of its own",
        ),
        (
            ["context", "--variant", "ok.toml", "--variant", "ok.toml"],
            "Two variants have the same name",
        ),
    ],
)
def test_bad_input_is_a_sentence_and_exit_2(fake, tmp_path, arguments, told):
    (tmp_path / "file").touch()
    (tmp_path / "ok.toml").touch()
    result = earshot(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(told)


def test_no_suite_is_a_usage_error():
    assert earshot().exit_code == 2
    assert earshot("context", "--budget", "10").exit_code == 2


def test_data_of_ones_own_is_asked_with_the_large_budgets(fake, tmp_path):
    (tmp_path / "recordings").mkdir()
    one = loading.bundled().meetings[0]
    (tmp_path / "recordings" / f"{one.meeting_id}.jsonl").write_bytes(visiting.turn_file(one))
    asked = {"meeting_id": one.meeting_id, "query": "what?", "evidence": [[0, 3]]}
    (tmp_path / "queries.jsonl").write_text(json.dumps(asked))
    result = earshot("context", "--data", ".")
    assert result.exit_code == 0, result.output
    row = next(line for line in result.stdout.splitlines() if "meeting, 8000 tokens" in line)
    assert row.split()[5:7] == ["1", "1.000"]
