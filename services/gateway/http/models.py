"""The bodies that routes take. Strict: a number in quotes is not a number."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from services.gateway import rooms
from services.gateway.plain import one_line
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


def _is_token(given: SecretStr) -> SecretStr:
    token = given.get_secret_value()
    if not 0 < len(token) <= MAX_TOKEN or not token.isprintable():
        raise ValueError(f"must hold 1 to {MAX_TOKEN} printable characters")
    return given


MAX_TOKEN = 4096
Token = Annotated[
    SecretStr,
    AfterValidator(_is_token),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_TOKEN}),
]


def _is_name(given: str) -> str:
    """Not `isprintable`, which refuses the joiners that names of some scripts have in them."""
    visible = any(one.isprintable() and not one.isspace() for one in given)
    if not visible or one_line(given) != given or not 0 < len(given) <= MAX_SPEAKER_NAME:
        raise ValueError(f"must hold 1 to {MAX_SPEAKER_NAME} printable characters")
    return given.strip()


MAX_SPEAKER_NAME = 100
MAX_SPEAKERS = 64
SpeakerName = Annotated[
    Text,
    AfterValidator(_is_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_SPEAKER_NAME}),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewSession(_Body):
    """What a session is to be. `room_duration_mins` and `token` are for Daily rooms.

    Without `room_url` a Daily session gets a room of its own, which stays open for that long. Of a
    room that is given, the assistant leaves after `room_duration_mins`, if they are given too.
    """

    session_id: SessionIdText | None = Field(None, description="Chosen by you; 409 if it exists.")
    source: Literal["daily", "stream", "recording"] = "daily"
    room_url: Annotated[str, StringConstraints(max_length=2000)] | None = None
    room_duration_mins: int | None = Field(
        None, ge=1, le=24 * 60, description="For a new room 15 where nothing else is set."
    )
    token: Token | None = Field(None, description="The meeting token to join with; never shown.")
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

    @field_validator("redact_pii")
    @classmethod
    def _redactable(cls, redact_pii: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        if redact_pii and info.data.get("source") == "recording":
            raise ValueError("a recording is stored as it is: redact it before you send it")
        return redact_pii


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


class SpeakerNames(RootModel[dict[Text, SpeakerName]]):
    """What speakers are to be called."""

    model_config = ConfigDict(frozen=True, strict=True)
    root: dict[Text, SpeakerName] = Field(min_length=1, max_length=MAX_SPEAKERS)
