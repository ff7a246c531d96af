"""DailyRest against a Daily of our own: what it asks, and what comes of a Daily that misbehaves."""

import asyncio
import json
import logging
import socket
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest

from services.ingest.daily import http, retries, rooms, tokens
from services.ingest.daily.answers import Account
from services.ingest.daily.errors import (
    DailyError,
    NotFoundError,
    RefusedError,
    UnauthorisedError,
    UnavailableError,
)
from services.ingest.daily.rest import DailyRest
from services.ingest.daily.tokens import Claims
from tests.support.daily_faults import answered, error, malformed, rate_limited, raw, reset, slow
from tests.support.daily_rest import DOMAIN, KEY, serving

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=15)
STARTED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Maria>caf\u00e9\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.02)


@asynccontextmanager
async def asking(key=KEY, **settings):
    """A client and the Daily it asks."""
    async with serving() as daily:
        rest = DailyRest(key, daily.url, **settings)
        try:
            yield rest, daily
        finally:
            await rest.aclose()


async def test_an_accepted_key_tells_whose_it_is():
    async with asking() as (rest, daily):
        assert await rest.account() == Account(DOMAIN, daily.domain_id)
        assert await rest.domain_id() == daily.domain_id
        assert daily.requests[0].line == "GET /v1/"
        assert daily.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_refused_key_is_told_at_once_and_by_its_variable():
    async with asking(key="another") as (rest, daily):
        with pytest.raises(UnauthorisedError, match="DAILY_API_KEY"):
            await rest.account()
        assert len(daily.requests) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nx: y", "k\u00e9y", "x" * 501])
def test_what_cannot_be_a_key_is_not_sent_nor_told(key):
    with pytest.raises(UnauthorisedError) as caught:
        DailyRest(key)
    assert str(caught.value) == "DAILY_API_KEY: holds what no key holds"


async def test_a_key_read_from_a_file_may_end_its_line():
    async with asking(key=f"{KEY}\n") as (rest, _):
        assert await rest.account()


async def test_a_room_is_opened_once_however_often_it_is_asked_for():
    async with asking() as (rest, daily):
        room = await rest.open_room("ses_1", LATER)
        assert (room.url, room.expires_at) == (daily.room_url(room.name), LATER)
        again = await rest.open_room("ses_1", LATER + timedelta(hours=1))
        assert again == await rest.room(room.name) == room
        assert list(daily.rooms) == [rooms.name_for("ses_1")]
        assert daily.rooms[room.name]["config"]["eject_at_room_exp"] is True
        assert await rest.open_room("ses_2", LATER) != room


async def test_two_who_open_the_same_room_at_once_get_the_same():
    async with asking() as (rest, daily):
        found = await asyncio.gather(*(rest.open_room("ses_1", LATER) for _ in range(5)))
        assert len(set(map(repr, found))) == len(daily.rooms) == 1


async def test_a_room_made_by_an_attempt_that_seemed_to_fail_is_found():
    async with asking() as (rest, daily):
        name = rooms.name_for("ses_1")

        async def made_but_not_told(reply):
            daily.add_room(name, exp=LATER.timestamp())
            reply.reset()

        daily.fail(made_but_not_told, on="POST /v1/rooms")
        assert (await rest.open_room("ses_1", LATER)).expires_at == LATER


async def test_a_room_that_cannot_be_made_is_refused_in_dailys_words():
    async with asking() as (rest, daily):
        daily.fail(error(400, "invalid-request-error", "exp is in the past"))
        with pytest.raises(RefusedError, match="exp is in the past"):
            await rest.open_room("ses_1", LATER)
        daily.fail(error(403, "forbidden-error", "no more rooms"))
        with pytest.raises(RefusedError) as caught:
            await rest.open_room("ses_1", LATER)
        assert (caught.value.code, caught.value.info) == ("forbidden-error", "no more rooms")
        assert [one.line for one in daily.requests[2:]] == ["POST /v1/rooms"]


async def test_a_room_nobody_made_is_not_found():
    async with asking() as (rest, _):
        for asked in (rest.room("weekly"), rest.presence("weekly"), rest.transcripts("weekly")):
            with pytest.raises(NotFoundError, match="weekly not found"):
                await asked
        with pytest.raises(NotFoundError):
            await rest.set_session_data("weekly", {})


async def test_a_token_lets_an_owner_into_one_room():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        token = await rest.token("weekly", LATER, "Earshot")
        claims = jwt.decode(token, KEY, algorithms=["HS256"])
        assert (claims["r"], claims["o"], claims["u"]) == ("weekly", True, "Earshot")
        assert (claims["exp"], claims["ejt"]) == (int(LATER.timestamp()), False)
        assert "ast" not in claims
        expected = Claims("weekly", LATER, None, owner=True)
        assert await rest.check_token(token) == tokens.claims_of(token) == expected


async def test_a_self_signed_token_is_as_good():
    async with asking() as (rest, _):
        given = {"expires_at": LATER, "issued_at": datetime.now(UTC), "user_name": "Earshot"}
        token = tokens.self_signed(KEY, await rest.domain_id(), "weekly", **given)
        assert await rest.check_token(token) == Claims("weekly", LATER, None, owner=True)


async def test_a_forged_or_expired_token_is_refused():
    async with asking() as (rest, daily):
        for token in ("opaque", daily.token(room_name="weekly")[:-4] + "AAAA", daily.token(exp=1)):
            with pytest.raises(RefusedError, match="invalid token"):
                await rest.check_token(token)


@pytest.mark.parametrize(
    "text", ["", "..", ".", "a/b", "../rooms", "a?b", "a#b", "a%2fb", "a\nb", "\u00e9"]
)
async def test_nothing_given_leads_to_another_path(text):
    async with asking() as (rest, daily):
        asked = (rest.room, rest.presence, rest.check_token, rest.transcript_text)
        for one in asked:
            with pytest.raises(RefusedError):
                await one(text)
        assert daily.requests == []


async def test_presence_follows_the_room():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        for people in (0, 3, 1):
            daily.present("weekly", people)
            assert await rest.presence("weekly") == people


async def test_session_data_is_merged_key_by_key():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        await rest.set_session_data("weekly", {"a": 1, "bot": "x"})
        await rest.set_session_data("weekly", {"bot": {"session_id": "y"}})
        assert daily.session_data["weekly"] == {"a": 1, "bot": {"session_id": "y"}}


async def test_finished_transcripts_of_the_room_are_found_and_read():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        daily.add_room("other")
        old = daily.store_transcript("weekly", VTT, STARTED)
        daily.store_transcript("other", VTT, STARTED)
        daily.store_transcript("weekly", VTT, STARTED, status="t_in_progress")
        new = daily.store_transcript("weekly", VTT, STARTED + timedelta(hours=1))
        found = await rest.transcripts("weekly")
        assert [one.transcript_id for one in found] == [new, old]
        assert found[1].started_at == STARTED
        assert await rest.transcript_text(old) == VTT


async def test_the_key_goes_to_daily_alone():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        await rest.transcript_text(daily.store_transcript("weekly", VTT, STARTED))
        (download,) = daily.downloads
        assert "authorization" not in download.headers
        assert KEY not in repr(download)
        assert download.query == {"sig": "1"}


async def test_a_transcript_that_is_not_utf8_is_still_read():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        assert (
            await rest.transcript_text(daily.store_transcript("weekly", b"a\xffb", STARTED))
            == "a\ufffdb"
        )


async def test_a_transcript_may_not_be_endless(monkeypatch):
    monkeypatch.setattr("services.ingest.daily.rest.MAX_TRANSCRIPT_BYTES", 1 << 16)
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        fits = daily.store_transcript("weekly", b"x" * (1 << 16), STARTED)
        assert len(await rest.transcript_text(fits)) == 1 << 16
        endless = daily.store_transcript("weekly", b"x" * ((1 << 16) + 1), STARTED)
        with pytest.raises(UnavailableError, match="over 65536 bytes"):
            await rest.transcript_text(endless)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (answered(b"<Error/>", 403), "the host answers HTTP 403"),
        (answered(b"", 401), "the host answers HTTP 401"),
        (answered(b"", 404), "the host answers HTTP 404"),
        (answered(b"", 302, Location="https://elsewhere.example/"), "HTTP 302"),
    ],
)
async def test_another_hosts_refusal_says_nothing_of_our_key(fault, message):
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        stored = daily.store_transcript("weekly", VTT, STARTED)
        daily.fail(fault, on=".vtt")
        with pytest.raises(UnavailableError, match=message):
            await rest.transcript_text(stored)


async def test_a_download_that_failed_is_tried_again():
    async with asking() as (rest, daily):
        daily.add_room("weekly")
        stored = daily.store_transcript("weekly", VTT, STARTED)
        daily.fail(reset(), error(503), on=".vtt")
        assert await rest.transcript_text(stored) == VTT


NOWHERE = [
    *("", "not available: bucket policy", "file:///x", "https://", "https://["),
    *("http://127.0.0.1:99999/", "http://127.0.0.1:0/", "https://x:y/", "https://xn--a/"),
    *("https://a\x00b/", "https://daily.invalid/x", "https://\u2028/"),
]


@pytest.mark.parametrize("link", NOWHERE)
async def test_a_link_that_leads_nowhere_is_daily_not_working(link):
    async with asking(again=0) as (rest, daily):
        daily.fail(answered(json.dumps({"link": link}).encode()))
        with pytest.raises(UnavailableError):
            await rest.transcript_text("t1")


async def test_from_daily_itself_only_https_is_followed(monkeypatch):
    rest = DailyRest(KEY, "https://daily.example/v1")
    asked = []

    async def link(*args, **_):
        asked.append(args)
        return b'{"link": "http://127.0.0.1:1/x.vtt"}'

    monkeypatch.setattr(rest._http, "ask", link)
    with pytest.raises(UnavailableError, match="without https"):
        await rest.transcript_text("t1")
    await rest.aclose()
    assert len(asked) == 1


FLEETING = {
    "rate limited": rate_limited(0.02),
    "rate limited without a time": rate_limited(),
    "rate limited by a front": answered(b"slow down", 429),
    "failing": error(500),
    "overloaded": answered(b"<html>", 503),
    "reset": reset(),
    "cut in the head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "cut in the body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "not HTTP": raw(b"\x15\x03\x01\x00\x02"),
}


@pytest.mark.parametrize("fault", FLEETING.values(), ids=FLEETING)
async def test_what_passes_is_got_over(fault):
    async with asking() as (rest, daily):
        daily.fail(fault, fault, fault)
        assert await rest.open_room("ses_1", LATER)
        assert len(daily.requests) == 4
        assert len({one.body for one in daily.requests}) == 1


@pytest.mark.parametrize("fault", FLEETING.values(), ids=FLEETING)
async def test_what_does_not_pass_is_given_up_after_three_retries(fault):
    async with asking() as (rest, daily):
        daily.fail(*[fault] * 9)
        with pytest.raises(UnavailableError) as caught:
            await rest.account()
        assert len(daily.requests) == 4
        assert KEY not in str(caught.value)


async def test_daily_is_asked_again_no_sooner_than_it_wants():
    async with asking() as (rest, daily):
        daily.fail(rate_limited(0.6))
        began = time.monotonic()
        await rest.account()
        assert time.monotonic() - began >= 0.6


LASTING = {
    "malformed": (malformed(), "not JSON"),
    "something else": (answered(b"<html>It works!</html>"), "not JSON"),
    "not UTF-8": (answered(b'{"domain_name": "\xff"}'), "not JSON"),
    "a bottomless answer": (answered(b"[" * 100_000), "not"),
    "another shape": (answered(b'{"domain_name": 3}'), r"\$\.domain_name"),
    "too long": (answered(b" " * (http.MAX_ANSWER_BYTES + 1)), "over 1048576 bytes"),
    "elsewhere": (answered(b"", 301, Location="http://127.0.0.1:1/"), "DAILY_API_URL"),
    "packed badly": (answered(b"{}", Content_Encoding="gzip"), "DecodingError"),
    "slow": (slow(30), "no answer within 1.5 s"),
}


@pytest.mark.parametrize(("fault", "message"), LASTING.values(), ids=LASTING)
async def test_what_another_attempt_will_not_mend_is_told_at_once(fault, message):
    async with asking(seconds=1.5) as (rest, daily):
        daily.fail(fault)
        with pytest.raises(UnavailableError, match=message):
            await rest.account()
        assert len(daily.requests) == 1


async def test_an_answer_that_drips_is_given_up_in_time():
    async def dripping(reply):
        await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        for _ in range(99):
            await asyncio.sleep(0.1)
            await reply.raw(b" ")

    async with asking(seconds=0.5) as (rest, daily):
        daily.fail(dripping)
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="no answer within"):
            await rest.account()
        assert time.monotonic() - began < 2


async def test_an_answer_of_the_largest_size_is_read():
    async with asking() as (rest, daily):
        told = b'{"domain_name": "x"}'
        daily.fail(answered(told + b" " * (http.MAX_ANSWER_BYTES - len(told))))
        assert await rest.account() == Account("x")


async def test_without_a_domain_id_none_is_made_up():
    async with asking() as (rest, daily):
        daily.fail(answered(b'{"domain_name": "x"}'))
        with pytest.raises(UnavailableError, match="no domain_id"):
            await rest.domain_id()


async def test_without_a_rooms_id_its_transcripts_are_unknown():
    async with asking() as (rest, daily):
        daily.fail(answered(b'{"name": "weekly", "url": "https://x.daily.co/weekly"}'))
        with pytest.raises(UnavailableError, match="no id of the room"):
            await rest.transcripts("weekly")


@pytest.mark.parametrize("url", ["https://xn--a/", "https://x:y/", "https://a\x00b/"])
def test_an_address_that_is_none_is_told_by_its_variable(url):
    with pytest.raises(UnavailableError, match=r"^DAILY_API_URL: "):
        DailyRest(KEY, url)


async def test_where_nobody_listens_daily_is_unavailable():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        rest = DailyRest(KEY, f"http://127.0.0.1:{held.getsockname()[1]}/v1")
        with pytest.raises(UnavailableError, match="the connection failed"):
            await rest.account()
        await rest.aclose()


async def test_a_name_that_no_server_has_is_unavailable():
    rest = DailyRest(KEY, "https://daily.invalid/v1", again=0)
    with pytest.raises(UnavailableError):
        await rest.account()
    await rest.aclose()


async def test_who_no_longer_waits_is_let_go():
    async with asking() as (rest, daily):
        daily.fail(slow(30))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rest.account(), 0.2)
        assert await rest.account()


async def test_neither_key_nor_token_nor_words_are_in_what_is_logged(caplog, capsys):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as our own set-up has it
    async with asking() as (rest, daily):
        daily.fail(rate_limited(0.01), error(500, info="swordfish"), reset())
        token = await rest.token("weekly", LATER, "Earshot")
        daily.fail(*[error(500, info="swordfish")] * 2)
        await rest.check_token(token)
        daily.fail(error(400, "invalid-request-error", "swordfish"))
        with pytest.raises(DailyError):
            await rest.check_token(token)
    said = caplog.text + "".join(capsys.readouterr())
    assert "daily.retrying" in said
    for secret in (KEY, token, "swordfish"):
        assert secret not in said


async def test_a_refusal_does_not_carry_the_request_along():
    """A logged traceback may show what its exceptions hold."""
    async with asking(seconds=0.2, again=0) as (rest, daily):
        daily.fail(reset(), slow(9), error(400))
        for _ in range(3):
            with pytest.raises(DailyError) as caught:
                await rest.account()
            assert not isinstance(caught.value.__cause__, httpx.HTTPError)
            assert KEY not in repr(vars(caught.value))
