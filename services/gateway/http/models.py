"""The bodies that routes take. Strict: a number in quotes is not a number."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from services.gateway import rooms
from services.gateway.questions import MAX_QUERY, MIN_BUDGET

SessionIdText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Term = Annotated[str, StringConstraints(min_length=1, max_length=100)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]


def _is_text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character") from None
    return given


Text = Annotated[str, AfterValidator(_is_text)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewSession(_Body):
    """What a session is to be. `room_duration_mins` and `token` are for Daily rooms."""

    session_id: SessionIdText | None = Field(None, description="Chosen by you; 409 if it exists.")
    source: Literal["daily", "stream", "recording"] = "daily"
    room_url: Annotated[str, StringConstraints(max_length=2000)] | None = None
    room_duration_mins: int = Field(15, ge=1, le=24 * 60)
    token: Annotated[str, StringConstraints(max_length=4000)] | None = None
    language: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] | None
    ) = None
    redact_pii: bool = False
    vocabulary: list[Term] = Field([], max_length=500)
    metadata: dict[MetadataKey, MetadataValue] = Field({}, max_length=32)

    @field_validator("room_url")
    @classmethod
    def _in_one_spelling(cls, room_url: str | None) -> str | None:
        return None if room_url is None else rooms.normal(room_url)


class NewQuery(_Body):
    """A question about a meeting; a summary needs no `query`."""

    task: Literal["query", "summary", "transcript"] = "query"
    query: Text = Field("", description=f"At most {MAX_QUERY} characters.")
    min_seq: int | None = Field(
        None, ge=0, description="A sequence of the log that the answer must have seen."
    )
    budget_tokens: int | None = Field(
        None, ge=MIN_BUDGET, le=1_000_000, description="Size of the context the answer may go by."
    )
