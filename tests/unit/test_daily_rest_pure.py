"""What we say to Daily's REST interface, and what we make of its answers."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.daily import answers, errors, retries, rooms, tokens
from services.ingest.daily.answers import Account, Transcript
from services.ingest.daily.errors import (
    NotFoundError,
    RefusedError,
    UnauthorisedError,
    UnavailableError,
)
from services.ingest.daily.tokens import Claims

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
KEY = "0123456789abcdef" * 4

texts = st.text(alphabet="az09 _-/.:%\u00e9\u2028\x00\ud800", max_size=40)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("az09:-.", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("az", max_size=3), inner),
    max_leaves=5,
)


def body(value) -> bytes:
    return json.dumps(value).encode()


def told(code, info="") -> bytes:
    return body({"error": code, "info": info})


ANSWERS = {
    (401, "authentication-error"): UnauthorisedError,
    (400, "authorization-header-error"): UnauthorisedError,
    (403, "forbidden-error"): RefusedError,
    (400, "json-parsing-error"): RefusedError,
    (400, "invalid-request-error"): RefusedError,
    (404, "not-found"): NotFoundError,
    (429, "rate-limit-error"): UnavailableError,
    (500, "server-error"): UnavailableError,
    (503, "server-error"): UnavailableError,
}


@pytest.mark.parametrize(("answer", "kind"), ANSWERS.items())
def test_every_error_of_dailys_table_has_its_type(answer, kind):
    status, code = answer
    error = errors.of_answer(status, told(code, "why"), "7")
    assert type(error) is kind
    if isinstance(error, RefusedError):
        assert (error.code, error.info, str(error)) == (code, "why", "Daily refuses: why")
    if isinstance(error, UnavailableError):
        assert (error.again, error.retry_after) == (True, "7")


@pytest.mark.parametrize("junk", [b"", b"<html>", b"[]", b"{", b"[" * 5000, b'{"error":"\xff"}'])
def test_without_dailys_body_the_status_decides(junk):
    kinds = {
        status: type(errors.of_answer(status, junk))
        for status in (302, 400, 401, 403, 404, 408, 409, 429, 502)
    }
    assert kinds == {
        302: UnavailableError,
        400: RefusedError,
        401: UnauthorisedError,
        403: RefusedError,
        404: NotFoundError,
        408: UnavailableError,
        409: RefusedError,
        429: UnavailableError,
        502: UnavailableError,
    }
    assert str(errors.of_answer(409, junk)) == "Daily refuses: HTTP 409"


def test_a_redirect_is_not_asked_again_and_names_the_setting():
    error = errors.of_answer(302, b"")
    assert not error.again
    assert "DAILY_API_URL" in str(error)


def test_foreign_words_in_an_error_are_one_short_line():
    error = errors.of_answer(400, told("invalid-request-error", "a\nb\x1b[31m\t" + "c " * 9000))
    assert error.info.startswith("a b [31m c c")
    assert error.info.isprintable()
    assert len(error.info) <= errors.MAX_INFO


@given(st.integers(300, 599), values, values)
def test_any_error_body_gives_some_error(status, code, info):
    error = errors.of_answer(status, body({"error": code, "info": info}))
    assert str(error).isprintable()


@given(st.integers(0, 5), st.floats(0, 1))
def test_pauses_grow_and_stay_within_their_bound(attempt, dice):
    pause = retries.pause(attempt, "", NOW, dice)
    assert 0 < pause <= retries.LONGEST_SECONDS
    assert retries.pause(attempt + 2, "", NOW, dice) >= pause


@given(st.floats(0, 9, width=16), st.floats(0, 1))
def test_daily_is_not_asked_before_it_wants_to_be(seconds, dice):
    pause = retries.pause(0, f"{seconds:.3f}", NOW, dice)
    assert round(seconds, 3) <= pause <= seconds + 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("999999", 10.0),
        (format_datetime(NOW + timedelta(seconds=4), usegmt=True), 4.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, expected):
    assert retries.pause(2, header, NOW, 0.0) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-3",
        "nan",
        "inf",
        "1e9",
        "soon",
        "9" * 400,
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 02 Mar 2026 10:00:04 -0000",
    ],
)
def test_a_retry_after_that_says_nothing_leaves_it_to_us(header):
    assert retries.pause(1, header, NOW, 0.5) == 2 * retries.FIRST_SECONDS


def test_a_sessions_room_has_one_name_that_does_not_tell_its_id():
    name = rooms.name_for("ses_secret")
    assert name == rooms.name_for("ses_secret")
    assert name != rooms.name_for("ses_secreu")
    assert "secret" not in name


@given(st.text("az09 _-.\u00e9", max_size=40))
def test_any_session_gets_a_name_that_daily_takes(session_id):
    name = rooms.name_for(session_id)
    assert rooms.name_of(f"https://x.daily.co/{name}") == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.daily.co/weekly", "weekly"),
        ("https://x.daily.co/A_b-9/", "A_b-9"),
        ("https://x.daily.co/weekly?t=1#top", "weekly"),
    ],
)
def test_the_name_is_the_path(url, name):
    assert rooms.name_of(url) == name


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://x.daily.co",
        "https://x.daily.co/",
        "https://x/a/b",
        "https://x/a%20b",
        "http://[",
        "https://x/\u00e9",
        "https://x/..",
        "https://x/" + "a" * 129,
    ],
)
def test_an_address_without_a_room_is_refused(url):
    with pytest.raises(ValueError, match=r"^room_url: "):
        rooms.name_of(url)


def test_a_room_is_made_as_the_demo_makes_it():
    assert rooms.creation("ses_1", LATER) == {
        "name": rooms.name_for("ses_1"),
        "properties": {
            "exp": int(LATER.timestamp()),
            "eject_at_room_exp": True,
            "enable_chat": True,
            "enable_emoji_reactions": True,
            "enable_prejoin_ui": False,
        },
    }


ROOM = {"name": "weekly", "url": "https://x.daily.co/weekly"}


def test_a_room_is_read_with_what_daily_adds():
    config = {"exp": LATER.timestamp(), "enable_transcription_storage": True, "new": {"a": []}}
    room = rooms.read(body({**ROOM, "id": "r1", "privacy": "public", "config": config}))
    assert room == rooms.Room("weekly", ROOM["url"], LATER, transcription_stored=True, room_id="r1")


@given(st.dictionaries(st.sampled_from(["exp", "enable_transcription_storage", "x"]), values))
def test_any_configuration_is_taken(config):
    room = rooms.read(body({**ROOM, "config": config}))
    assert room.transcription_stored == (config.get("enable_transcription_storage") is True)
    assert room.expires_at is None or "exp" in config


@pytest.mark.parametrize("config", [None, [], "x", 3])
def test_a_room_without_a_configuration_never_expires(config):
    assert rooms.read(body({**ROOM, "config": config})) == rooms.Room(**ROOM)


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"null", b"[]", b"{}", b'{"name":1,"url":"u"}', b"\xff"]
)
def test_an_answer_that_is_no_room_is_daily_not_working(junk):
    with pytest.raises(UnavailableError, match=r"^Daily's answer is not"):
        rooms.read(junk)


def test_what_is_missing_is_named():
    with pytest.raises(UnavailableError, match="`url`"):
        rooms.read(b'{"name": "weekly"}')
    with pytest.raises(UnavailableError, match=r"\$\.token"):
        answers.token(b'{"token": null}')


@given(values)
def test_any_time_of_dailys_is_a_time_or_nothing(value):
    found = answers.moment(value)
    assert found is None or found.tzinfo is not None


def test_times_are_unix_seconds_or_iso():
    for same in (
        NOW.timestamp(),
        int(NOW.timestamp()),
        "2026-03-02T10:00:00.000Z",
        "2026-03-02T10:00:00",
    ):
        assert answers.moment(same) == NOW
    for none in (None, True, [], "soon", "", 1e300, float("inf"), 10**30):
        assert answers.moment(none) is None


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ({"total_count": 3, "data": []}, 3),
        ({"total_count": 0, "data": [{}]}, 0),
        ({"data": [{}, {}]}, 2),
        ({"total_count": "2", "data": [{}]}, 1),
        ({"total_count": True, "data": []}, 0),
        ({"total_count": -1, "data": [1]}, 1),
    ],
)
def test_presence_is_a_number(answer, count):
    assert answers.presence(body(answer)) == count


@pytest.mark.parametrize("answer", [{}, {"total_count": None}, {"data": {}}, [], 3])
def test_no_presence_is_not_an_empty_room(answer):
    with pytest.raises(UnavailableError):
        answers.presence(body(answer))


def test_only_finished_and_stored_transcripts_are_told():
    listed = {"transcriptId": "t1", "status": "t_finished", "mtgSessionId": "m", "roomId": "r"}
    answer = {
        "total_count": 7,
        "data": [
            {**listed, "created_at": "2026-03-02T10:00:00.000Z", "isVttAvailable": True},
            {**listed, "transcriptId": "t2", "mtgSessionId": None},
            {**listed, "status": "t_in_progress"},
            {**listed, "status": "t_error"},
            {**listed, "status": "t_deleted"},
            {**listed, "isVttAvailable": False},
            {**listed, "transcriptId": 5},
        ],
    }
    expected = (Transcript("t1", "m", NOW), Transcript("t2", None, None))
    assert answers.transcripts(body(answer)) == expected


def test_a_link_comes_under_either_name():
    assert answers.link(b'{"link": "https://s3/x?sig"}') == "https://s3/x?sig"
    assert answers.link(b'{"download_link": "https://s3/x"}') == "https://s3/x"


@pytest.mark.parametrize(
    "junk", [{}, {"link": "access denied"}, {"link": 3}, {"link": "https://x:99999"}]
)
def test_words_in_place_of_a_link_are_no_link(junk):
    with pytest.raises(UnavailableError, match="no link"):
        answers.link(body(junk))


def test_an_account_may_lack_its_id():
    assert answers.account(b'{"domain_name": "x", "config": {}}') == Account("x")


def test_our_token_is_for_one_room_and_starts_nothing():
    assert tokens.request("weekly", LATER, "Earshot") == {
        "properties": {
            "room_name": "weekly",
            "exp": int(LATER.timestamp()),
            "is_owner": True,
            "user_name": "Earshot",
            "eject_at_token_exp": False,
        }
    }
    assert tokens.request("weekly", LATER, "E", owner=False)["properties"]["is_owner"] is False


def signed(**given) -> str:
    fields = {"expires_at": LATER, "issued_at": NOW, "user_name": "Earshot", **given}
    return tokens.self_signed(KEY, "d1", "weekly", **fields)


def test_a_self_signed_token_holds_dailys_claims_and_our_signature():
    claims = jwt.decode(
        signed(), KEY, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    expected = {"r": "weekly", "d": "d1", "o": True, "u": "Earshot"}
    assert claims == {**expected, "iat": int(NOW.timestamp()), "exp": int(LATER.timestamp())}
    assert jwt.get_unverified_header(signed()) == {"alg": "HS256", "typ": "JWT"}
    assert len(signed(user_name="x" * 64)) < tokens.MAX_TOKEN


def test_a_token_is_read_without_being_trusted():
    forged = signed()[:-5] + "AAAAA"
    assert tokens.claims_of(forged) == Claims("weekly", LATER, None, owner=True)
    assert tokens.claims_of(signed(owner=False)) == Claims("weekly", LATER)


def unsigned(claims: bytes) -> str:
    return f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s"


@given(st.dictionaries(st.sampled_from(["r", "exp", "nbf", "o", "p"]), values))
def test_claims_of_any_type_are_read_or_unknown(claims):
    found = tokens.claims_of(unsigned(body(claims)))
    assert found.owner == (claims.get("o") is True)
    assert found.room in {None, claims.get("r")} if isinstance(claims.get("r"), str) else True


@given(texts | st.binary(max_size=60).map(unsigned))
def test_any_text_is_a_token_or_none(text):
    tokens.claims_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "a.\ud800.c",
        "a.!!.c",
        unsigned(b"[" * 900),
        unsigned(b"[]"),
        "a." + "b" * 5000 + ".c",
    ],
)
def test_what_is_no_jwt_claims_nothing(text):
    assert tokens.claims_of(text) is None


def test_what_daily_vouches_for_is_read_likewise():
    answer = {"room_name": "weekly", "exp": LATER.timestamp(), "is_owner": True, "new": 1}
    assert tokens.checked(body(answer)) == Claims("weekly", LATER, None, owner=True)
    assert tokens.checked(b"{}") == Claims()


@pytest.mark.parametrize(
    ("claims", "doubt"),
    [
        (Claims("weekly", LATER, NOW, owner=True), None),
        (Claims(None, None, None, owner=True), None),
        (Claims("other", LATER, None, owner=True), "another room"),
        (Claims("weekly", NOW, None, owner=True), "expired"),
        (Claims("weekly", LATER, LATER, owner=True), "not valid yet"),
        (Claims("weekly", LATER), "not an owner"),
    ],
)
def test_a_token_that_will_not_do_is_doubted_early(claims, doubt):
    found = tokens.doubts(claims, "weekly", NOW)
    assert len(found) == (doubt is not None)
    assert all(doubt in one for one in found)
