"""A room's address in one spelling, so that one room is one room. Asks nobody."""

from urllib.parse import urlsplit, urlunsplit


def normal(room_url: str) -> str:
    """Scheme and host in lower case, no slash at the end, without query and fragment.

    Raises ValueError unless it is an http or https address of printable characters.
    """
    if not room_url.isprintable():
        raise ValueError("must hold printable characters only")
    parts = urlsplit(room_url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("must be an http or https URL")
    login, at, host = parts.netloc.rpartition("@")
    netloc = f"{login}{at}{host.lower()}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
