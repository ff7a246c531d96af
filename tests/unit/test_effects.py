"""What a room leaves to do is done once, and what cannot be done is told and harms nobody else.

Bugs planted by hand that these tests killed: no answer for a question without a context; a
conversation with a server that is away taken for such a question; a summary that is too large tried
again and again; any refusal taken for one of its size.
"""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from contracts.commands import AnswerQuery, CompactContext
from contracts.events import CompactionRequested, ContextSummarised, QueryFailed
from services._runtime.connection import UnavailableError
from services._runtime.jetstream import FullError, TooLargeError
from services._runtime.settings import Settings
from services.context import assembly
from services.context.effects import Effects
from services.context.indexing import Indices
from services.context.room import fold
from tests.support.facts import asked, at, heard, requested
from tests.support.histories import compaction

SECRET = "the merger"


class Publisher:
    """Takes everything, but refuses the jobs of a type."""

    def __init__(self):
        self.taken, self.tried, self.refusals = [], 0, {}

    async def enqueue(self, job):
        self.tried += 1
        if (refusal := self.refusals.get(type(job))) is not None:
            raise refusal
        self.taken.append(job)

    async def append(self, event):
        self.taken.append(event)


@pytest.fixture
def publisher():
    return Publisher()


@pytest.fixture
def effects(publisher):
    runtime = SimpleNamespace(settings=Settings(_env_file=None), publisher=publisher)
    return Effects(runtime, at, Indices(4))


def room(*events):
    return fold(enumerate([requested(), heard(1), *events], start=1))


async def test_a_question_is_handed_out_once(effects, publisher):
    known = room(asked("q1"))
    for _ in range(2):
        await effects.act("s1", known)
    assert [(type(one), one.query_id) for one in publisher.taken] == [(AnswerQuery, "q1")]


async def test_a_question_without_a_context_fails_alone(effects, publisher, monkeypatch):
    assemble = assembly.assemble

    def picky(known, question, *given, **named):
        if SECRET in question:
            raise ValueError(f"no date: {question}")
        return assemble(known, question, *given, **named)

    monkeypatch.setattr(assembly, "assemble", picky)
    with capture_logs() as logs:
        await effects.act("s1", room(asked("q1", f"when is {SECRET}?"), asked("q2")))
    failed, job = publisher.taken
    assert (type(failed), failed.query_id, failed.reason) == (QueryFailed, "q1", "gave_up")
    assert SECRET not in failed.detail
    assert (type(job), job.query_id) == (AnswerQuery, "q2")
    (told,) = [one for one in logs if one["log_level"] == "error"]
    assert (told["event"], told["query"]) == ("question.unfit", "q1")
    assert SECRET not in str({name: one for name, one in told.items() if name != "exc_info"})


async def test_a_server_that_is_away_is_no_fault_of_the_question(effects, publisher, monkeypatch):
    def away(*_, **__):
        raise UnavailableError("away")

    monkeypatch.setattr(assembly, "assemble", away)
    with pytest.raises(UnavailableError):
        await effects.act("s1", room(asked("q1")))
    assert publisher.taken == []


async def test_a_context_too_large_for_the_queue_is_told_to_the_asker(effects, publisher):
    publisher.refusals[AnswerQuery] = TooLargeError("larger")
    await effects.act("s1", room(asked("q1")))
    (failed,) = publisher.taken
    assert (type(failed), failed.reason) == (QueryFailed, "refused")


@pytest.mark.parametrize("kind", [AnswerQuery, CompactContext])
async def test_what_a_full_store_does_not_take_is_tried_again(effects, publisher, kind):
    known = room(asked("q1"), compaction(1, "seg1", "seg1", "c1"))
    publisher.refusals[kind] = FullError("10002")
    with pytest.raises(FullError):
        await effects.act("s1", known)
    publisher.refusals.clear()
    await effects.act("s1", known)
    assert sorted(type(one).__name__ for one in publisher.taken) == [
        "AnswerQuery",
        "CompactContext",
    ]


async def test_a_summary_too_large_for_the_queue_stops_nothing_and_is_tried_once(
    effects, publisher
):
    publisher.refusals[CompactContext] = TooLargeError("larger")
    known = room(compaction(1, "seg1", "seg1", "c1"))
    with capture_logs() as logs:
        for _ in range(3):
            await effects.act("s1", known)
    (unmade,) = publisher.taken
    assert (type(unmade), unmade.compaction_id, unmade.text) == (ContextSummarised, "c1", "")
    assert publisher.tried == 1
    after = fold([(known.seq + 1, unmade)], known)
    assert not after.unfinished
    assert after.compacted == 1
    assert [one["event"] for one in logs] == ["compaction.too_large", "event.appended"]


async def test_a_tail_too_long_asks_for_a_summary(effects, publisher):
    await effects.act("s1", room(*(heard(number, "word " * 500) for number in range(2, 60))))
    assert [type(one) for one in publisher.taken] == [CompactionRequested]
