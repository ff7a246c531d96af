"""Structs to responses, and structs to the schemas that the OpenAPI document shows."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Response

from services.gateway import problems
from services.gateway.problems import Problem, ProblemError

JSON = "application/json"
REF_TEMPLATE = "#/components/schemas/{name}"

_documented: dict[str, type[msgspec.Struct]] = {}


def body(
    content: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A struct as JSON."""
    return Response(msgspec.json.encode(content), status, headers, JSON)


def refusal(error: ProblemError) -> Response:
    """A problem as its response."""
    return Response(
        problems.render(error.problem), error.problem.status, error.headers, problems.MEDIA_TYPE
    )


def shows(
    answers: Mapping[int, type[msgspec.Struct]], *failures: int
) -> dict[int | str, dict[str, Any]]:
    """What a route's OpenAPI entry says it answers with."""
    shown: dict[int | str, dict[str, Any]] = {
        status: _content(struct, JSON, "As asked.") for status, struct in answers.items()
    }
    for status in (*failures, 503):
        shown[status] = _content(Problem, problems.MEDIA_TYPE, "A problem.")
    return shown


def takes(union: object, members: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    """What a route's OpenAPI entry says of a body that the route reads itself."""
    _documented.update({member.__name__: member for member in members})
    (schema,), _ = msgspec.json.schema_components([union], ref_template=REF_TEMPLATE)
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def schemas() -> dict[str, Any]:
    """The schemas of every struct that `shows` and `takes` were given."""
    _, components = msgspec.json.schema_components(_documented.values(), ref_template=REF_TEMPLATE)
    return components


def _content(struct: type[msgspec.Struct], media_type: str, description: str) -> dict[str, Any]:
    _documented[struct.__name__] = struct
    reference = {"$ref": REF_TEMPLATE.format(name=struct.__name__)}
    return {"description": description, "content": {media_type: {"schema": reference}}}
