"""The settings of a Daily bot: bounds, and what must not be sent to Daily."""

import pytest

from services._runtime.settings import Settings, SettingsError, load, shown


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


BAD = {
    "daily_api_url": [
        "x",
        "ftp://x",
        "https://",
        "https://x:0",
        "https://x:99999",
        "https://x/?a",
        "https://x/#a",
        "https://x y",
        "https://me:swordfish@x",
        "https://x:swordfish",
        "https://[",
    ],
    "no_show_seconds": ["-1", "nan", "inf", "86401", "soon"],
    "grace_seconds": ["-1", "nan", "86401"],
    "assistant_name": [" ", "x" * 65, "a\x07b"],
    "consent_notice": ["x" * 1001],
    "transcription_model": ["a b", "x" * 101, "../x"],
    "bots_per_process": ["-1", "x", "1.5", "10001"],
    "bot_hours": ["0", "nan", "169"],
    "bot_megabytes": ["0", "x"],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in BAD.items() for v in values])
def test_a_bad_value_names_its_variable_and_tells_no_secret(monkeypatch, field, value):
    name = str(Settings.model_fields[field].alias)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).startswith(f"{name}: ")
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.daily.co/v1",
        "https://api.daily.co/v1/",
        "http://127.0.0.1:8080/v1",
        "http://[::1]:1",
        "http://daily",
        "https://x:65535",
    ],
)
def test_an_address_is_taken_as_it_is(url):
    assert load(daily_api_url=url).daily_api_url == url


def test_the_defaults_are_the_promised_ones():
    found = load()
    assert found.daily_api_url == "https://api.daily.co/v1"
    assert (found.room_minutes, found.no_show_seconds, found.grace_seconds) == (15, 300, 60)
    assert (found.assistant_name, found.transcription_model) == ("Earshot", "nova-2-general")
    assert (found.bots_per_process, found.bot_hours, found.bot_megabytes) == (64, 4, 400)
    assert found.consent_notice.endswith(".")


@pytest.mark.parametrize(
    ("said", "notice"), [("none", ""), (" None ", ""), ("", ""), ("none of it", "none of it")]
)
def test_the_notice_can_be_left_out(said, notice):
    assert load(consent_notice=said).consent_notice == notice
    assert shown(load(consent_notice=said))["EARSHOT_CONSENT_NOTICE"] == notice
