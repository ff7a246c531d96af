"""What a request gets instead of an answer: RFC 9457 problems. Never quotes a value."""

from collections.abc import Mapping

import msgspec

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
"""What `Retry-After` says where nothing better is known."""


class FieldError(msgspec.Struct, frozen=True):
    """One field of a request that does not fit, and why."""

    field: str
    cause: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a problem; where a question or a command failed, its id and `reason` too."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET
    query_id: str | msgspec.UnsetType = msgspec.UNSET
    command_id: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET


class ProblemError(Exception):
    """A request that cannot be answered; `headers` go with the problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem, self.headers = problem, dict(headers or {})


def render(problem: Problem) -> bytes:
    """The problem as JSON."""
    return msgspec.json.encode(problem)


def problem(slug: str, status: int, title: str, detail: str, *errors: FieldError) -> Problem:
    """A problem of our own kind, named by `slug`."""
    return Problem(
        type=f"urn:earshot:problem:{slug}",
        title=title,
        status=status,
        detail=detail,
        errors=errors or msgspec.UNSET,
    )


def at_field(slug: str, status: int, title: str, field: str, cause: str) -> ProblemError:
    """A problem with one field of the request."""
    return ProblemError(problem(slug, status, title, f"{field}: {cause}", FieldError(field, cause)))


def unfit(field: str, cause: str) -> ProblemError:
    """422: the field has a value that cannot be used."""
    return at_field("unfit-value", 422, "The request cannot be used", field, cause)


def malformed(field: str, cause: str) -> ProblemError:
    """400: the field cannot be read at all."""
    return at_field("malformed-request", 400, "The request cannot be read", field, cause)


def too_large(field: str, cause: str) -> ProblemError:
    """413: the field is longer than its limit."""
    return at_field("too-large", 413, "The request is too large", field, cause)


def wrong_media_type(cause: str) -> ProblemError:
    """415: the body is of a kind this route does not read."""
    return at_field("media-type", 415, "Not a media type this reads", "Content-Type", cause)


def conflict(field: str, cause: str) -> ProblemError:
    """409: the field does not go with what is stored."""
    return at_field("conflict", 409, "The request conflicts with what is stored", field, cause)


def missing(what: str, detail: str) -> ProblemError:
    """404."""
    return ProblemError(problem(f"unknown-{what}", 404, f"No such {what}", detail))


def unknown_session() -> ProblemError:
    """404: nothing is known of the session, or it was erased."""
    return at_field("unknown-session", 404, "No such session", "session_id", "is not known")


def unavailable(detail: str = "the event log does not answer") -> ProblemError:
    """503: trying again later helps."""
    return ProblemError(
        problem("unavailable", 503, "Not available now", detail),
        {"Retry-After": str(RETRY_SECONDS)},
    )
