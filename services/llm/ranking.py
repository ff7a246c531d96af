"""BM25 over tokenised documents; the only file that knows bm25s. It keeps no index."""

import logging
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

# The library sets its logger to DEBUG at import and would write a line a question.
logging.getLogger(bm25s.__name__).setLevel(logging.WARNING)

# Lines are short and a long one is rather the more informative: length counts less than in search.
_K1 = 1.2
_B = 0.4


def bm25(documents: Sequence[Sequence[str]], query: Sequence[str]) -> NDArray[np.float64]:
    """One score a document, 0 where it has no word of the query; equal input, equal output."""
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in d] for d in documents]
    asked = [vocabulary[word] for word in dict.fromkeys(query) if word in vocabulary]
    if not asked:
        return np.zeros(len(documents))
    index = bm25s.BM25(k1=_K1, b=_B)
    index.index((ids, vocabulary), create_empty_token=False, show_progress=False)
    scores: NDArray[np.float32] = index.get_scores_from_ids(asked)
    return scores.astype(np.float64)
