"""Old shapes to new ones, one function a step, named after the tag it replaces.

A change that a default cannot carry gets a new tag; its step here takes the stored object under the
old tag and returns the object under the next. Nothing has changed shape yet.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: Mapping[str, Step] = {}


def upcast(stored: dict[str, Any], steps: Mapping[str, Step]) -> dict[str, Any]:
    """Return `stored` in the shape that no step replaces; it must have a `type`."""
    while (step := steps.get(stored["type"])) is not None:
        stored = step(stored)
    return stored
