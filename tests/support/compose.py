"""compose.yaml read as Compose reads it: variables put in, commands and environments by service."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


class MissingVariableError(Exception):
    """A required variable is not set."""


def text() -> str:
    return (ROOT / "compose.yaml").read_text()


def variables() -> set[str]:
    """Every variable that may stand in `.env`."""
    return {match[1] for match in _VARIABLE.finditer(text())}


def required() -> set[str]:
    return {match[1] for match in _VARIABLE.finditer(text()) if match[2] == "?"}


def services(given: dict[str, str]) -> dict[str, dict]:
    """The services as they would be started with these variables."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if found := given.get(name):
            return found
        if kind == "?":
            raise MissingVariableError(name)
        return rest or ""

    return yaml.safe_load(_VARIABLE.sub(value, text()))["services"]
