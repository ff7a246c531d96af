"""Settings: what is wrong is named, what is secret is masked."""

import pytest

from services._runtime.settings import Settings, SettingsError, load, shown


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A directory without `.env`, and none of our variables."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    return tmp_path


def variable(field: str) -> str:
    return str(Settings.model_fields[field].alias)


BAD = {
    "port": ["x", "-1", "65536", "1.5"],
    "health_port": ["0", "65536", "x"],
    "log": ["xml"],
    "room_minutes": ["0", "1441", "1.5", "x"],
    "summary_seconds": ["-1", "3601", "nan", "inf", "soon"],
    "answer_seconds": ["0", "601", "nan"],
    "context_tokens": ["199", "1000001", "x"],
    "compact_above_tokens": ["99", "x"],
    "compact_down_to_tokens": ["49", "x"],
    "spool_bytes": ["0", "1MB"],
    "store_bytes": ["1"],
    "upload_bytes": ["1"],
    "instance": ["a b", "a.b", "*", ">", "x" * 65],
}
EVERY_BAD_VALUE = [(field, value) for field, values in BAD.items() for value in values]


@pytest.mark.parametrize(("field", "value"), EVERY_BAD_VALUE)
def test_a_bad_value_names_its_variable_wherever_it_comes_from(nowhere, monkeypatch, field, value):
    def fails(**flags):
        with pytest.raises(SettingsError) as caught:
            load(**flags)
        return str(caught.value)

    name = variable(field)
    assert fails(**{field: value}).startswith(f"{name}: ")
    (nowhere / ".env").write_text(f"{name}={value}\n")
    assert fails().startswith(f"{name}: ")
    (nowhere / ".env").unlink()
    monkeypatch.setenv(name, value)
    assert fails().startswith(f"{name}: ")


def test_all_that_is_wrong_is_told_at_once(monkeypatch):
    monkeypatch.setenv("EARSHOT_PORT", "x")
    monkeypatch.setenv("EARSHOT_LOG", "xml")
    with pytest.raises(SettingsError, match=r"EARSHOT_PORT: .*; EARSHOT_LOG: "):
        load()


@pytest.mark.parametrize(
    "marks",
    [
        {"compact_above_tokens": 1000},
        {"compact_down_to_tokens": 5000},
        {"compact_above_tokens": 1000, "compact_down_to_tokens": 1000},
        {"compact_above_tokens": 1000, "compact_down_to_tokens": 1001},
    ],
)
def test_compaction_must_end_below_where_it_begins(marks):
    """Even where one mark is left at its default."""
    with pytest.raises(SettingsError) as caught:
        load(**marks)
    expected = "EARSHOT_COMPACT_DOWN_TO_TOKENS: must be below EARSHOT_COMPACT_ABOVE_TOKENS"
    assert str(caught.value) == expected


def test_a_bad_high_mark_is_not_blamed_on_the_low_one():
    with pytest.raises(SettingsError) as caught:
        load(compact_above_tokens="x", compact_down_to_tokens=100)
    assert "DOWN_TO" not in str(caught.value)


def test_flags_go_before_the_environment_and_that_before_the_file(nowhere, monkeypatch):
    (nowhere / ".env").write_text("EARSHOT_PORT=1\nEARSHOT_HOST=from-file\nOTHER=ignored\n")
    assert (load().port, load().host) == (1, "from-file")
    monkeypatch.setenv("EARSHOT_PORT", "2")
    assert (load().port, load().host) == (2, "from-file")
    assert load(port=3).port == 3
    assert load(port=None).port == 2


def test_an_empty_variable_is_an_unset_one(nowhere, monkeypatch):
    (nowhere / ".env").write_text("EARSHOT_API_KEYS=\n")
    for field in Settings.model_fields.values():
        monkeypatch.setenv(str(field.alias), "")
    found = load(instance="x")
    assert found == Settings(_env_file=None, instance="x")
    assert (found.port, found.openai_api_key, found.health_port) == (8080, None, None)


def test_a_file_that_is_not_text_is_named(nowhere):
    (nowhere / ".env").write_bytes(b"EARSHOT_PORT=\xff\n")
    with pytest.raises(SettingsError, match=r"^\.env: "):
        load()


def test_secrets_are_masked_wherever_they_could_be_seen():
    secrets = {
        "nats_url": "nats://earshot:swordfish@127.0.0.1:4222",
        "master_key": "swordfish",
        "api_keys": "swordfish",
        "daily_api_key": "swordfish",
        "openai_api_key": "swordfish",
        "openai_base_url": "https://me:swordfish@models.example/v1",
    }
    found = load(**secrets)
    seen = shown(found)
    assert "swordfish" not in f"{seen} {found.nats_url} {found.openai_api_key!r}"
    assert seen["OPENAI_BASE_URL"] == "https://**********@models.example/v1"
    assert seen["EARSHOT_PORT"] == "8080"
    assert set(seen) == {variable(field) for field in Settings.model_fields}
    assert found.nats == secrets["nats_url"]


def test_a_wrong_secret_is_not_told(monkeypatch):
    monkeypatch.setenv("EARSHOT_INSTANCE", "sword fish")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "sword fish" not in str(caught.value)


def test_without_an_address_the_variable_is_named():
    with pytest.raises(SettingsError, match=r"^EARSHOT_NATS_URL: "):
        _ = load().nats


def test_each_process_has_a_name_of_its_own():
    assert load().instance != load().instance
