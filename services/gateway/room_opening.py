"""Ask an ingest service for a Daily room. Makes none itself, and knows no key of Daily's."""

import nats.errors

from contracts import codec, subjects
from contracts.queries import RoomOpened, RoomRefused, RoomWanted
from services._runtime.app import Runtime
from services.gateway import problems, rooms
from services.gateway.plain import one_line
from services.gateway.problems import ProblemError

LIMIT_SECONDS = 12.0
MAX_DETAIL = 300

_SAID_NO = {
    "unauthorised": "Daily does not accept the key that is set",
    "refused": "Daily refused to make a room",
}


async def open_room(runtime: Runtime, wanted: RoomWanted) -> str:
    """The address of a room for the session, in one spelling.

    Raises ProblemError: 422 (`room_url`) where no Daily key is set, 502 where Daily said no, 503
    where Daily or every ingest service is away.
    """
    try:
        message = await runtime.nc.request(
            subjects.ROOM_WANTED, codec.encode_reply(wanted), LIMIT_SECONDS
        )
    except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
        raise problems.unavailable("no ingest service makes rooms now") from None
    match codec.room_replies.decode(message.data):
        case RoomOpened(room_url=room_url):
            return rooms.normal(room_url)
        case RoomRefused() as refused:
            raise _refusal(refused)
        case None:
            raise problems.unavailable("the ingest service is of another release")


def _refusal(refused: RoomRefused) -> ProblemError:
    if refused.reason == "not_configured":
        return problems.unfit("room_url", "no Daily key is set: give a room_url")
    said = one_line(refused.detail)[:MAX_DETAIL]
    if refused.reason == "unavailable":
        return problems.unavailable(_told("Daily does not answer", said))
    detail = _told(_SAID_NO[refused.reason], said)
    return ProblemError(problems.problem("no-room", 502, "There is no room", detail))


def _told(what: str, said: str) -> str:
    return f"{what}: {said}" if said else what
