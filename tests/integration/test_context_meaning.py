"""Contexts and search by meaning, through the context service and over HTTP."""

import asyncio
import time

import pytest

from contracts import subjects
from contracts.events import SegmentCorrected, SegmentRedacted, SessionEnded
from contracts.queries import ContextServed, SearchServed, SearchWanted
from services.context.embedding import questions as asked
from services.context.embedding.openai_embeddings import OpenAIEmbeddings
from services.context.embedding.questions import Questions
from services.context.search import filling, partition
from services.context.search.partition import PartitionSearch
from tests.support import stack
from tests.support.embeddings_server import embedding, ok, problem, stall
from tests.support.facts import at, heard, requested
from tests.support.gateway import gateway
from tests.support.search import searching
from tests.support.stack import until

HOME = subjects.partition("s1")
FILLER = "then we went through the minutes of the previous week and nobody objected to any of it"
ABOUT = "the car needs a new engine, and diesel is too expensive for our truck drivers this winter"
QUESTION = "Which vehicle fuel?"


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(partition, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(filling, "FILL_SECONDS", 0.05)
    monkeypatch.setattr(filling, "GROWING_SECONDS", 0.1)
    monkeypatch.setattr(filling, "AWAY_SECONDS", 0.2)


def meeting(count=120, at_=(40, 44)):
    said = [heard(number, f"{FILLER} {number}") for number in range(count)]
    for number in range(*at_):
        said[number] = heard(number, ABOUT)
    return said


async def append(runtime, *events):
    for event in events:
        last = await runtime.publisher.append(event)
    return last


async def hold(runtime):
    await runtime.keyring.create("s1")
    ended = SessionEnded(session_id="s1", time=at(400), reason="source_ended")
    return await append(runtime, requested(), *meeting(), ended)


def quoted(reply):
    assert isinstance(reply, ContextServed), reply
    return {ref.segment_id for part in reply.context.parts for ref in part.segments}


async def context(runtime, **wanted):
    return await stack.served(runtime, query=QUESTION, budget_tokens=400, **wanted)


async def test_a_question_that_shares_no_word_with_the_answer_finds_it(server, runtime):
    pytest.importorskip("wordllama")
    last = await hold(runtime)
    async with stack.running(server, "context"):
        assert not quoted(await context(runtime, min_seq=last)) & {"seg40", "seg41", "seg42"}
    async with stack.running(server, "context", embeddings="local"):

        async def found():
            return quoted(await context(runtime, min_seq=last)) >= {"seg40", "seg41", "seg42"}

        await until(found)
        reply = await context(runtime, min_seq=last)
        assert reply.context.tokens <= 400
        assert reply.assembly_seconds < 0.5


async def test_a_context_of_the_past_knows_nothing_of_what_came_later(server, runtime):
    pytest.importorskip("wordllama")
    last = await hold(runtime)
    async with stack.running(server, "context", embeddings="local"):

        async def found():
            return "seg40" in quoted(await context(runtime, min_seq=last))

        await until(found)
        early = await context(runtime, at_seq=last - 70)
    assert early.context.as_of_seq == last - 70
    assert all(part.to_seq <= last - 70 for part in early.context.parts)


async def test_search_by_meaning_over_http(server, tmp_path):
    pytest.importorskip("wordllama")
    async with gateway(server) as running:
        await hold(running.runtime)
        async with stack.running(server, "context", embeddings="local"):

            async def found(mode):
                given = {"q": QUESTION, "mode": mode, "limit": 3}
                response = await running.http.get("/v1/search", params=given)
                items = response.json().get("items")
                return response.json() if response.status_code == 200 and items else None

            for mode in ("semantic", "hybrid"):
                reply = await until(lambda mode=mode: found(mode))
                assert reply["mode"] == mode
                assert reply["items"][0]["segment_id"] in {f"seg{n}" for n in range(36, 48)}
            keyword = await running.http.get("/v1/search", params={"q": QUESTION})
            assert keyword.json()["items"] == []


def remote(server):
    return OpenAIEmbeddings(
        api_key="sk", model="e-1", base_url=server.url, max_retries=1, limit_seconds=2.0
    )


async def reply(search, query, mode="semantic"):
    found = await search.reply(SearchWanted(query=query, mode=mode, limit=1000))
    assert isinstance(found, SearchServed), found
    return found


async def filled(search):
    """Wait until nothing is left to embed."""

    async def check():
        if not search.caught_up:
            return False
        return await search._store.work(
            lambda held: (
                held.execute("SELECT NOT EXISTS (SELECT 1 FROM windows WHERE stale)").fetchone()[0]
                and held.execute("SELECT count(*) FROM windows").fetchone()[0]
            )
        )

    return await until(check)


async def test_after_a_restart_no_text_is_embedded_again(runtime, tmp_path):
    async with embedding() as server:
        await hold(runtime)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            assert await filled(held[HOME]) > 10
        sent = [text for texts in server.texts for text in texts]
        closed = [text for text in sent if len(text.split()) >= 64]
        assert len(closed) == len(set(closed))
        before = len(server.requests)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            await filled(held[HOME])
            found = await reply(held[HOME], "diesel")
            assert found.hits[0].segment.segment_id in {f"seg{n}" for n in range(36, 48)}
        assert server.texts[before:] == [["diesel"]]


async def test_what_was_redacted_or_corrected_is_not_to_be_found_by_its_meaning(runtime, tmp_path):
    async with embedding() as server:
        await hold(runtime)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            search = held[HOME]
            await filled(search)
            before = (await reply(search, "diesel engine")).hits[0].score
            vectors = await search._store.work(_vectors)
            server.script.extend([problem(401)] * 1000)  # nothing is embedded from here on
            last = await append(
                runtime,
                *(
                    SegmentRedacted(session_id="s1", time=at(), segment_id=f"seg{number}")
                    for number in (40, 41)
                ),
                *(
                    SegmentCorrected(
                        session_id="s1",
                        time=at(),
                        segment_id=f"seg{number}",
                        revision=1,
                        text=FILLER,
                    )
                    for number in (42, 43)
                ),
            )

            await until(lambda: asyncio.sleep(0, search.seq >= last))
            missing = set(vectors) - set(await search._store.work(_vectors))
            assert 1 <= len(missing) <= 4
            sent = len(server.requests)
            server.script.clear()
            await filled(search)
            assert (await reply(search, "diesel engine")).hits[0].score < before / 2
            told = [text for texts in server.texts[sent:] for text in texts if len(text) > 20]
            assert told
            assert not any("diesel" in text for text in told)


def _vectors(held):
    return dict(held.execute("SELECT id, vector FROM windows WHERE vector IS NOT NULL"))


async def test_another_model_under_the_same_name_takes_over(runtime, tmp_path):
    async with embedding() as server:
        await hold(runtime)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            count = await filled(held[HOME])
        server.script.extend([ok(32)] * 1000)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            search = held[HOME]
            assert (await reply(search, "diesel")).mode in {"semantic", "keyword"}
            await until(lambda: asyncio.sleep(0, search.caught_up))
            assert (await reply(search, "diesel")).hits == ()  # 32 numbers are like none of 1,024
            await append(runtime, heard(300, FILLER * 8))

            async def replaced():
                lengths = await search._store.work(
                    lambda held: held.execute(
                        "SELECT length(vector), count(*) FROM windows GROUP BY 1"
                    ).fetchall()
                )
                return len(lengths) == 1 and lengths[0][0] == 64 and lengths[0][1] >= count

            await until(replaced)
            assert (await reply(search, "diesel")).hits


async def test_a_text_that_is_refused_keeps_no_other_from_its_vector(runtime, tmp_path):
    async with embedding() as server:
        server.refuses = lambda text: "diesel" in text
        await hold(runtime)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            count = await filled(held[HOME])
            have = len(await held[HOME]._store.work(_vectors))
            assert count - 4 <= have < count


async def test_an_embedder_that_hangs_delays_nothing_for_long(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(asked, "WAIT_SECONDS", 0.2)
    async with embedding(*([stall()] * 100)) as server:
        last = await hold(runtime)
        questions = Questions(remote(server))
        search = PartitionSearch(runtime, HOME, tmp_path, questions)
        running = asyncio.create_task(search.run())
        await until(lambda: asyncio.sleep(0, search.caught_up))
        took = []
        for number in range(5):
            began = time.monotonic()
            assert await search.alike("s1", f"diesel {number}", last) is None
            took.append(time.monotonic() - began)
        assert took[0] < 0.5
        assert max(took[1:]) < 0.05
        found = await search.reply(SearchWanted(query="diesel", mode="hybrid"))
        assert (found.mode, len(found.hits)) == ("keyword", 4)
        running.cancel()
        await asyncio.wait({running})
        await questions.aclose()


async def test_whatever_fails_while_windows_are_embedded_is_tried_again(runtime, tmp_path):
    steps = [problem(500), problem(500), problem(503), problem(401), ok(keep=1)]
    async with embedding(*steps) as server:
        await hold(runtime)
        async with searching(runtime, tmp_path, [HOME], remote(server)) as held:
            await filled(held[HOME])
            assert (await reply(held[HOME], "diesel")).mode == "semantic"
