"""What can go wrong between a command and a running system, in sentences for a person."""

import msgspec


class EarshotError(Exception):
    """The request had no result; the message says why and what to do."""


class UnreachableError(EarshotError):
    """Nothing answers at the address."""


class BrokenOffError(EarshotError):
    """The connection or the patience ended before the answer did."""


class UnexpectedAnswerError(EarshotError):
    """Something answers that is not Earshot, or a version that we do not understand."""


class FieldCause(msgspec.Struct, frozen=True):
    """One field of a request and why it was refused."""

    field: str
    cause: str


class Problem(msgspec.Struct, frozen=True):
    """The body of a refusal (RFC 9457)."""

    title: str
    status: int = 0
    detail: str = ""
    type: str = "about:blank"
    errors: tuple[FieldCause, ...] = ()


class ProblemError(EarshotError):
    """The system refused the request and said why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(sentence(problem))
        self.problem = problem


def sentence(problem: Problem) -> str:
    """Title and detail, and below them a line for each refused field that the detail left out."""
    head = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
    causes = (f"{one.field}: {one.cause}" for one in problem.errors)
    return "\n".join([head, *(f"  {cause}" for cause in causes if cause not in head)])
