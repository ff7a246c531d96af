"""OpenAIChat and a server that misbehaves: an answer or a clear error, always within the limit."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from contracts.events import Usage
from services.llm.assistant import AssistantError, Draft
from services.llm.openai_chat import OpenAIChat
from tests.support import openai_server as scripted
from tests.support.llm_jobs import PLANNING, asked, part, summary, to_compact
from tests.support.llm_jobs import ref as segment
from tests.support.openai_server import ANSWER, Step, serving

LIMIT = 2.0
JOB = asked("Is it done?", part(PLANNING))
WHOLE = "".join(ANSWER)


class Reader:
    """Puts an answer together from its pieces, as a reader of the deltas does."""

    def __init__(self) -> None:
        self.text = ""
        self.starts = 0

    async def emit(self, offset: int, text: str) -> None:
        assert offset in (0, len(self.text))
        assert text
        self.starts += offset == 0
        self.text = self.text[:offset] + text


@asynccontextmanager
async def chatting(*script: Step, **settings):
    """The assistant and the server it talks to."""
    settings = {"limit_seconds": LIMIT, "max_retries": 1, **settings}
    async with serving(*script) as server:
        chat = OpenAIChat(api_key="sk-test", model="m-1", base_url=server.url, **settings)
        try:
            yield chat, server
        finally:
            await chat.aclose()


async def answer(*script: Step, **settings) -> tuple[Draft, Reader, scripted.OpenAIServer]:
    reader = Reader()
    async with chatting(*script, **settings) as (chat, server):
        return await chat.answer(JOB, reader.emit), reader, server


async def failure(*script: Step, **settings) -> tuple[AssistantError, float]:
    began = time.monotonic()
    with pytest.raises(AssistantError) as caught:
        await answer(*script, **settings)
    return caught.value, time.monotonic() - began


async def test_an_answer_is_streamed_and_drafted():
    draft, reader, server = await answer(scripted.ok())
    assert draft.text == reader.text == WHOLE
    assert [one.segment_id for one in draft.citations] == ["seg_0"]
    assert (draft.model, draft.prompt_version) == ("m-1", "query-2")
    assert draft.usage == Usage(input_tokens=321, output_tokens=12, cost_usd=None)
    assert len(server.requests) == 1


async def test_the_request_holds_instructions_then_meeting_then_question():
    _, _, server = await answer(scripted.ok())
    request = server.requests[0]
    assert request.headers["authorization"] == "Bearer sk-test"
    assert (request.body["model"], request.body["stream"]) == ("m-1", True)
    system, user = request.body["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"].index("[1] 00:00 Maria:") < user["content"].index("Is it done?")


async def test_line_numbers_become_citation_numbers_while_streaming():
    draft, reader, _ = await answer(
        scripted.ok("In June [", "7", "], not", " May [99", "] [7, 3].")
    )
    assert draft.text == reader.text == "In June [1], not May [1, 2]."
    assert [one.segment_id for one in draft.citations] == ["seg_6", "seg_2"]


async def test_a_server_that_counts_nothing_is_counted_for():
    draft, _, _ = await answer(scripted.ok("Yes it is", usage=False))
    assert draft.usage.output_tokens == 3
    assert draft.usage.input_tokens > 200


async def test_an_answer_cut_by_the_model_says_so():
    draft, reader, _ = await answer(scripted.ok("It is", finish="length"))
    assert draft.text == reader.text == "It is …"


async def test_an_answer_without_end_is_cut():
    draft, reader, _ = await answer(scripted.ok(*["yes "] * 500), max_characters=101)
    assert draft.text == reader.text
    assert draft.text.endswith(" …")
    assert len(draft.text) <= 103


async def test_text_that_could_not_be_stored_is_made_fit():
    draft, reader, _ = await answer(scripted.ok("\n", "a\x00b\ud800", "c\n"))
    assert draft.text == "a b c"
    assert reader.text.rstrip() == draft.text


RECOVERED = {
    "rate limited briefly": (scripted.rate_limited(0.05),),
    "rate limited until a date": (
        scripted.rate_limited(format_datetime(datetime.now(UTC) - timedelta(days=1))),
    ),
    "failed once": (scripted.error(500),),
    "reset before": (scripted.reset(),),
    "reset in the midst": (scripted.reset("It was "),),
    "cut in the midst": (scripted.cut("It was "),),
    "malformed in the midst": (scripted.malformed(),),
    "garbage": (scripted.garbage(),),
    "empty": (scripted.empty(),),
    "error in the stream": (scripted.report("server_error"),),
    "silent for longer than a read may take": (scripted.stall(5, "It was "),),
}


@pytest.mark.parametrize("script", RECOVERED.values(), ids=RECOVERED)
async def test_one_fault_is_got_over(script):
    draft, reader, server = await answer(*script, scripted.ok(), read_seconds=0.3)
    assert draft.text == reader.text == WHOLE
    assert len(server.requests) == 2


async def test_a_second_attempt_starts_afresh():
    _, reader, _ = await answer(scripted.reset("It was ", "the "), scripted.ok())
    assert reader.starts == 2


FINAL: dict[str, tuple[str, Callable[[], Step]]] = {
    "rate limited": ("rate_limited", scripted.rate_limited),
    "rate limited in the stream": ("rate_limited", scripted.report),
    "failing": ("unavailable", scripted.error),
    "overloaded": ("unavailable", lambda: scripted.error(503)),
    "resetting before": ("unavailable", scripted.reset),
    "resetting in the midst": ("unavailable", lambda: scripted.reset("It was ")),
    "cutting": ("unavailable", scripted.cut),
    "silent": ("timeout", scripted.stall),
    "silent in the midst": ("timeout", lambda: scripted.stall(60, "It was ")),
    "malformed": ("malformed", scripted.malformed),
    "not unicode": ("malformed", lambda: scripted.malformed(b"data: \xff\xfe\n\n")),
    "of wrong types": ("malformed", lambda: scripted.malformed(b'data: {"choices": "no"}\n\n')),
    "wrongly nested": ("malformed", lambda: scripted.malformed(b'data: {"choices": [[1]]}\n\n')),
    "a list": ("malformed", lambda: scripted.malformed(b"data: [1]\n\n")),
    "a number": ("malformed", lambda: scripted.malformed(b"data: 5\n\n")),
    "null": ("malformed", lambda: scripted.malformed(b"data: null\n\n")),
    "garbage": ("malformed", scripted.garbage),
    "plain JSON": ("malformed", lambda: scripted.garbage(b'{"choices":[]}', "application/json")),
    "empty": ("malformed", scripted.empty),
    "refusing": ("refused", scripted.refusal),
    "filtering": ("refused", scripted.content_filter),
    "forbidding": ("refused", lambda: scripted.error(403)),
    "ignorant of the model": ("refused", lambda: scripted.error(404)),
}


@pytest.mark.parametrize(("reason", "step"), FINAL.values(), ids=FINAL)
async def test_a_server_that_stays_so_ends_in_a_clear_error(reason, step):
    error, took = await failure(*(step() for _ in range(6)), limit_seconds=1.5)
    assert error.reason == reason
    assert error.detail
    assert "scripted" not in str(error)
    assert took < 1.5 + 0.5


@pytest.mark.parametrize("wait", [30, 300, "later"])
async def test_a_wait_beyond_the_limit_is_an_error_at_once(wait):
    if wait == "later":
        wait = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error, took = await failure(scripted.rate_limited(wait))
    assert error.reason == "rate_limited"
    assert took < 1


async def test_waits_within_the_limit_are_kept_to():
    began = time.monotonic()
    draft, _, _ = await answer(scripted.rate_limited(0.6), scripted.ok())
    assert draft.text == WHOLE
    assert time.monotonic() - began >= 0.6


async def test_nobody_listening_is_unavailable():
    async with serving() as server:
        url = server.url
    chat = OpenAIChat(api_key="k", model="m", base_url=url, limit_seconds=LIMIT, max_retries=0)
    with pytest.raises(AssistantError) as caught:
        await chat.answer(JOB, Reader().emit)
    assert caught.value.reason == "unavailable"
    await chat.aclose()


async def test_calls_at_the_same_time_keep_apart():
    async with chatting(scripted.rate_limited(30)) as (chat, _):
        calls = [chat.answer(JOB, Reader().emit) for _ in range(6)]
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in done].count(AssistantError) == 1
    assert [one.text for one in done if isinstance(one, Draft)] == [WHOLE] * 5


async def test_a_call_that_is_cancelled_is_cancelled():
    async with chatting(scripted.stall()) as (chat, _):
        call = asyncio.create_task(chat.answer(JOB, Reader().emit))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_what_a_reader_raises_is_not_the_models_fault():
    async def emit(offset: int, text: str) -> None:
        raise ValueError("gone")

    async with chatting() as (chat, _):
        with pytest.raises(ValueError, match="gone"):
            await chat.answer(JOB, emit)


async def test_a_compaction_cites_and_shows_no_numbers():
    async with chatting(scripted.ok("It moved to June [7].\n", "Priya has the budget [8].")) as (
        chat,
        server,
    ):
        draft = await chat.compact(to_compact(part(PLANNING), target_tokens=50))
    assert draft.text == "It moved to June.\nPriya has the budget."
    assert [one.segment_id for one in draft.citations] == ["seg_6", "seg_7"]
    assert draft.prompt_version == "compaction-2"
    assert "at most 50 tokens" in server.requests[0].body["messages"][1]["content"]


async def test_a_compaction_that_cites_nothing_rests_on_its_source():
    source = summary("It is so.", segment(1), segment(2))
    async with chatting(scripted.ok("So it is.")) as (chat, _):
        draft = await chat.compact(to_compact(source, level=2))
    assert [one.segment_id for one in draft.citations] == ["seg_1", "seg_2"]


async def test_a_compaction_fails_like_an_answer():
    async with chatting(scripted.error(400)) as (chat, _):
        with pytest.raises(AssistantError) as caught:
            await chat.compact(to_compact(part(PLANNING)))
    assert caught.value.reason == "refused"


def test_the_server_runs_as_a_process_of_its_own():
    command = [sys.executable, "-m", "tests.support.openai_server", "--script", "ok:Done."]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            chat = OpenAIChat(api_key="k", model="m", base_url=url, limit_seconds=LIMIT)
            draft = asyncio.run(_one(chat))
        finally:
            process.terminate()
    assert draft.text == "Done."


async def _one(chat: OpenAIChat) -> Draft:
    draft = await chat.answer(JOB, Reader().emit)
    await chat.aclose()
    return draft
