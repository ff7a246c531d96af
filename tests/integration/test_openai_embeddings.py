"""OpenAIEmbeddings and a server that misbehaves: vectors or a clear error, within the limit."""

import time

import numpy as np
import pytest

from services.context.embedding.openai_embeddings import (
    BATCH_CHARACTERS,
    BATCH_TEXTS,
    OpenAIEmbeddings,
)
from services.context.embedding.seam import TEXT_CHARACTERS, EmbeddingError, UnfitTextError
from tests.support.embeddings_server import body, embedding, ok, problem, reset, stall, vector

LIMIT = 2.0


def embedder(server, **settings):
    given = {"limit_seconds": LIMIT, "max_retries": 2, **settings}
    return OpenAIEmbeddings(api_key="sk-test", model="e-1", base_url=server.url, **given)


async def vectors(server, *texts, **settings):
    own = embedder(server, **settings)
    try:
        return await own.embed(texts)
    finally:
        await own.aclose()


async def test_each_text_gets_its_vector_of_length_one():
    async with embedding(ok(order=-1)) as server:
        found = await vectors(server, "red", "green", "blue")
    assert found.dtype == np.float32
    for row, text in zip(found, ["red", "green", "blue"], strict=True):
        expected = np.array(vector(text))
        assert np.allclose(row, expected / np.linalg.norm(expected), atol=1e-6)
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer sk-test"
    assert request.body == {
        "model": "e-1",
        "input": ["red", "green", "blue"],
        "encoding_format": "float",
    }


async def test_rows_without_an_index_are_in_order():
    async with embedding(ok(index=False)) as server:
        found = await vectors(server, "red", "green")
    assert found[0] @ vector("red") > found[1] @ vector("red")


async def test_halves_of_characters_do_no_harm():
    async with embedding() as server:
        assert len(await vectors(server, "a\ud800b")) == 1
        assert server.texts == [["a?b"]]


async def test_no_text_asks_nothing():
    async with embedding() as server:
        assert len(await vectors(server)) == 0
        assert server.requests == []


async def test_requests_hold_so_many_texts_and_characters_and_texts_are_cut():
    async with embedding() as server:
        short = [str(number) for number in range(BATCH_TEXTS + 1)]
        long = ["x" * (TEXT_CHARACTERS + 500)] * 20
        found = await vectors(server, *short, *long)
        assert len(found) == len(short) + len(long)
        assert len(server.texts) > 2
        for texts in server.texts:
            assert len(texts) <= BATCH_TEXTS
            assert sum(map(len, texts)) <= BATCH_CHARACTERS
            assert max(map(len, texts)) <= TEXT_CHARACTERS


@pytest.mark.parametrize(
    "steps",
    [
        (problem(429, Retry_After="0.05"),),
        (problem(500), problem(503)),
        (reset(),),
        (problem(408), reset()),
    ],
)
async def test_what_passes_is_tried_again(steps):
    async with embedding(*steps) as server:
        assert len(await vectors(server, "red")) == 1
        assert len(server.requests) == len(steps) + 1


async def test_as_long_as_the_server_asks_is_waited():
    async with embedding(problem(429, Retry_After="1")) as server:
        began = time.monotonic()
        await vectors(server, "red")
        assert 0.9 < time.monotonic() - began < LIMIT


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((problem(500),) * 3, "HTTP 500"),
        ((problem(429, Retry_After="0.01"),) * 3, "HTTP 429"),
        ((problem(401),), "HTTP 401"),
        ((problem(404),), "HTTP 404"),
        ((reset(),) * 3, "connection"),
        ((stall(),), "within 0.5 s"),
        ((problem(429, Retry_After="30"),), "within 0.5 s"),
        ((body(b"{"),), "malformed"),
        ((body(b"<html>"),), "malformed"),
        ((body(b'{"data": [{"embedding": "AAAA"}]}'),), "malformed"),
        ((body(b'{"data": [{"embedding": [1, null]}]}'),), "malformed"),
        ((body(b'{"error": {"message": "secret"}}'),), "malformed"),
        ((body(b'{"data": []}'),), "a vector for each text"),
        ((body(b'{"data": [{"embedding": []}]}'),), "a vector for each text"),
        ((body(b'{"data": [{"embedding": [0, 0]}]}'),), "no direction"),
        ((body(b'{"data": [{"embedding": [1e999, 1]}]}'),), "malformed|no direction"),
    ],
)
async def test_what_does_not_pass_is_an_error_that_quotes_nothing(steps, told):
    async with embedding(*steps) as server:
        began = time.monotonic()
        limit = 0.5 if "0.5" in told else 5.0
        with pytest.raises(EmbeddingError, match=told) as caught:
            await vectors(server, "secret", limit_seconds=limit)
        assert time.monotonic() - began < limit + 1
        assert "secret" not in str(caught.value)
        assert not isinstance(caught.value, UnfitTextError)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_text_that_is_refused_is_told_apart(status):
    async with embedding(problem(status)) as server:
        with pytest.raises(UnfitTextError, match=str(status)):
            await vectors(server, "red")
        assert len(server.requests) == 1


async def test_too_few_vectors_and_vectors_of_different_lengths_are_an_error():
    mixed = b'{"data": [{"embedding": [1, 0]}, {"embedding": [1, 0, 0]}]}'
    for step in (ok(keep=1), body(mixed)):
        async with embedding(step) as server:
            with pytest.raises(EmbeddingError, match="a vector for each text"):
                await vectors(server, "red", "green")


async def test_vectors_of_another_length_are_an_error_once_and_then_the_new_model():
    async with embedding(ok(8), ok(4), ok(4), ok(8), ok(4)) as server:
        own = embedder(server)
        assert (await own.embed(["red"])).shape == (1, 8)
        with pytest.raises(EmbeddingError, match="4 numbers after some of 8"):
            await own.embed(["red"])
        assert (await own.embed(["red"])).shape == (1, 4)
        with pytest.raises(EmbeddingError, match="8 numbers after some of 4"):
            await own.embed(["red"])
        await own.aclose()


async def test_the_model_of_another_server_is_another_model():
    async with embedding() as one, embedding() as other:
        assert embedder(one).model != embedder(other).model
        assert embedder(one).model == embedder(one).model
        assert one.url not in embedder(one).model
