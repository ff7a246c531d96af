"""The seal: the wire as JSON Schema. `make seal` rewrites schema.json; a test compares."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from contracts.commands import Job
from contracts.events import Event
from contracts.queries import (
    AnswerDelta,
    AudioChunk,
    Caption,
    ChangesReply,
    ChangesWanted,
    ContextReply,
    ContextWanted,
    Health,
    RoomReply,
    RoomWanted,
    SearchReply,
    SearchWanted,
)
from contracts.recording import Header

PATH = Path(__file__).with_name("schema.json")


def render() -> str:
    """Every message that crosses a process border or is stored, as one document."""
    families = {
        "event": Event,
        "command": Job,
        "context_wanted": ContextWanted,
        "context_reply": ContextReply,
        "changes_wanted": ChangesWanted,
        "changes_reply": ChangesReply,
        "search_wanted": SearchWanted,
        "search_reply": SearchReply,
        "answer_delta": AnswerDelta,
        "room_wanted": RoomWanted,
        "room_reply": RoomReply,
        "caption": Caption,
        "audio_chunk": AudioChunk,
        "health": Health,
        "recording_header": Header,
    }
    roots, defs = msgspec.json.schema_components(families.values(), ref_template="#/$defs/{name}")
    document = {"families": dict(zip(families, roots, strict=True)), "$defs": defs}
    return json.dumps(_even(document), indent=1, sort_keys=True) + "\n"


def _even(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Docstrings alike whichever Python compiled them: since 3.13 it strips their indentation."""
    if isinstance(node, dict):
        return {
            key: cleandoc(value) if key == "description" else _even(value)
            for key, value in node.items()
        }
    return [_even(one) for one in node] if isinstance(node, list) else node


if __name__ == "__main__":
    PATH.write_text(render())
