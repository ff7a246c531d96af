"""The sample meeting: an invented one, so that a new installation has something to listen to."""

from importlib import resources


def meeting() -> bytes:
    """The recording, in the format of contracts.recording."""
    return resources.files(__name__).joinpath("meeting.jsonl").read_bytes()
