"""Evaluation data from disk: what fits is read, what does not is named."""

import gzip
import json

import pytest

from evaluation import loading
from evaluation.model import BadInputError

TURNS = [
    {"turn": 0, "speaker": "Ann", "text": "hello", "start": 0.0, "end": 1.0},
    {"turn": 1, "speaker": "Bob", "text": "bye", "start": 2.0, "end": 3.0},
]
ASKED = {"meeting_id": "m1", "query": "what?", "kind": "specific", "evidence": [[0, 1]]}


def lines(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def written(path, *asked, turns=TURNS, packed=True):
    (path / "recordings").mkdir()
    body = lines({"meeting_id": "m1", "domain": "academic"}, *turns)
    name = "m1.jsonl.gz" if packed else "m1.jsonl"
    (path / "recordings" / name).write_bytes(gzip.compress(body) if packed else body)
    (path / "queries.jsonl").write_bytes(lines(*(asked or [ASKED])))
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_a_directory_is_its_meetings_and_their_specific_questions(tmp_path, packed):
    general = {"meeting_id": "m1", "query": "all?", "kind": "general", "evidence": []}
    found = loading.directory(written(tmp_path, ASKED, general, packed=packed))
    (one,) = found.meetings
    assert (one.meeting_id, one.domain, len(one.turns)) == ("m1", "academic", 2)
    assert [question.text for question in one.questions] == ["what?"]
    assert one.questions[0].gold == {0, 1}
    assert found.plan == loading.LARGE


def test_a_list_takes_the_meetings_it_names(tmp_path):
    listed = tmp_path / "some.txt"
    listed.write_text("m1\n\nm1\n")
    assert len(loading.directory(written(tmp_path), listed).meetings) == 1
    listed.write_text("m2\n")
    with pytest.raises(BadInputError, match="no specific question about m2"):
        loading.directory(tmp_path, listed)
    listed.write_text("\n")
    with pytest.raises(BadInputError, match="names no meeting"):
        loading.directory(tmp_path, listed)


@pytest.mark.parametrize("evidence", [[[0, 2]], [[-1, 0]], [[1, 0]], []])
def test_evidence_that_is_not_there_is_refused(tmp_path, evidence):
    with pytest.raises(BadInputError, match=r"m1: .*evidence"):
        loading.directory(written(tmp_path, ASKED | {"evidence": evidence}))


def test_a_line_that_does_not_fit_is_named(tmp_path):
    path = written(tmp_path, turns=[TURNS[0], {"turn": 1}])
    with pytest.raises(BadInputError, match=r"m1\.jsonl\.gz: line 3: .*speaker"):
        loading.directory(path)
    (path / "queries.jsonl").write_bytes(lines(ASKED) + b"\n{")
    with pytest.raises(BadInputError, match=r"queries\.jsonl: line 3"):
        loading.directory(path)


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"queries\.jsonl: is not there"):
        loading.directory(tmp_path)
    path = written(tmp_path)
    packed = path / "recordings" / "m1.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(BadInputError, match=r"m1\.jsonl\.gz: cannot be read"):
        loading.directory(path)
    packed.write_bytes(gzip.compress(b"\n"))
    with pytest.raises(BadInputError, match="is empty"):
        loading.directory(path)
    packed.unlink()
    with pytest.raises(BadInputError, match="is not there"):
        loading.directory(path)


def test_a_meeting_cannot_be_named_out_of_its_directory(tmp_path):
    for name in ("../m1", ".m1"):
        (tmp_path / "queries.jsonl").write_bytes(lines(ASKED | {"meeting_id": name}))
        with pytest.raises(BadInputError, match="no name of a meeting"):
            loading.directory(tmp_path)


def test_the_bundled_meetings_are_timed_as_if_they_had_been_spoken():
    for one in loading.bundled().meetings:
        for before, after in zip(one.turns, one.turns[1:], strict=False):
            assert before.start < before.end < after.start
