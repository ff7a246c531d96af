"""Daily's words for a join that failed, as reasons and plain sentences. Pure.

The words are no interface of Daily's: what is not recognised is told as it is.
"""

from services.ingest.session import Failure

_KNOWN: tuple[tuple[tuple[str, ...], Failure, str], ...] = (
    (
        ("NoLongerAvailable", "exp-room", "no longer available"),
        "room_closed",
        "The room is no longer available: its time is up.",
    ),
    (
        ("NotYetAvailable", "nbf-room", "not available yet"),
        "room_closed",
        "The room is not open yet.",
    ),
    (
        ("404", "NotFound", "does not exist"),
        "room_closed",
        "There is no such room.",
    ),
    (
        ("RoomInfoFetchFailed", "lookup address", "(Connect", "timed out"),
        "room_unreachable",
        "The room cannot be reached: Daily does not answer from here.",
    ),
    (
        ("parse url", "InvalidUrl"),
        "room_refused",
        "The room's address is not one that Daily knows.",
    ),
    (
        ("do not have access", "not allowed", "token", "Unauthorized", "forbidden"),
        "room_refused",
        "The room lets nobody in without a valid meeting token.",
    ),
)


def failure(detail: str) -> tuple[Failure, str]:
    """The reason of a SessionFailed and a sentence for people."""
    for words, reason, sentence in _KNOWN:
        if any(word.casefold() in detail.casefold() for word in words):
            return reason, sentence
    if not detail:
        return "room_unreachable", "The room cannot be reached: Daily did not answer in time."
    return "room_refused", f"Daily did not let the assistant in: {detail[:200]}"
