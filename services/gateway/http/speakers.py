"""The route that names a session's speakers, and merges those that are one person."""

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from services.gateway import transcript
from services.gateway.http.gateway import MANAGE, IdempotencyKey, Key, Parts, SessionId
from services.gateway.http.models import SpeakerNames
from services.gateway.http.responses import JSON, REF_TEMPLATE, shows
from services.gateway.transcript import Speaker

router = APIRouter(prefix="/v1/sessions/{session_id}/speakers", tags=["sessions"])

SPEAKER = {"$ref": REF_TEMPLATE.format(name="Speaker")}
SCHEMA = {"schema": {"type": "object", "additionalProperties": SPEAKER}}
SHOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "As asked.", "content": {JSON: SCHEMA}},
    **shows({}, 400, 404, 413, 415, 422),
}


@router.patch("", dependencies=[MANAGE], responses=SHOWN)
async def patch_speakers(
    parts: Parts,
    key: Key,
    session_id: SessionId,
    names: SpeakerNames,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Name speakers, by their keys in a transcript's `speakers`; answers with those.

    Two that get the same name are one person from then on, and so are one who gets the name that
    another one has. Every later view and export shows it; a view `at_seq` of before does not.
    """
    repeatable = None if idempotency_key is None else (key.name, idempotency_key)
    await parts.renaming.rename(session_id, names.root, repeatable)
    found: dict[str, Speaker] = transcript.speakers_of(await parts.sessions.transcript(session_id))
    return Response(msgspec.json.encode(found), media_type=JSON)
