"""Which lines of a meeting go verbatim into a context of so many tokens for a question.

`Index.sync` takes the lines as they are now, `understand` reads the question and `select` chooses.
The same lines, question and budget give the same choice, however the index grew. No model is
asked, nothing is stored, and summaries are somebody else's.
"""

from services.context.retrieval.asking import Asked, understand
from services.context.retrieval.index import Index
from services.context.retrieval.line import Line
from services.context.retrieval.selecting import select

__all__ = ["Asked", "Index", "Line", "select", "understand"]
