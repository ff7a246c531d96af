"""The moves in keeping the room transcribed: start, stop, tell, open and close gaps. Pure.

When which move is made is `transcribing`'s.
"""

from datetime import timedelta
from typing import Any

from contracts import ids
from contracts.events import GapClosed, GapOpened, TranscriptionFailed
from services.ingest.bot.requesting import transcription as over_base
from services.ingest.bot.stalls import Watch
from services.ingest.bot.steps import Charge
from services.ingest.bot.transcription import Gap, Instance, Turn

LONGEST_WAIT = 30.0
"""Seconds between two attempts to start, at most."""
STEADY = timedelta(seconds=60)
"""After a run as long as this the next attempt is a first one again."""
LATE = timedelta(seconds=5)
"""Words of a transcription that ended may still come; later ones say that one runs."""
FAILED = "transcription_failed"
STOPPED = "transcription_stopped"
STALLED = "transcription_stalled"


def settings(charge: Charge) -> dict[str, Any]:
    """Daily's TranscriptionSettings as the charge wants them."""
    extra: dict[str, Any] = {"interim_results": True}
    if charge.vocabulary:
        extra["keywords"] = list(charge.vocabulary)
    chosen = {} if charge.language is None else {"language": charge.language}
    return {
        **chosen,
        "model": charge.model,
        "punctuate": True,
        "endpointing": True,
        "profanity_filter": False,
        "redact": charge.redact_pii,
        "includeRawResponse": True,
        "extra": extra,
    }


def start(turn: Turn) -> Turn:
    """Ask for our own transcription."""
    number = turn.state.asks + 1
    ref = f"transcription:start:{number}"
    chosen = over_base(settings(turn.now.charge), turn.state.over)
    turn = turn.become(asks=number, asked=ref, due=None, told=False)
    return turn.ask(ref, "start_transcription", chosen)


def stop(turn: Turn) -> Turn:
    """Ask for the end of our own transcription, to start it again."""
    number = turn.state.asks + 1
    ref = f"transcription:stop:{number}"
    return turn.become(asks=number, stopping=ref).ask(ref, "stop_transcription")


def limit(turn: Turn) -> Turn:
    """Have only those transcribed that an order named, when one did."""
    if turn.state.only is None:
        return turn
    ref = f"transcription:update:{turn.state.instances}"
    return turn.ask(ref, "update_transcription", list(turn.state.only), None)


def fail(turn: Turn, detail: str) -> Turn:
    """Tell why it failed, once an attempt."""
    if turn.state.told:
        return turn
    return turn.tell(TranscriptionFailed(**turn.now.head, detail=detail)).become(told=True)


def open_gap(turn: Turn, cause: str, start_at: float) -> Turn:
    """Tell that from there on nothing is heard; one gap at a time is enough."""
    if turn.state.gaps:
        return turn
    charge, number = turn.now.charge, turn.state.gaps_opened + 1
    gap = Gap("gap_" + ids.digest(charge.session_id, charge.bot_id, number), start_at)
    fact = GapOpened(
        session_id=charge.session_id,
        time=turn.now.at,
        gap_id=gap.gap_id,
        cause=cause,
        start=start_at,
    )
    return turn.tell(fact).become(gaps=(gap,), gaps_opened=number)


def close_gaps(turn: Turn) -> Turn:
    """Tell that hearing resumed; nothing when it was not interrupted."""
    if not turn.state.gaps:
        return turn
    now = turn.now
    facts = (
        GapClosed(
            session_id=now.charge.session_id,
            time=now.at,
            gap_id=gap.gap_id,
            end=max(gap.start, now.offset),
        )
        for gap in turn.state.gaps
    )
    return turn.tell(*facts).become(gaps=(), clear=now.offset)


def again(turn: Turn, *, refused: bool) -> Turn:
    """One more failure: try again at once, after that in 1 second, 2, 4 ...

    What was refused is not tried again at once.
    """
    state, at = turn.state, turn.now.at
    steady = state.running is not None and at - state.running.since > STEADY
    waits = 0 if steady else state.waits
    if refused:
        waits = max(1, waits)
    seconds = min(LONGEST_WAIT, 2.0 ** min(waits - 1, 10)) if waits else 0.0
    return turn.become(waits=waits + 1, due=at + timedelta(seconds=seconds))


def restart(turn: Turn) -> Turn:
    """Stop and start our own transcription; what somebody else started is theirs to mend."""
    state = turn.state
    if state.running is None or not state.running.own or state.stopping is not None:
        return turn
    return stop(again(turn, refused=False)) if state.wanted and state.present else turn


def deafened(turn: Turn, cause: str) -> Turn:
    """Nothing is heard since the bot is deaf."""
    deaf = turn.state.deaf
    return turn if deaf is None else open_gap(turn, cause, turn.now.offset_of(deaf))


def up(turn: Turn, instance: Instance) -> Turn:
    """A transcription runs: whatever was not heard before, from here on everything is."""
    state = turn.state
    turn = turn.become(
        running=instance,
        instances=state.instances + 1,
        deaf=None,
        due=None,
        told=False,
        clear=turn.now.offset,
        only=state.only if instance.own else None,
        watch=Watch(),
    )
    turn = close_gaps(turn)
    return limit(turn) if instance.own and state.present else turn


def pump(turn: Turn) -> Turn:
    """Start our own transcription when that is due and nothing speaks against it."""
    state, now = turn.state, turn.now
    busy = state.running or state.asked or state.stopping
    if busy or not state.present or state.due is None or now.at < state.due:
        return turn
    if not state.wanted:
        return deafened(turn.become(due=None), STOPPED)
    if state.deaf is not None and now.at - state.deaf > LATE:
        turn = deafened(turn, STOPPED)
    return start(turn)
