"""Uploaded files to recordings that a session can play. Does no I/O and stores nothing."""

from services.gateway.importing.model import Recording, Target, UnreadableRecordingError
from services.gateway.importing.reading import read, write

__all__ = ["Recording", "Target", "UnreadableRecordingError", "read", "write"]
