"""Any server that speaks OpenAI's embeddings; one of two files that know the SDK.

A call ends within its limit, in vectors or an EmbeddingError, and is tried again a few times on the
way; the SDK waits between, with jitter, and as long as the server asks where that is sensible.
Nothing is kept between calls but connections and the length of the vectors.
"""

import asyncio
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec
import numpy as np
import openai

from services.context.embedding.seam import EmbeddingError, UnfitTextError, Vectors, fit

BATCH_TEXTS = 64
BATCH_CHARACTERS = 48_000

_UNFIT = frozenset({400, 413, 422})


class _Row(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int | None = None


class _Reply(msgspec.Struct, frozen=True):
    data: list[_Row]


_reply = msgspec.json.Decoder(_Reply)


class OpenAIEmbeddings:
    """An embedder behind an OpenAI-compatible address; the SDK's default where none is given."""

    trust = 1.0

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        limit_seconds: float = 20.0,
        connect_seconds: float = 5.0,
        max_retries: int = 3,
    ) -> None:
        self._model, self._limit = model, limit_seconds
        place = blake2b((base_url or "").encode(), digest_size=6).hexdigest()
        self.model = f"{model}@{place}"
        self._length: int | None = None
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            timeout=openai.Timeout(limit_seconds, connect=connect_seconds),
            max_retries=max_retries,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See the seam; several requests where the texts are many or long."""
        found = [await self._request(some) for some in _batches(texts)]
        return np.concatenate(found) if found else np.zeros((0, self._length or 0), np.float32)

    async def _request(self, texts: list[str]) -> Vectors:
        try:
            async with asyncio.timeout(self._limit):
                # Read by our own decoder: the SDK's takes its time with every number.
                raw = await self._client.embeddings.with_raw_response.create(
                    model=self._model, input=texts, encoding_format="float"
                )
            return self._vectors(_reply.decode(raw.content), len(texts))
        except TimeoutError:
            raise EmbeddingError(f"no vectors within {self._limit:g} s") from None
        except msgspec.MsgspecError:
            raise EmbeddingError("the reply is malformed") from None
        except openai.OpenAIError as error:
            raise _meaning(error) from None

    def _vectors(self, reply: _Reply, count: int) -> Vectors:
        """The rows in the order of the texts; all are as long as those of earlier replies."""
        rows = reply.data
        if all(row.index is not None for row in rows):
            rows = sorted(rows, key=lambda row: row.index or 0)
        lengths = {len(row.embedding) for row in rows}
        if len(rows) != count or len(lengths) != 1 or not all(lengths):
            raise EmbeddingError("the reply does not hold a vector for each text")
        known, self._length = self._length, lengths.pop()
        if known not in {None, self._length}:
            # A slip, or another model under the same name: the next reply tells.
            raise EmbeddingError(f"vectors of {self._length} numbers after some of {known}")
        return _unit(np.array([row.embedding for row in rows], np.float64))


def _unit(found: np.ndarray) -> Vectors:
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.all((lengths > 0) & np.isfinite(lengths)):
        raise EmbeddingError("a vector has no direction")
    unit: Vectors = (found / lengths).astype(np.float32)
    return unit


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        cut = fit(text)
        if batch and (len(batch) == BATCH_TEXTS or characters + len(cut) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(cut)
        characters += len(cut)
    if batch:
        yield batch


def _meaning(error: openai.OpenAIError) -> EmbeddingError:
    """Never the error's own text: servers quote what they were sent."""
    match error:
        case openai.APIStatusError(status_code=status) if status in _UNFIT:
            return UnfitTextError(f"the embedding server answers HTTP {status}")
        case openai.APIStatusError(status_code=status):
            return EmbeddingError(f"the embedding server answers HTTP {status}")
        case openai.APITimeoutError():
            return EmbeddingError("the embedding server did not answer in time")
        case openai.APIConnectionError():
            return EmbeddingError("the connection to the embedding server failed")
        case _:
            return EmbeddingError("the embedding server reports an error")
