"""Who is let in, and with what."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.gateway import auth
from services.gateway.auth import ApiKey, BadKeyError, Caller
from services.gateway.problems import ProblemError

DIGEST = sha256(b"secret").hexdigest()
LOCAL = Caller(client="127.0.0.1", host="localhost:8080", origin=None, token=None)


def digest(word):
    return sha256(word.encode()).hexdigest()


def refused(keys, caller, *, guarded=True):
    with pytest.raises(ProblemError) as error:
        auth.admit(keys, caller, guarded=guarded)
    return error.value.problem.status


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        (f"sha256:{DIGEST}", auth.SCOPES),
        (f"sha256:{DIGEST.upper()}", auth.SCOPES),
        (f"sha256:{DIGEST}:read", {"read"}),
        (f"sha256:{DIGEST}:read+ask", {"read", "ask"}),
        (f"# ours\n\n sha256:{DIGEST}:admin , \n", {"admin"}),
    ],
)
def test_a_key_has_the_scopes_it_lists_or_all(text, scopes):
    assert auth.parse(text) == (ApiKey(DIGEST, frozenset(scopes)),)


def test_keys_are_separated_by_commas_and_lines():
    other = digest("other")
    text = f"sha256:{DIGEST}:read,sha256:{other}\nsha256:{digest('third')}"
    assert [key.digest for key in auth.parse(text)] == [DIGEST, other, digest("third")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "holds no key"),
        ("# nothing", "holds no key"),
        ("sha256:abc", "key 1"),
        (f"{DIGEST}", "key 1"),
        (f"sha256:{DIGEST},secret", "key 2"),
        (f"sha256:{DIGEST}:read+fly", "fly"),
        (f"sha256:{DIGEST}:read:ask", "read:ask"),
    ],
)
def test_a_key_that_cannot_be_read_is_named_by_number(text, cause):
    with pytest.raises(BadKeyError, match=cause) as error:
        auth.parse(text)
    assert "secret" not in str(error.value)


def test_a_list_is_told_from_a_path():
    assert auth.is_list(f" sha256:{DIGEST}")
    assert not auth.is_list("/etc/earshot/keys")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, unique=True))
def test_only_the_secret_of_a_key_finds_it(words):
    keys = tuple(ApiKey(digest(word), auth.SCOPES) for word in words[1:])
    assert auth.find(keys, words[0]) is None
    for word in words[1:]:
        assert auth.find(keys, word) == ApiKey(digest(word), auth.SCOPES)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_bearer_token_is_taken_from_its_header(header, token):
    assert auth.bearer(header) == token


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"client": "::1", "host": "[::1]:8080"},
        {"host": "127.0.0.1"},
        {"host": "LOCALHOST:1"},
        {"origin": "http://localhost:8080"},
    ],
)
def test_without_keys_this_machine_may_do_everything(changes):
    caller = replace(LOCAL, **changes)
    assert auth.admit((), caller, guarded=True).scopes == auth.SCOPES


@pytest.mark.parametrize(
    "changes",
    [
        {"client": None},
        {"client": "192.0.2.1"},
        {"host": None},
        {"host": ""},
        {"host": "evil.example"},
        {"host": "localhost.evil.example:8080"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "evil.example@"},
        {"host": "[::1"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8081"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("guarded", [True, False])
def test_without_keys_nobody_else_is_answered(changes, guarded):
    caller = replace(LOCAL, **changes)
    assert refused((), caller, guarded=guarded) == 403


def test_with_keys_a_known_one_is_needed_where_the_route_is_guarded():
    keys = (ApiKey(DIGEST, frozenset({"read"})),)
    away = Caller(client="192.0.2.1", host="earshot.example", origin="https://x", token=None)
    assert refused(keys, away) == 401
    assert refused(keys, Caller("192.0.2.1", None, None, "wrong")) == 401
    assert auth.admit(keys, Caller("192.0.2.1", None, None, "secret"), guarded=True) == keys[0]
    assert auth.admit(keys, away, guarded=False).scopes == frozenset()


@pytest.mark.parametrize("scope", sorted(auth.SCOPES))
def test_a_scope_allows_itself_and_admin_allows_all(scope):
    auth.check_scope(ApiKey(DIGEST, frozenset({scope})), scope)
    auth.check_scope(ApiKey(DIGEST, frozenset({"admin"})), scope)
    with pytest.raises(ProblemError) as error:
        auth.check_scope(ApiKey(DIGEST, auth.SCOPES - {scope, "admin"}), scope)
    assert error.value.problem.status == 403
