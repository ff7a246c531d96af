"""Whether a summary says what its source does not: numbers, dates and names, and no more."""

from services.llm.faithfulness.checking import fault

__all__ = ["fault"]
