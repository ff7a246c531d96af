"""What an embedder gives and how it fails. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]

TEXT_CHARACTERS = 4000
"""More of one text is not looked at; models and servers take only so much."""


class EmbeddingError(Exception):
    """The embedder gave no vectors; trying again later may help."""


class UnfitTextError(EmbeddingError):
    """It does not take one of these texts, and will not later either."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1, alike for texts that mean the same."""

    @property
    def model(self) -> str:
        """Names the model, and all else that vectors must share to be compared."""

    @property
    def trust(self) -> float:
        """What its vectors count beside words, 0 to 1: less where they know words alone."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """A row for each text, none of which is blank; raises EmbeddingError."""

    async def aclose(self) -> None:
        """Let go of what it holds."""


def fit(text: str) -> str:
    """As much of the text as an embedder is given, without what is no character."""
    return text[:TEXT_CHARACTERS].encode("utf-8", "replace").decode()
