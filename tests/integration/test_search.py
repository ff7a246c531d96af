"""Search on a real server: fresh, whole after whatever happens to the file, and over HTTP."""

import asyncio
import os
import shutil
import stat
import time
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from contracts import streams, subjects
from contracts.events import SegmentRedacted, SpeakerRenamed
from contracts.queries import Refused, SearchServed, SearchWanted
from services.context.embedding.seam import EmbeddingError
from services.context.search import files, filling, partition, store, tidying
from services.context.search.partition import PartitionSearch
from tests.support import stack
from tests.support.facts import at, heard, requested
from tests.support.gateway import gateway
from tests.support.search import Meanings, searching
from tests.support.stack import until

HOME = subjects.partition("s1")


@pytest.fixture
async def session(runtime):
    await runtime.keyring.create("s1")
    return runtime


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(partition, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(filling, "FILL_SECONDS", 0.05)
    monkeypatch.setattr(filling, "GROWING_SECONDS", 0.1)


async def append(runtime, *events):
    return max(await asyncio.gather(*(runtime.publisher.append(event) for event in events)))


async def said(search, query, **wanted):
    """The ids of what is found, best first."""
    reply = await search.reply(SearchWanted(query=query, **{"limit": 1000} | wanted))
    assert isinstance(reply, SearchServed), reply
    return [hit.segment.segment_id for hit in reply.hits]


async def finds(search, query, count, seconds=10, **wanted):
    """Wait until so many are found."""

    async def check():
        reply = await search.reply(SearchWanted(query=query, limit=1000, **wanted))
        return isinstance(reply, SearchServed) and len(reply.hits) == count

    await until(check, seconds)


def on_disk(directory, text):
    held = (directory / files.FOLDER).iterdir()
    return [one.name for one in held if text.lower() in one.read_bytes().lower()]


@asynccontextmanager
async def home(runtime, tmp_path, **fields):
    """The index of session s1's partition."""
    async with searching(runtime, tmp_path, [HOME], **fields) as held:
        yield held[HOME]


async def test_what_is_said_is_found_at_once(session, tmp_path):
    await append(session, *(heard(number, "nothing of note") for number in range(500)))
    async with home(session, tmp_path) as search:
        await finds(search, "note", 500)
        took = []
        for number in range(500, 520):
            await append(session, heard(number, f"budget word{number}"))
            began = time.monotonic()
            await finds(search, f"word{number}", 1, seconds=2)
            took.append(time.monotonic() - began)
    assert sorted(took)[len(took) // 2] < 0.5
    assert max(took) < 2


async def test_a_sequence_that_was_not_read_yet_is_waited_for(session, tmp_path, monkeypatch):
    monkeypatch.setattr(partition, "REPLY_SECONDS", 0.3)
    async with home(session, tmp_path) as search:
        last = await append(session, heard(1, "budget"))
        assert await said(search, "budget", min_seq=last) == ["seg1"]
        wanted = SearchWanted(query="budget", min_seq=last + 1)
        assert await search.reply(wanted) == Refused(reason="behind")
        unfit = await search.reply(SearchWanted(query="x" * 2000))
        assert isinstance(unfit, Refused)
        assert unfit.reason == "unfit"


async def test_the_index_goes_on_where_it_was_however_often_it_is_cut_off(session, tmp_path):
    count = 1200
    writing = asyncio.create_task(_write(session, count))
    for _ in range(8):
        async with home(session, tmp_path):
            await asyncio.sleep(0.15)
    await writing
    async with home(session, tmp_path) as search:
        await finds(search, "number", 1000)
        rows = await search._store.work(
            lambda held: held.execute("SELECT count(*), count(DISTINCT seq) FROM lines").fetchone()
        )
        assert rows == (count, count)
        await search._store.work(
            lambda held: held.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        )


async def _write(runtime, count):
    for first in range(0, count, 50):
        await append(runtime, *(heard(number) for number in range(first, first + 50)))
        await asyncio.sleep(0.02)


async def test_renames_reach_lines_of_long_ago_and_of_another_run(session, tmp_path):
    await append(session, heard(1, "budget"))
    async with home(session, tmp_path) as search:
        await finds(search, "budget", 1, speaker="Ada")
    renamed = SpeakerRenamed(
        session_id="s1", time=at(), change_id="c1", speaker="Ada", name="Grace"
    )
    await append(session, renamed)
    async with home(session, tmp_path) as search:
        await finds(search, "budget", 1, speaker="grace")
        assert await said(search, "budget", speaker="Ada") == []


async def test_a_redacted_line_is_off_the_disk(session, tmp_path, monkeypatch):
    monkeypatch.setattr(partition, "PURGE_SECONDS", 0.1)
    await append(session, *(heard(number) for number in range(300)))
    await append(session, heard(300, "the canarybird sang"))
    async with home(session, tmp_path) as search:
        await finds(search, "canarybird", 1)
        assert on_disk(tmp_path, b"canarybird")
        await append(session, SegmentRedacted(session_id="s1", time=at(), segment_id="seg300"))
        await until(lambda: asyncio.sleep(0, not on_disk(tmp_path, b"canary")))
        assert await said(search, "canarybird") == []
        assert len(await said(search, "number")) == 300


async def test_a_forgotten_session_is_off_the_disk(session, tmp_path):
    await append(session, heard(1, "the canarybird sang"))
    async with home(session, tmp_path) as search:
        await finds(search, "canarybird", 1)
        await search.forget("s1")
        assert not on_disk(tmp_path, b"canary")
        assert await said(search, "canarybird") == []


async def test_a_session_that_left_the_log_meanwhile_is_forgotten(session, tmp_path):
    await append(session, heard(1, "the canarybird sang"))
    async with home(session, tmp_path) as search:
        await finds(search, "canarybird", 1)
    await session.js.purge_stream(streams.MEETINGS.name, subject=subjects.session_events("s1"))
    async with home(session, tmp_path) as search:
        await until(lambda: asyncio.sleep(0, not on_disk(tmp_path, b"canary")))
        assert await said(search, "canarybird") == []


@pytest.mark.parametrize("damage", [b"this is no database at all " * 200, b"\xff" * 4096])
async def test_a_damaged_file_is_made_anew(session, tmp_path, damage):
    await append(session, *(heard(number) for number in range(50)))
    async with home(session, tmp_path) as search:
        await finds(search, "number", 50)
    path = files.path(tmp_path, HOME)
    if damage.startswith(b"this"):
        path.write_bytes(damage)
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + damage + whole[100 + len(damage) :])
    async with home(session, tmp_path) as search:
        await finds(search, "number", 50)


async def test_a_file_that_is_damaged_while_it_is_used_is_made_anew(session, tmp_path):
    await append(session, *(heard(number, f"number {'x' * 200}") for number in range(400)))
    async with home(session, tmp_path) as search:
        await finds(search, "number", 400)
        await search._store.checkpoint()
        size = files.path(tmp_path, HOME).stat().st_size
        with files.path(tmp_path, HOME).open("r+b") as file:
            file.write(b"\xff" * size)
        await append(session, heard(400, "number"))
        await finds(search, "number", 401)


async def test_a_file_of_another_version_is_made_anew(session, tmp_path):
    await append(session, heard(1, "budget"))
    async with home(session, tmp_path) as search:
        await finds(search, "budget", 1)
        await search._store.work(lambda held: held.execute("UPDATE place SET digest = 'older'"))
        await search._store.work(lambda held: held.execute("UPDATE lines SET seq = 77"))
    async with home(session, tmp_path) as search:
        await finds(search, "budget", 1)
        reply = await search.reply(SearchWanted(query="budget"))
        assert reply.hits[0].segment.seq != 77


async def test_an_index_of_events_that_the_server_lost_is_made_anew(server, session, tmp_path):
    database = server.data_dir / "nats" / "store"
    await append(session, heard(0, "budget"), heard(1, "budget"))
    server.stop()
    shutil.copytree(database, server.data_dir / "early")
    await server.start()
    async with home(session, tmp_path) as search:
        await append(session, heard(2, "lost budget"), heard(3, "lost budget"))
        await finds(search, "budget", 4)
        server.kill()
        shutil.rmtree(database)
        (server.data_dir / "early").rename(database)
        await server.start()
        await finds(search, "budget", 2, seconds=20)
        await append(session, heard(4, "budget"))
        await finds(search, "budget", 3)


async def test_two_owners_on_a_machine_never_write_at_the_same_time(session, tmp_path, monkeypatch):
    monkeypatch.setattr(partition, "REPLY_SECONDS", 0.3)
    await append(session, heard(1, "budget"))
    second = PartitionSearch(session, HOME, tmp_path)
    async with home(session, tmp_path) as first:
        await finds(first, "budget", 1)
        running = asyncio.create_task(second.run())
        assert await second.reply(SearchWanted(query="budget")) == Refused(reason="behind")
        assert not second.caught_up
    monkeypatch.setattr(partition, "REPLY_SECONDS", 2)
    assert await said(second, "budget") == ["seg1"]
    running.cancel()
    await asyncio.wait({running})


async def test_indexes_that_nobody_holds_are_removed(session, tmp_path):
    async with home(session, tmp_path) as search:
        await until(lambda: asyncio.sleep(0, search.caught_up))
        known = files.remove_unheld(tmp_path, frozenset())
        assert known == frozenset()
        assert files.remove_unheld(tmp_path, frozenset({f"{HOME}.sqlite"})) == frozenset()
        assert files.path(tmp_path, HOME).exists()
    known = files.remove_unheld(tmp_path, frozenset())
    assert known == {f"{HOME}.sqlite"}
    assert files.path(tmp_path, HOME).exists()
    assert files.remove_unheld(tmp_path, known) == frozenset()
    assert [one.name for one in (tmp_path / files.FOLDER).iterdir()] == [f"{HOME}.lock"]


async def test_a_file_is_removed_when_nobody_held_it_twice(session, tmp_path, monkeypatch):
    monkeypatch.setattr(tidying, "TIDY_SECONDS", 0.1)
    async with home(session, tmp_path) as search:
        await until(lambda: asyncio.sleep(0, search.caught_up))
    tidying_up = asyncio.create_task(tidying.keep_tidy(tmp_path))
    await until(lambda: asyncio.sleep(0, not files.path(tmp_path, HOME).exists()))
    tidying_up.cancel()
    await asyncio.wait({tidying_up})


async def test_the_files_are_their_owners_alone(session, tmp_path):
    await append(session, heard(1, "budget"))
    async with home(session, tmp_path) as search:
        await finds(search, "budget", 1)
        folder = tmp_path / files.FOLDER
        for path in (folder, *folder.iterdir()):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_a_search_that_takes_too_long_is_ended(session, tmp_path, monkeypatch):
    monkeypatch.setattr(partition, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(store, "_STEPS", 1)
    await append(session, *(heard(number, "budget") for number in range(20)))
    async with home(session, tmp_path) as search:
        await until(lambda: asyncio.sleep(0, search.caught_up))
        reply = await search.reply(SearchWanted(query="budget"))
        assert isinstance(reply, Refused)
        assert (reply.reason, reply.detail[:14]) == ("unfit", "takes too long")
        monkeypatch.setattr(partition, "SEARCH_SECONDS", 5.0)
        assert len(await said(search, "budget")) == 20


async def test_a_data_directory_that_cannot_be_written_to_is_waited_for(session, tmp_path):
    (tmp_path / files.FOLDER).write_text("in the way")
    await append(session, heard(1, "budget"))
    async with home(session, tmp_path) as search:
        await asyncio.sleep(0.2)
        (tmp_path / files.FOLDER).unlink()
        await finds(search, "budget", 1)


async def test_meanings_are_found_once_they_are_embedded(session, tmp_path):
    embedder = Meanings("money budget costs", "launch ship release")
    await append(session, heard(1, "costs " * 70), heard(2, "we ship " * 40), heard(3, "hm"))
    async with home(session, tmp_path, embedder=embedder) as search:
        await finds(search, "money", 3, mode="semantic")
        reply = await search.reply(SearchWanted(query="money", mode="semantic", limit=1))
        assert reply.mode == "semantic"
        assert reply.hits[0].segment.segment_id == "seg1"
        assert (await search.reply(SearchWanted(query="costs"))).mode == "keyword"
        assert (await said(search, "ship budget", mode="hybrid"))[0] in {"seg1", "seg2"}


class Away(Meanings):
    async def embed(self, texts):
        raise EmbeddingError


async def test_without_an_embedder_or_while_it_is_away_search_goes_by_words(session, tmp_path):
    await append(session, heard(1, "budget"))
    for embedder in (None, Away("money")):
        async with home(session, tmp_path, embedder=embedder) as search:
            await finds(search, "budget", 1, mode="hybrid")
            reply = await search.reply(SearchWanted(query="budget", mode="semantic"))
            assert reply.mode == "keyword"


async def sessions(runtime, count, segments=3):
    for number in range(count):
        session_id = f"m{number}"
        await runtime.keyring.create(session_id)
        await runtime.publisher.append(requested(session_id))
        await append(
            runtime,
            *(heard(one, f"budget item {one}", session_id) for one in range(segments)),
        )


async def get(running, status=200, **params):
    response = await running.http.get("/v1/search", params=params)
    assert response.status_code == status, response.text
    return response.json()


async def whole(running, **params):
    """The answer once every partition gives one."""

    async def check():
        found = await get(running, **params)
        return None if found["partial"] else found

    return await until(check)


async def test_a_search_over_http_asks_every_partition(running, tmp_path):
    await sessions(running.runtime, 20)
    async with searching(running.runtime, tmp_path):
        found = await whole(running, q="budget item", limit=100)
        assert len(found["items"]) == 60
        assert len({item["session_id"] for item in found["items"]}) == 20
        assert (found["mode"], found["next_cursor"], found["missing_partitions"]) == (
            "keyword",
            None,
            0,
        )
        item = found["items"][0]
        assert item["url"] == f"/?session={item['session_id']}&t={item['start']}"
        assert [item["snippet"][one:other] for one, other in item["highlights"]] == [
            "budget",
            "item",
        ]
        pages, cursor = [], {}
        while True:
            page = await get(running, q="budget item", limit=17, **cursor)
            pages += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert pages == found["items"]


async def test_the_owners_of_the_partitions_answer(server, running):
    await sessions(running.runtime, 6)
    async with stack.running(server, "context"), stack.running(server, "context"):
        assert len((await whole(running, q="budget", limit=100))["items"]) == 18
        await running.runtime.publisher.append(heard(9, "a brandnew word", "m1"))

        async def check():
            return (await get(running, q="brandnew"))["items"]

        assert [item["session_id"] for item in await until(check, 2)] == ["m1"]


async def test_filters_over_http(running, tmp_path):
    await sessions(running.runtime, 3)
    async with searching(running.runtime, tmp_path):
        await whole(running, q="budget")
        one = await get(running, q="budget", session="m1", speaker="ada")
        assert {item["session_id"] for item in one["items"]} == {"m1"}
        assert len(one["items"]) == 3
        timed = {"from": at(5).isoformat(), "to": at(8).isoformat()}
        assert {
            item["segment_id"] for item in (await get(running, q="budget", **timed))["items"]
        } == {"seg1"}
        assert (await get(running, q="budget", speaker="nobody"))["items"] == []
        last = await running.runtime.publisher.append(heard(9, "a brandnew word", "m1"))
        found = await get(running, q="brandnew", session="m1")
        assert [item["seq"] for item in found["items"]] == [last]


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({}, 422, "q"),
        ({"q": ""}, 422, "q"),
        ({"q": "  "}, 422, "q"),
        ({"q": "x" * 10_000}, 422, "q"),
        ({"q": "a\0b"}, 422, "q"),
        ({"q": "w " * 65}, 422, "q"),
        ({"q": "a", "limit": 0}, 422, "limit"),
        ({"q": "a", "limit": 101}, 422, "limit"),
        ({"q": "a", "mode": "magic"}, 422, "mode"),
        ({"q": "a", "from": "yesterday"}, 422, "from"),
        ({"q": "a", "to": "2026-01-01T00:00:00"}, 422, "to"),
        ({"q": "a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422, "to"),
        ({"q": "a", "speaker": ""}, 422, "speaker"),
        ({"q": "a", "cursor": "x"}, 400, "cursor"),
        ({"q": "a", "session": "unknown"}, 404, "session_id"),
        ({"q": "a", "session": "a.>*"}, 404, "session_id"),
    ],
)
async def test_what_cannot_be_searched_says_why(running, tmp_path, params, status, field):
    async with searching(running.runtime, tmp_path, [0]):
        problem = await get(running, status, **params)
    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize(
    "q", ['"', "a AND", "NEAR(", "text:", "*", "'; DROP TABLE lines; --", "é\udcff"]
)
async def test_no_query_makes_search_fail(running, tmp_path, q):
    async with searching(running.runtime, tmp_path, range(16)):
        url = "/v1/search?q=" + "".join(f"%{one:02x}" for one in os.fsencode(q))
        assert (await running.http.get(url)).status_code == 200


async def test_an_answer_says_how_much_of_it_is_missing(running, tmp_path, monkeypatch):
    monkeypatch.setattr("services.gateway.searching.LIMIT_SECONDS", 0.5)
    await sessions(running.runtime, 12)
    there = sorted({subjects.partition(f"m{number}") for number in range(6)})
    async with searching(running.runtime, tmp_path, there) as held:
        await until(lambda: asyncio.sleep(0, all(one.caught_up for one in held.values())))
        found = await get(running, q="budget", limit=100)
        assert found["partial"]
        assert found["missing_partitions"] == subjects.PARTITIONS - len(there)
        assert {subjects.partition(item["session_id"]) for item in found["items"]} == set(there)
        one = await get(running, q="budget", session="m0")
        assert not one["partial"]
    problem = await get(running, 503, q="budget")
    assert problem["type"] == "urn:earshot:problem:unavailable"


async def test_search_needs_the_scope_to_read(server, tmp_path):
    keys = f"sha256:{sha256(b'reader').hexdigest()}:read,sha256:{sha256(b'asker').hexdigest()}:ask"
    async with gateway(server, api_keys=keys) as running:
        for key, status in (("reader", 503), ("asker", 403), ("nobody", 401)):
            headers = {"authorization": f"Bearer {key}"}
            response = await running.http.get("/v1/search?q=a", headers=headers)
            assert response.status_code == status


async def test_the_schema_of_the_answer_is_documented(running):
    document = (await running.http.get("/openapi.json")).json()
    assert "/v1/search" in document["paths"]
    assert {"SearchPage", "SearchItem"} <= set(document["components"]["schemas"])
