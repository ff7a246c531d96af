"""Uploaded files to recordings that a session can play. Does no I/O and stores nothing."""

from services.gateway.importing.model import (
    OversizedRecordingError,
    Recording,
    Target,
    UnreadableRecordingError,
)
from services.gateway.importing.reading import read, write

__all__ = [
    "OversizedRecordingError",
    "Recording",
    "Target",
    "UnreadableRecordingError",
    "read",
    "write",
]
