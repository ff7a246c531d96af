"""Keeps the room transcribed: what each thing that happens to transcription leads to. Pure.

Starts a transcription of our own when there is none, and starts it again whenever it ends; never
stops or changes one that somebody else started. While nothing is heard a gap is open.
"""

from datetime import timedelta

from msgspec.structs import replace

from contracts import calls
from contracts.events import (
    TranscriptionStalled,
    TranscriptionStarted,
    TranscriptionStopped,
    TranscriptionUpdated,
)
from services.ingest.bot import readings, stalls
from services.ingest.bot.moves import (
    FAILED,
    LATE,
    STALLED,
    STOPPED,
    again,
    close_gaps,
    deafened,
    fail,
    open_gap,
    pump,
    restart,
    up,
)
from services.ingest.bot.orders import ORDER
from services.ingest.bot.seam import SLOW_SECONDS
from services.ingest.bot.stalls import Watch
from services.ingest.bot.steps import Answered, Ordered
from services.ingest.bot.transcription import Instance, Status, Turn

LOOK = timedelta(seconds=1)
"""After joining: the event that tells of a running transcription comes within milliseconds."""
WINDING_UP = timedelta(seconds=20)
"""Who stopped our own transcription in our name is about to leave, or has left by then."""
MAX_LISTED = 1000
MAX_ORDERS = 20


def enter(turn: Turn) -> Turn:
    """The bot is in the room."""
    at = turn.now.at
    return turn.become(present=True, entered=at, deaf=at, due=at + LOOK, clear=turn.now.offset)


def leave(turn: Turn) -> Turn:
    """The bot is on its way out: nothing is started any more."""
    return turn.become(present=False, due=None)


def started(turn: Turn, status: object) -> Turn:
    """The room tells of a transcription that runs, perhaps not for the first time."""
    told, state, at = _status(status), turn.state, turn.now.at
    running, entered = state.running, state.entered
    if running is not None and running.status == told:
        return turn
    unconfirmed = running if running is not None and running.status is None else None
    awaited = state.asked is not None or (unconfirmed is not None and unconfirmed.own)
    mine = told.started_by == turn.now.roster.own_id if told.started_by else awaited
    own = mine or turn.now.is_ours(told.started_by)
    fact = TranscriptionStarted(
        **turn.now.head,
        own=own,
        instance_id=told.instance_id,
        language=told.language,
        model=told.model,
        started_by=told.started_by,
    )
    turn = turn.tell(fact).become(announced=True, asked=None if mine else state.asked)
    if mine and unconfirmed is not None and unconfirmed.own:
        return turn.become(running=replace(unconfirmed, status=told))
    fresh = mine or (entered is not None and at - entered > LOOK)
    return up(turn, Instance(own=own, since=at, status=told, fresh=fresh))


def updated(turn: Turn, update: object) -> Turn:
    """Somebody chose who is transcribed; a list of nobody may also be Daily's word for all."""
    told = readings.mapping(update)
    listed = told.get("participants")
    chosen: tuple[str, ...] | None = None
    if isinstance(listed, list | tuple):
        chosen = tuple(one for one in map(readings.ident, listed[:MAX_LISTED]) if one is not None)
    by = readings.ident(told.get("updatedBy"))
    fact = TranscriptionUpdated(**turn.now.head, participants=chosen, updated_by=by)
    return turn.tell(fact).become(only=chosen or turn.state.only)


def stopped(turn: Turn, stopped_by: object, by_error: object) -> Turn:
    """The room is not transcribed any more."""
    state, by, failed = turn.state, readings.ident(stopped_by), by_error is True
    if state.running is None and not state.announced:
        return turn
    fact = TranscriptionStopped(**turn.now.head, stopped_by=by, by_error=failed)
    turn = turn.tell(fact).become(announced=False, deaf=state.deaf or turn.now.at, watch=Watch())
    if not state.present:
        return turn.become(running=None)
    if state.stopping is not None or state.asked is not None:
        return pump(deafened(turn.become(running=None, stopping=None), FAILED))
    if not state.wanted:
        return deafened(turn.become(running=None), STOPPED)
    if by is not None and by == turn.now.roster.own_id:
        return turn.become(running=None, due=state.due or turn.now.at + WINDING_UP)
    turn = again(turn, refused=False).become(running=None)
    return pump(deafened(turn, FAILED if failed or by is None else STOPPED))


def errored(turn: Turn, message: object) -> Turn:
    """Transcription reported an error. Our own is stopped and started again."""
    state = turn.state
    turn = fail(turn, _detail(message))
    if not state.present or (state.asked is not None and state.running is None):
        return turn
    turn = turn.become(deaf=state.deaf or turn.now.at)
    return restart(deafened(turn, FAILED))


def answered(turn: Turn, answer: Answered) -> Turn:
    """What became of a request of ours; those of others are theirs."""
    if answer.ref == turn.state.asked:
        return _start_answered(turn.become(asked=None), answer)
    if answer.ref == turn.state.stopping:
        return _stop_answered(turn.become(stopping=None))
    for order in turn.state.orders:
        if answer.ref == ORDER + order.command_id:
            return _order_answered(turn, order, refused=answer.error is not None)
    return turn


def ordered(turn: Turn, order: Ordered) -> Turn:
    """Somebody ordered something about transcription; the request itself is not made here."""
    state, now = turn.state, turn.now
    match order.command:
        case calls.StopTranscription():
            turn = turn.become(wanted=False, due=None)
            return deafened(turn, STOPPED) if state.running is None else turn
        case calls.StartTranscription(settings=settings) if state.running is None:
            # The order's own request goes first; ours follows where that one fails.
            due = now.at + timedelta(seconds=SLOW_SECONDS)
            return _awaiting(turn.become(wanted=True, over=settings or {}, due=due), order)
        case calls.StartTranscription():
            return turn.become(wanted=True)
        case calls.UpdateTranscription():
            return _awaiting(turn, order)
        case _:
            return turn


def heard(turn: Turn) -> Turn:
    """A message of the transcription came: it runs, unless it ended a moment ago."""
    state, at = turn.state, turn.now.at
    turn = turn.become(watch=Watch())
    if state.deaf is None:
        return close_gaps(turn.become(waits=0))
    if not state.present or at - state.deaf <= LATE:
        return turn
    if state.running is None:
        return up(turn, Instance(own=state.asked is not None, since=at))
    return close_gaps(turn.become(deaf=None, told=False))


def spoke(turn: Turn, participant_id: str) -> Turn:
    """The room noticed somebody speaking."""
    state = turn.state
    muted = state.only is not None and participant_id not in state.only
    if muted or state.running is None or turn.now.is_ours(participant_id):
        return turn
    return turn.become(watch=stalls.speech(state.watch, turn.now.at))


def ticked(turn: Turn) -> Turn:
    """Time passed: what is due is asked for, and a stall is noticed."""
    turn = pump(turn)
    state, now = turn.state, turn.now
    seconds = stalls.stalled(state.watch, now.at)
    if seconds is None or state.running is None or state.deaf is not None:
        return turn
    fact = TranscriptionStalled(**now.head, seconds=round(seconds, 3))
    turn = turn.tell(fact).become(watch=Watch(told=True))
    return restart(open_gap(turn, STALLED, min(now.offset, max(state.clear, state.said))))


def _awaiting(turn: Turn, order: Ordered) -> Turn:
    return turn.become(orders=(*turn.state.orders, order)[-MAX_ORDERS:])


def _order_answered(turn: Turn, order: Ordered, *, refused: bool) -> Turn:
    """What Daily refused must not be asked again with every start of our own."""
    rest = tuple(one for one in turn.state.orders if one.command_id != order.command_id)
    turn = turn.become(orders=rest)
    match order.command:
        case calls.UpdateTranscription(participants=participants) if not refused:
            return turn.become(only=participants)
        case calls.StartTranscription(settings=settings) if turn.state.over == settings:
            return turn.become(over={}) if refused else turn
        case _:
            return turn


def _start_answered(turn: Turn, answer: Answered) -> Turn:
    state = turn.state
    if state.running is not None or not state.present:
        return turn
    if answer.error is None and not answer.unanswered:
        return up(turn, Instance(own=True, since=turn.now.at, fresh=True))
    turn = fail(turn, _detail(answer.error or "no answer in time"))
    turn = deafened(turn, FAILED)
    return again(turn, refused=True) if state.wanted else turn


def _stop_answered(turn: Turn) -> Turn:
    state = turn.state
    if state.running is not None and not state.running.own:
        return turn
    turn = turn.become(running=None, deaf=state.deaf or turn.now.at)
    return pump(turn.become(due=state.due or turn.now.at))


def _status(told: object) -> Status:
    status = readings.mapping(told)
    return Status(
        started_by=readings.ident(status.get("startedBy")),
        instance_id=readings.ident(status.get("instanceId")),
        transcript_id=readings.ident(status.get("transcriptId")),
        language=readings.text(status.get("language"), readings.MAX_NAME),
        model=readings.text(status.get("model"), readings.MAX_NAME),
    )


def _detail(message: object) -> str:
    return readings.text(message, 500) or "no reason given"
