"""Vectors made on this machine by WordLlama, from the weights in its package; knows it alone.

Each word has a vector whatever stands around it, so that a text is known by its words and their
like, in English. It needs no network: where the package's files are missing it fails.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

# Its tokenizer would otherwise use every core, and complain of processes that are started later.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import wordllama

from services.context.embedding.seam import Vectors, fit
from services.context.retrieval.words import ASKING, STOP, words

AT_ONCE_CHARACTERS = 1000
"""So little is done in a millisecond, and not handed to the thread to wait behind the rest."""

_UNSAID = STOP | ASKING


class LocalEmbedder:
    """An embedder in this process; texts are read in a thread of its own."""

    trust = 0.5

    def __init__(self) -> None:
        """Take a second to load; raises FileNotFoundError where the package is not whole."""
        # It looks for its tokenizer in a folder that is not there, and then in the cache.
        package = Path(wordllama.__file__).parent
        self._model = wordllama.WordLlama.load(cache_dir=package, disable_download=True)
        self.model = f"wordllama-{wordllama.__version__}"
        self._thread = ThreadPoolExecutor(1, "embedding")

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See the seam; never fails."""
        told = [_told(text) for text in texts]
        if sum(map(len, told)) <= AT_ONCE_CHARACTERS:
            return self._embed(told)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, told)

    async def aclose(self) -> None:
        """Give up what was not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: list[str]) -> Vectors:
        found = self._model.embed(texts, batch_size=16)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        unit: Vectors = (found / np.maximum(lengths, 1e-9)).astype(np.float32)
        return unit


def _told(text: str) -> str:
    """The words that say what it is about; all of it where there are none."""
    cut = fit(text)
    return " ".join(word for word in words(cut) if word not in _UNSAID) or cut
