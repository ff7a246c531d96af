"""Exact token counts, where tiktoken and the file of the model's encoding are at hand.

Neither is fetched: without them the count of `tokens` serves.
"""

import importlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.context import tokens

_FILES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
"""tiktoken keeps an encoding under the digest of the address it was from."""
_NEWEST = "o200k_base"


@lru_cache(maxsize=8)
def measure(model: str) -> tokens.Measure:
    """How the texts for a model are measured; an unknown model counts as a new one."""
    try:
        tiktoken = importlib.import_module("tiktoken")
    except ImportError:
        return tokens.units
    try:
        name = str(tiktoken.encoding_name_for_model(model))
    except KeyError:
        name = _NEWEST
    directory = os.environ.get("TIKTOKEN_CACHE_DIR", "")
    if not directory or not (Path(directory) / _FILES.get(name, "none")).is_file():
        return tokens.units
    return of_encoding(tiktoken.get_encoding(name))


def of_encoding(encoding: Any) -> tokens.Measure:  # noqa: ANN401 - the library may be missing
    """Measure with a tiktoken encoding; special tokens in a text are plain text."""

    def exact(text: str) -> int:
        return len(encoding.encode_ordinary(text)) * tokens.UNITS

    return exact
