"""Settings from the environment, `.env` and flags: checked once, frozen, secrets masked."""

import re
import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_DATA_DIR = Path(".earshot")

MAX_PORT = 65535

_LOGIN = re.compile(r"://[^/@]*@")
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?"
)


class SettingsError(ValueError):
    """A setting cannot be used; the message names the variable and the cause."""


class Settings(BaseSettings):
    """Every field's alias is its environment variable; docs/operations.md explains each."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    nats_url: SecretStr | None = Field(None, alias="EARSHOT_NATS_URL")
    data_dir: Path = Field(DEFAULT_DATA_DIR, alias="EARSHOT_DATA_DIR")
    master_key: SecretStr | None = Field(None, alias="EARSHOT_MASTER_KEY")
    host: str = Field("127.0.0.1", alias="EARSHOT_HOST")
    port: int = Field(8080, alias="EARSHOT_PORT", ge=0, le=65535)
    health_port: int | None = Field(None, alias="EARSHOT_HEALTH_PORT", ge=1, le=65535)
    api_keys: SecretStr | None = Field(None, alias="EARSHOT_API_KEYS")
    log: Literal["json", "console"] = Field("json", alias="EARSHOT_LOG")

    daily_api_key: SecretStr | None = Field(None, alias="DAILY_API_KEY")
    ask: Literal["owners", "everybody"] = Field("owners", alias="EARSHOT_ASK")
    daily_api_url: str = Field("https://api.daily.co/v1", alias="DAILY_API_URL")
    no_show_seconds: float = Field(300, alias="EARSHOT_NO_SHOW_SECONDS", ge=0, le=24 * 60 * 60)
    grace_seconds: float = Field(60, alias="EARSHOT_GRACE_SECONDS", ge=0, le=24 * 60 * 60)
    assistant_name: str = Field(
        "Earshot", alias="EARSHOT_ASSISTANT_NAME", min_length=1, max_length=64
    )
    consent_notice: str = Field(
        "An assistant is in this call and writes down what is said.",
        alias="EARSHOT_CONSENT_NOTICE",
        max_length=1000,
    )
    transcription_model: str = Field(
        "nova-2-general", alias="EARSHOT_TRANSCRIPTION_MODEL", pattern=r"^[A-Za-z0-9._:-]{1,100}$"
    )
    bots_per_process: int = Field(64, alias="EARSHOT_BOTS", ge=0, le=10_000)
    bot_hours: float = Field(4, alias="EARSHOT_BOT_HOURS", gt=0, le=7 * 24)
    bot_megabytes: int = Field(400, alias="EARSHOT_BOT_MEGABYTES", ge=1, le=1 << 20)
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL")
    openai_model: str = Field("gpt-4o-mini", alias="OPENAI_MODEL_NAME")
    openai_embedding_model: str | None = Field(None, alias="OPENAI_EMBEDDING_MODEL")
    embeddings: Literal["off", "local", "openai"] | None = Field(
        None, alias="EARSHOT_EMBEDDINGS", validate_default=True
    )

    room_minutes: int = Field(15, alias="EARSHOT_ROOM_MINUTES", ge=1, le=24 * 60)
    summary_seconds: float = Field(30, alias="EARSHOT_SUMMARY_SECONDS", ge=0, le=3600)
    answer_seconds: float = Field(60, alias="EARSHOT_ANSWER_SECONDS", ge=1, le=600)
    context_tokens: int = Field(8000, alias="EARSHOT_CONTEXT_TOKENS", ge=200, le=1_000_000)
    compact_above_tokens: int = Field(4500, alias="EARSHOT_COMPACT_ABOVE_TOKENS", ge=100)
    compact_down_to_tokens: int = Field(2500, alias="EARSHOT_COMPACT_DOWN_TO_TOKENS", ge=50)

    spool_bytes: int = Field(2 << 30, alias="EARSHOT_SPOOL_BYTES", ge=1 << 20)
    store_bytes: int = Field(20 << 30, alias="EARSHOT_STORE_BYTES", ge=100 << 20)
    upload_bytes: int = Field(64 << 20, alias="EARSHOT_UPLOAD_BYTES", ge=1 << 10)
    instance: str = Field(
        default_factory=lambda: secrets.token_hex(4),
        alias="EARSHOT_INSTANCE",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
    )

    @field_validator("compact_down_to_tokens")
    @classmethod
    def _below_the_high_mark(cls, low: int, info: object) -> int:
        high = getattr(info, "data", {}).get("compact_above_tokens", low + 1)
        if low >= high:
            raise ValueError("must be below EARSHOT_COMPACT_ABOVE_TOKENS")
        return low

    @field_validator("embeddings")
    @classmethod
    def _embeddings(cls, wanted: str | None, info: object) -> str:
        """Where nothing is said, `openai` with a model for it, else `off`."""
        given = getattr(info, "data", {})
        model = given.get("openai_embedding_model")
        chosen = wanted or ("openai" if model else "off")
        if chosen == "openai" and not model:
            raise ValueError("openai needs OPENAI_EMBEDDING_MODEL")
        if chosen == "openai" and not given.get("openai_api_key"):
            raise ValueError("openai needs some value in OPENAI_API_KEY")
        return chosen

    @field_validator("daily_api_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        found = _ADDRESS.fullmatch(url)
        if found is None or not 0 < int(found["port"] or 80) <= MAX_PORT:
            raise ValueError("must be an http or https URL without a login and a query")
        return url

    @field_validator("assistant_name")
    @classmethod
    def _a_name(cls, name: str) -> str:
        if not name.isprintable() or not name.strip():
            raise ValueError("must hold printable characters only, and some besides spaces")
        return name.strip()

    @field_validator("consent_notice")
    @classmethod
    def _none_is_empty(cls, notice: str) -> str:
        """An empty variable means an unset one, so that "none" has to be said."""
        return "" if notice.strip().lower() == "none" else notice

    @property
    def nats(self) -> str:
        """The NATS URL, or SettingsError where there is none to connect to."""
        if self.nats_url is None:
            raise SettingsError("EARSHOT_NATS_URL: not set, and no embedded server was started")
        return self.nats_url.get_secret_value()


def load(**flags: object) -> Settings:
    """Read the settings, flags first; SettingsError names each variable that does not fit."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks what a flag holds
    except ValidationError as error:
        causes = (
            f"{_variable(str(one['loc'][0]))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise SettingsError("; ".join(causes)) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: not UTF-8") from None


def shown(settings: Settings) -> dict[str, str]:
    """Variable to value as a person may see it: secrets are masked."""
    values = {_variable(name): str(getattr(settings, name)) for name in Settings.model_fields}
    return {name: _LOGIN.sub("://**********@", value) for name, value in values.items()}


def _variable(name: str) -> str:
    """A field's variable; pydantic names some fields by the one, some by the other."""
    field = Settings.model_fields.get(name)
    return name if field is None else str(field.alias)
