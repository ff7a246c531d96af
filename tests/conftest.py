"""Profiles for property tests, and the fixtures every suite may ask for."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "earshot", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("earshot")

pytest_plugins = ["tests.support.nats"]

# A shell has what it runs in the background ignore Ctrl-C, and so would all that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Slow tests start first, so that the quick ones fill in beside them."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
