"""Every compaction ends in one summary: a model's that says nothing new, else the plain one."""

from types import SimpleNamespace

import pytest

from contracts.events import ContextSummarised, Usage
from services.llm.assistant import AssistantError, Draft
from services.llm.compacting import TRIES, compacted
from services.llm.offline import Extractive
from services.llm.service import _Llm
from tests.support.llm_jobs import NOW, PLANNING, part, summary, to_compact

JOB = to_compact(part(PLANNING))


class Log:
    """What a session's log holds, read and appended to as the service does."""

    def __init__(self) -> None:
        self.events = []

    async def append(self, event):
        self.events.append(event)


class Scripted:
    """A model that says one thing after another, fails where it is to say None, and keeps count."""

    def __init__(self, *texts) -> None:
        self._texts, self.faults = list(texts), []

    async def compact(self, job, fault=None):
        self.faults.append(fault)
        if (text := self._texts.pop(0)) is None:
            raise AssistantError("timeout", "too slow")
        usage = Usage(input_tokens=10, output_tokens=1, cost_usd=0.5)
        return Draft(text=text, citations=(), model="m", prompt_version="v", usage=usage)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def llm(log):
    return _Llm(SimpleNamespace(publisher=log), Scripted(None, None), lambda: NOW)


FAITHFUL = "They plan it."


async def test_a_faithful_summary_is_kept_with_what_it_took():
    model = Scripted(FAITHFUL)
    draft = await compacted(model, Extractive(), JOB)
    assert (draft.text, draft.model, model.faults) == (FAITHFUL, "m", [None])
    assert draft.usage == Usage(input_tokens=10, output_tokens=1, cost_usd=0.5)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("They ordered 4711 of them.", "a number"),
        ("They agreed with Zebedee.", "a name"),
        ("It is due on Sunday.", "a date"),
        ("", "empty"),
        (" \n", "empty"),
        ("word " * (2 * JOB.target_tokens + 1), "longer"),
        ("x" * 20 * JOB.target_tokens, "longer"),
    ],
)
async def test_a_fault_is_told_once_and_then_the_plain_summary_serves(text, fault):
    model = Scripted(text, FAITHFUL)
    mended = await compacted(model, Extractive(), JOB)
    assert (mended.text, mended.usage.input_tokens, mended.usage.cost_usd) == (FAITHFUL, 20, 1.0)
    told = model.faults[1]
    assert told.startswith(fault)
    stubborn = Scripted(*[text] * 9)
    draft = await compacted(stubborn, Extractive(), JOB)
    assert (draft.model, len(stubborn.faults)) == ("extractive", TRIES)
    assert draft.usage.input_tokens == 10 * TRIES


async def test_a_model_that_fails_is_not_asked_again():
    model = Scripted(None, FAITHFUL)
    draft = await compacted(model, Extractive(), JOB)
    assert (draft.model, model.faults) == ("extractive", [None])


async def test_summaries_are_checked_against_the_summaries_they_are_made_of():
    job = to_compact(summary("Ada wants twelve."), summary("Grace wants three."), level=2)
    good = "Ada wants twelve, Grace three."
    assert (await compacted(Scripted(good), Extractive(), job)).text == good
    bad = Scripted("Ada wants twelve, Grace forty.", None)
    assert (await compacted(bad, Extractive(), job)).model == "extractive"


async def test_a_compaction_given_up_ends_in_the_extractive_summary(llm, log):
    await llm.give_up_compacting(JOB)
    (event,) = log.events
    assert isinstance(event, ContextSummarised)
    assert (event.compaction_id, event.model) == (JOB.compaction_id, "extractive")
    assert event.text


async def test_a_job_that_comes_again_is_done_again_under_the_same_id(llm, log):
    """Of a key the log keeps one."""
    await llm.compact(JOB)
    await llm.compact(JOB)
    assert [event.compaction_id for event in log.events] == [JOB.compaction_id] * 2


async def test_where_even_that_fails_nothing_is_appended(llm, log, monkeypatch):
    async def failing(_, __):
        raise RuntimeError

    monkeypatch.setattr(Extractive, "compact", failing)
    with pytest.raises(RuntimeError):
        await llm.give_up_compacting(JOB)
    assert log.events == []
