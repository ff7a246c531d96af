"""Any server that speaks OpenAI's chat completions, streamed; the only file that knows the SDK.

It translates: prompts come from `prompt`, citations from `citing`. Every call ends within its
limit, in a draft or an AssistantError. It keeps nothing between calls but connections.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from contracts.commands import AnswerQuery, CompactContext
from services.llm import citing, prompt
from services.llm.assistant import AssistantError, Draft, Emit, Reason
from services.llm.chat_wire import (
    SERVER_FAULT,
    TOO_MANY,
    Chunk,
    Said,
    finished,
    heard,
    of_status,
    usage,
    wanted_wait,
)
from services.llm.lines import spread

if TYPE_CHECKING:
    import httpx2

_MOST_CITED = 40


class _Call(msgspec.Struct):
    """When the call in progress must be over, in loop time, and the last status that came."""

    ends: float
    status: int = 0


_call: ContextVar[_Call] = ContextVar("_call")


class _BrokenError(Exception):
    """The stream began and did not end well; another one may."""

    def __init__(self, error: AssistantError) -> None:
        super().__init__(error.detail)
        self.error = error


class _Streaming:
    """Emits what is settled of a growing text, its line numbers already turned to citations."""

    def __init__(self, refs: citing.Numbered, emit: Emit) -> None:
        self._refs = refs
        self._emit = emit
        self._sent = 0

    def begin(self) -> None:
        """Start afresh: the next piece has offset 0."""
        self._sent = 0

    async def take(self, text: str) -> None:
        """Take all the text so far."""
        await self.send(citing.rewritten(citing.settled(text), self._refs)[0])

    async def send(self, shown: str) -> None:
        """Emit what is new in `shown`."""
        if len(shown) > self._sent:
            offset, self._sent = self._sent, len(shown)
            await self._emit(offset, shown[offset:])


async def _ignore(_: int, __: str) -> None:
    """Nobody reads a compaction while it is written."""


class OpenAIChat:
    """An assistant behind an OpenAI-compatible address; the SDK's default where none is given."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        limit_seconds: float = 60.0,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
        max_retries: int = 2,
        max_characters: int = 20_000,
    ) -> None:
        self._model = model
        self._limit = limit_seconds
        self._most = max_characters
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            timeout=openai.Timeout(read_seconds, connect=connect_seconds),
            max_retries=max_retries,
            http_client=openai.DefaultAsyncHttpx2Client(
                event_hooks={"response": [_refuse_long_waits]}
            ),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def answer(self, job: AnswerQuery, emit: Emit) -> Draft:
        """Emit the answer as it comes; a second attempt emits from offset 0 again."""
        asked = prompt.answering(job)
        streaming = _Streaming(asked.refs, emit)
        said = await self._said(asked, streaming)
        text, citations = citing.rewritten(said.text, asked.refs)
        await streaming.send(text.rstrip())
        return Draft(
            text=text.rstrip(),
            citations=citations,
            model=self._model,
            prompt_version=asked.version,
            usage=usage(asked, said),
        )

    async def compact(self, job: CompactContext, fault: str | None = None) -> Draft:
        """A summary without numbers; citing nothing, it rests on all of its source."""
        asked = prompt.compacting(job, fault)
        said = await self._said(asked, _Streaming(asked.refs, _ignore))
        every = tuple({r.segment_id: r for refs in asked.refs.values() for r in refs}.values())
        return Draft(
            text=citing.without_numbers(said.text).strip(),
            citations=citing.citations(said.text, asked.refs) or spread(every, _MOST_CITED),
            model=self._model,
            prompt_version=asked.version,
            usage=usage(asked, said),
        )

    async def _said(self, asked: prompt.Prompt, streaming: _Streaming) -> Said:
        """All the text, within the limit; a stream that broke is begun afresh once."""
        call = _Call(ends=asyncio.get_running_loop().time() + self._limit)
        token = _call.set(call)
        try:
            async with asyncio.timeout_at(call.ends) as limit:
                return await self._attempted(asked, streaming)
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._late(call.status) from None
        finally:
            _call.reset(token)

    async def _attempted(self, asked: prompt.Prompt, streaming: _Streaming) -> Said:
        try:
            return await self._once(asked, streaming)
        except _BrokenError:
            pass
        try:
            return await self._once(asked, streaming)
        except _BrokenError as broken:
            raise broken.error from None

    async def _once(self, asked: prompt.Prompt, streaming: _Streaming) -> Said:
        said = Said()
        streaming.begin()
        async with aclosing(_chunks(await self._opened(asked))) as chunks:
            async for chunk in chunks:
                said = heard(said, chunk, self._most)
                await streaming.take(said.text)
                if said.finish == "length" and len(said.text) == self._most:
                    break
        try:
            return finished(said)
        except AssistantError as error:
            raise _BrokenError(error) from None

    async def _opened(self, asked: prompt.Prompt) -> openai.AsyncStream[ChatCompletionChunk]:
        try:
            return await self._client.chat.completions.create(
                model=self._model,
                messages=[_param(message) for message in asked.messages],
                stream=True,
                stream_options={"include_usage": True},
            )
        except openai.OpenAIError as error:
            raise AssistantError(*_meaning(error)) from None

    def _late(self, status: int) -> AssistantError:
        if status >= SERVER_FAULT or status == TOO_MANY:
            return AssistantError(*of_status(status))
        return AssistantError("timeout", f"no answer within {self._limit:g} s")


async def _chunks(stream: openai.AsyncStream[ChatCompletionChunk]) -> AsyncGenerator[Chunk]:
    """Raise _BrokenError for what the stream does wrong, AssistantError for what it refuses."""
    try:
        async with stream:
            async for chunk in stream:
                yield msgspec.convert(chunk, Chunk, from_attributes=True)
    except openai.OpenAIError as error:
        raise _BrokenError(AssistantError(*_meaning(error))) from None
    except (ValueError, TypeError, AttributeError):
        # The SDK does not check what it decodes, so that nonsense shows in several ways.
        malformed = AssistantError("malformed", "the model's stream is malformed")
        raise _BrokenError(malformed) from None


async def _refuse_long_waits(response: "httpx2.Response") -> None:
    """The SDK waits as long as the server says; beyond the call's limit that is an error."""
    call = _call.get()
    call.status = response.status_code
    left = call.ends - asyncio.get_running_loop().time()
    if wanted_wait(response.headers.get("retry-after", ""), datetime.now(UTC)) > left:
        response.headers["x-should-retry"] = "false"


def _meaning(error: openai.OpenAIError) -> tuple[Reason, str]:
    """Never the error's own text: servers quote prompts in it."""
    match error:
        case openai.APIStatusError(status_code=status):
            return of_status(status)
        case openai.APITimeoutError():
            return "timeout", "the model server did not answer in time"
        case openai.APIConnectionError():
            return "unavailable", "the connection to the model server failed"
        case openai.APIError(code=str(code)) if "rate_limit" in code:
            return "rate_limited", "the model server reports a rate limit"
        case _:
            return "unavailable", "the model server reports an error"


def _param(message: prompt.Message) -> ChatCompletionMessageParam:
    if message.role == "system":
        return {"role": "system", "content": message.content}
    return {"role": "user", "content": message.content}
