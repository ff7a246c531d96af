"""Routes for the files of a session: to be played or shown in its room, and pictures taken."""

from fastapi import APIRouter, Request, Response

from services.gateway import dto, filing, problems, requesting
from services.gateway.http.gateway import MANAGE, READ, Parts, SessionId
from services.gateway.http.responses import body, shows

router = APIRouter(prefix="/v1/sessions/{session_id}/files", tags=["commands"])

_FILE = {"requestBody": {"required": True, "content": {"audio/*": {}, "image/*": {}}}}
_BYTES = {"description": "The file.", "content": {"audio/*": {}, "image/*": {}}}


@router.post(
    "",
    dependencies=[MANAGE],
    status_code=201,
    responses=shows({201: dto.FileAccepted}, 400, 404, 409, 413, 415),
    openapi_extra=_FILE,
)
async def post_file(request: Request, parts: Parts, session_id: SessionId) -> Response:
    """Store a sound or a picture for the commands that play and show one."""
    view = await parts.sessions.view(session_id)
    if view.status in requesting.OVER:
        raise problems.conflict("session_id", f"the session is {view.status}")
    kind = filing.media_type(request.headers.get("content-type", ""))
    return body(await parts.filing.keep(session_id, kind, await request.body()), 201)


@router.get("/{file_id}", dependencies=[READ], responses={200: _BYTES, **shows({}, 404)})
async def get_file(parts: Parts, session_id: SessionId, file_id: str) -> Response:
    """A file of the session, to be saved and never shown by a browser."""
    await parts.sessions.last_seq(session_id)
    kind, data = await parts.filing.fetch(session_id, file_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_id}"',
        "Cache-Control": "private, no-store",
    }
    return Response(data, headers=headers, media_type=kind)
