"""What a hit is worth, and how much of its text is shown. Pure.

Scores lie in 0 to 1 and are alike in every partition as far as their statistics are: how rare a
word is, and how long a line, is counted within each partition. With sessions spread by hash the
counts are near enough for one list; the few sessions of a new system can differ more.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ALL_WORDS = 0.5
"""A hit of all words scores at least this, one of some words less."""

HALF_BM25 = 6.0
"""The BM25 score that is worth half of what a score can add; a rare word adds about that much."""

OPEN, CLOSE = "\x02", "\x03"
"""What stands around a word that was found."""

SNIPPET_CHARACTERS = 400
LEAD_CHARACTERS = 80

Vectors = NDArray[np.float32]


def keyword_score(bm25: float, *, all_words: bool) -> float:
    """The worth of a hit with this BM25 score, where more is better."""
    known = max(bm25, 0.0)
    return (ALL_WORDS if all_words else 0.0) + 0.5 * known / (known + HALF_BM25)


def hybrid_score(keyword: float, cosine: float) -> float:
    """Both halves count alike; ranks would not compare between partitions, scores do."""
    return 0.5 * keyword + 0.5 * semantic_score(cosine)


def semantic_score(cosine: float) -> float:
    """The worth of a window whose vector stands at this cosine to the query's."""
    return min(max(cosine, 0.0), 1.0)


def cosines(query: Vectors, chunks: Iterable[tuple[list[int], list[bytes]]]) -> dict[int, float]:
    """Each id's cosine to the query; vectors are float16, of length 1, and some at a time."""
    found: dict[int, float] = {}
    for ids, blobs in chunks:
        held = np.frombuffer(b"".join(blobs), np.float16).reshape(len(ids), -1)
        found.update(zip(ids, (held.astype(np.float32) @ query).tolist(), strict=True))
    return found


def bounded(snippet: str) -> str:
    """At most SNIPPET_CHARACTERS of the snippet, from shortly before the first word found."""
    if len(snippet) <= SNIPPET_CHARACTERS:
        return snippet
    first = max(0, snippet.find(OPEN) - LEAD_CHARACTERS)
    cut = snippet[first : first + SNIPPET_CHARACTERS]
    if cut.count(OPEN) > cut.count(CLOSE):
        cut += CLOSE
    return f"{'…' if first else ''}{cut}…"
