"""Routes that have the bot do something in its call, and tell what came of it."""

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter, Request, Response

from contracts.calls import CALL_COMMANDS, CallCommand
from contracts.events import CommandFailed
from services.gateway import call_commands, dto
from services.gateway.call_commands import Conclusion
from services.gateway.http import errors
from services.gateway.http.gateway import MANAGE, READ, IdempotencyKey, Key, Parts, SessionId
from services.gateway.http.responses import body, shows, takes

router = APIRouter(prefix="/v1/sessions/{session_id}/commands", tags=["commands"])

OUTCOME: Mapping[int, type[msgspec.Struct]] = {200: dto.CommandOutcome, 202: dto.PendingCommand}


@router.post(
    "",
    dependencies=[MANAGE],
    responses=shows(OUTCOME, 400, 404, 409, 413, 415, 422, 504),
    openapi_extra=takes(CallCommand, CALL_COMMANDS),
)
async def post_command(
    request: Request,
    parts: Parts,
    key: Key,
    session_id: SessionId,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have the bot do something in its call, and wait for what comes of it.

    202 where nothing came of it yet: ask for it by its `command_id`.
    """
    errors.check_json(request)
    view = await parts.sessions.view(session_id)
    command = call_commands.decode(await request.body())
    repeatable = None if idempotency_key is None else (key.name, idempotency_key)
    plan = await parts.commanding.plan(session_id, command, repeatable)
    if plan.thread is None:
        call_commands.check_taken(view)
    return _told(plan.command_id, await parts.commanding.conclude(plan))


@router.get("/{command_id}", dependencies=[READ], responses=shows(OUTCOME, 404, 409, 422, 504))
async def get_command(parts: Parts, session_id: SessionId, command_id: str) -> Response:
    """What came of a command; 202 while nothing did."""
    await parts.sessions.last_seq(session_id)
    return _told(command_id, await parts.commanding.outcome(session_id, command_id))


def _told(command_id: str, conclusion: Conclusion | None) -> Response:
    if conclusion is None:
        return body(dto.PendingCommand(command_id=command_id), 202)
    if isinstance(conclusion, CommandFailed):
        raise call_commands.failure(conclusion)
    return body(dto.CommandOutcome(command_id=command_id, result=conclusion.result))
