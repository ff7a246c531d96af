"""The API keys that the settings name, from a list or a file. Knows no web framework."""

from pathlib import Path

from services._runtime.settings import Settings, SettingsError
from services.gateway import auth
from services.gateway.auth import ApiKey


def keys(settings: Settings) -> tuple[ApiKey, ...]:
    """The API keys, none where none are set; raises SettingsError."""
    if settings.api_keys is None:
        if not auth.is_loopback(settings.host):
            raise SettingsError(
                f"EARSHOT_API_KEYS: must be set to listen on {settings.host}: without keys only "
                "this machine may be answered"
            )
        return ()
    given = settings.api_keys.get_secret_value()
    try:
        return auth.parse(given if auth.is_list(given) else Path(given).read_text("utf-8"))
    except auth.BadKeyError as error:
        raise SettingsError(f"EARSHOT_API_KEYS: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"EARSHOT_API_KEYS: neither a list of sha256: keys nor a file that can be read "
            f"({type(error).__name__})"
        ) from None
