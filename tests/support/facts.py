"""Facts with sensible defaults, so that a test names only what it is about."""

from datetime import UTC, datetime, timedelta

from contracts.events import QueryAsked, SegmentHeard, SessionRequested, SessionStarted

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def at(seconds: float = 0) -> datetime:
    return START + timedelta(seconds=seconds)


def requested(session_id="s1", **fields) -> SessionRequested:
    defaults = {"session_id": session_id, "time": at(), "source": "recording"}
    return SessionRequested(**defaults | fields)


def started(session_id="s1", **fields) -> SessionStarted:
    return SessionStarted(**{"session_id": session_id, "time": at()} | fields)


def heard(number: int, text: str | None = None, session_id="s1", **fields) -> SegmentHeard:
    """Segment `number`, two seconds long, three seconds after the one before."""
    defaults = {
        "session_id": session_id,
        "time": at(3 * number + 2),
        "segment_id": f"seg{number}",
        "start": 3.0 * number,
        "end": 3.0 * number + 2,
        "text": f"number {number}" if text is None else text,
        "speaker": "Ada",
        "speaker_id": "p1",
    }
    return SegmentHeard(**defaults | fields)


def asked(query_id="q1", query="what was said?", session_id="s1", **fields) -> QueryAsked:
    defaults = {
        "session_id": session_id,
        "time": at(),
        "query_id": query_id,
        "task": "query",
        "query": query,
        "deadline": at(86_400 * 365),
    }
    return QueryAsked(**defaults | fields)
