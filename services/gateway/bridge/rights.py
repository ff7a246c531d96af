"""Who may ask what from inside a call. Pure."""

from typing import Literal, TypeAlias

from services.gateway.bridge.protocol import Task

Ask: TypeAlias = Literal["owners", "everybody"]
"""Who may ask questions: EARSHOT_ASK."""

REFUSED = "only an owner of the room may ask questions; you may ask for a summary or the transcript"


def may(task: Task, *, owner: bool, ask: Ask) -> bool:
    """Owners may do everything; others may read, and ask where everybody may."""
    return task != "query" or owner or ask == "everybody"
