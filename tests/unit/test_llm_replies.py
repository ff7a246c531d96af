from datetime import timedelta

from contracts.events import Usage
from services.llm import replies
from services.llm.assistant import Assistant, AssistantError, Draft
from services.llm.offline import Extractive
from services.llm.openai_chat import OpenAIChat
from tests.support.llm_jobs import NOW, PLANNING, asked, part, ref, to_compact

DRAFT = Draft(
    text="In June [1].",
    citations=(ref(6),),
    model="m",
    prompt_version="query-1",
    usage=Usage(input_tokens=3, output_tokens=2),
)
JOB = asked("When?", part(PLANNING))


def test_an_answer_carries_all_it_went_by():
    fact = replies.answered(JOB, DRAFT, NOW)
    assert (fact.session_id, fact.query_id, fact.task, fact.time) == (
        "ses_1",
        "qry_1",
        "query",
        NOW,
    )
    assert (fact.answer, fact.citations, fact.usage) == (DRAFT.text, DRAFT.citations, DRAFT.usage)
    assert (fact.model, fact.prompt_version) == ("m", "query-1")
    assert (fact.as_of_seq, fact.coverage) == (JOB.context.as_of_seq, JOB.context.coverage)


def test_a_failure_says_why():
    fact = replies.failed(JOB, AssistantError("rate_limited", "HTTP 429"), NOW)
    assert (fact.session_id, fact.query_id, fact.task, fact.time) == (
        "ses_1",
        "qry_1",
        "query",
        NOW,
    )
    assert (fact.reason, fact.detail) == ("rate_limited", "HTTP 429")


def test_a_query_expires_at_its_deadline():
    assert not replies.expired(JOB, NOW - timedelta(milliseconds=1))
    assert replies.expired(JOB, NOW)


def test_a_summary_names_what_it_stands_for_and_rests_on_once():
    draft = Draft(
        text="s", citations=(ref(1), ref(2), ref(1)), model="m", prompt_version="v", usage=Usage()
    )
    fact = replies.summarised(to_compact(level=2), draft, NOW)
    assert (fact.compaction_id, fact.level, fact.time) == ("cmp_1", 2, NOW)
    assert (fact.first_segment_id, fact.last_segment_id) == ("seg_0", "seg_9")
    assert (fact.text, fact.cited, fact.model, fact.prompt_version) == (
        "s",
        ("seg_1", "seg_2"),
        "m",
        "v",
    )


async def test_both_assistants_are_assistants():
    chat = OpenAIChat(api_key="k", model="m", base_url="http://127.0.0.1:9/v1")
    assistants: list[Assistant] = [Extractive(), chat]
    assert len(assistants) == 2
    await chat.aclose()
