"""Flags that several commands share, and where their defaults come from."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from earshot.text import masked
from services._runtime import settings
from services._runtime.settings import Settings, SettingsError

Url = Annotated[
    str | None,
    typer.Option("--url", help="Where Earshot runs; EARSHOT_URL, else http://127.0.0.1:8080."),
]
Key = Annotated[str | None, typer.Option("--key", help="API key; else EARSHOT_API_KEY.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Session = Annotated[
    str, typer.Argument(help="A session's id, or `latest`: the newest, live ones first.")
]


class Outside(BaseSettings):
    """Where commands find a running system; from the environment or `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    url: str = Field("http://127.0.0.1:8080", alias="EARSHOT_URL")
    api_key: SecretStr | None = Field(None, alias="EARSHOT_API_KEY")

    @property
    def key(self) -> str | None:
        """The API key in the clear."""
        return self.api_key.get_secret_value() if self.api_key else None


def outside(url: str | None, key: str | None) -> Outside:
    """The system to talk to, flags first; a usage error when the address or key cannot be one."""
    given = {name: value for name, value in (("url", url), ("api_key", key)) if value}
    try:
        found = Outside(**given)  # type: ignore[arg-type]  # pydantic turns the key into a secret
    except ValidationError as error:
        raise typer.BadParameter(str(error.errors()[0]["msg"])) from None
    if not _is_http(found.url):
        raise typer.BadParameter(
            f"not an http(s) address: {masked(found.url)!r}", param_hint="--url"
        )
    if found.key and not (found.key.isascii() and found.key.isprintable()):
        raise typer.BadParameter("only printable ASCII can be a key", param_hint="--key")
    return found


def loaded(**flags: object) -> Settings:
    """The settings, flags first; a usage error names what does not fit."""
    try:
        return settings.load(**flags)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None


def speed(value: str) -> str:
    """Check a `--speed`: `max`, or a factor above 0."""
    if value == "max":
        return value
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise typer.BadParameter("a number above 0, or `max`")
    return value


Form = Literal["txt", "json"]


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
