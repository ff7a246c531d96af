"""Where `up` may listen: the port is free, and nobody outside gets in without a key."""

import errno
import ipaddress
import socket

_V6 = 6


class AddressError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def free_port(host: str, port: int) -> int:
    """The port to listen on, for 0 one that is free now; raises AddressError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressError(
                f"Port {port} is in use: stop what uses it or give --port"
            ) from error
        raise AddressError(f"Cannot listen on {host}:{port}: {error.strerror}") from error


def check_reach(host: str, *, keyed: bool) -> None:
    """Raise AddressError when others than this machine could come in without a key."""
    if not keyed and not is_loopback(host):
        raise AddressError(
            f"Listening on {host} without API keys would let anybody in: set EARSHOT_API_KEYS, "
            "or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether the name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_url(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.version == _V6:
        return f"http://[{'::1' if address.is_unspecified else host}]:{port}"
    return f"http://{'127.0.0.1' if address.is_unspecified else host}:{port}"
