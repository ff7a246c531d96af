"""What the bot hears: transcription callbacks to segments, captions and gaps. Pure.

Everything about keeping transcription running is `transcribing`'s, everything about one message is
`transcripts`'; here they meet the meeting's clock. Nothing is heard before the bot has joined: what
comes earlier waits.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
from msgspec.structs import replace

from contracts.queries import Caption
from services.ingest.bot import people, readings, transcribing, transcripts
from services.ingest.bot.roster import Roster, speaker_name
from services.ingest.bot.seam import SLOW_SECONDS, Callback, Request
from services.ingest.bot.steps import (
    NOTHING,
    Answered,
    Charge,
    Input,
    Joined,
    Ordered,
    Outcome,
    Ticked,
    together,
)
from services.ingest.bot.streams import Streams
from services.ingest.bot.transcription import Gap, Moment, Transcription, Turn
from services.ingest.bot.transcripts import Place, Spoken

EARLY = 500
"""Callbacks kept until the bot has joined; of more, the oldest go."""
REMEMBERED = 2000
"""Segments remembered, to tell nothing twice."""


class Hearing(msgspec.Struct, frozen=True, kw_only=True):
    """`heard` are the ids of the last segments, in order."""

    started_at: datetime | None = None
    early: tuple[Callback, ...] = ()
    joined: bool = False
    transcription: Transcription = Transcription()
    streams: Streams = Streams()
    heard: dict[str, None] = {}


def initial(
    open_gaps: Iterable[str] = (),
    started_at: datetime | None = None,
    segment_ids: Iterable[str] = (),
    *,
    wanted: bool = True,
    only: tuple[str, ...] | None = None,
) -> Hearing:
    """What the log says: the gaps nobody closed, the meeting's start, the last segments' ids.

    `wanted` is False when transcription was stopped by an order; `only` are the participants that
    the last order limited it to.
    """
    gaps = tuple(Gap(gap_id) for gap_id in open_gaps)
    return Hearing(
        started_at=started_at,
        transcription=Transcription(wanted=wanted, only=only, gaps=gaps),
        heard=dict.fromkeys([*segment_ids][-REMEMBERED:]),
    )


def step(
    hearing: Hearing, taken: Input, roster: Roster, charge: Charge, at: datetime
) -> tuple[Hearing, Outcome]:
    """The hearing after one input at `at`, and what to tell, show and ask.

    `roster` is the one after the same input.
    """
    match taken:
        case Joined():
            return _enter(hearing, roster, charge, at)
        case Callback(name=name) if name not in CALLBACKS:
            return hearing, NOTHING
        case Callback() if not hearing.joined:
            return replace(hearing, early=(*hearing.early, taken)[-EARLY:]), NOTHING
    now = Moment(charge=charge, roster=roster, at=at, started_at=hearing.started_at or at)
    if isinstance(taken, Callback) and taken.name == MESSAGE:
        return _listen(hearing, transcripts.parse(taken.arg(0)), now)
    turn = _moved(Turn(now, hearing.transcription), taken)
    return replace(hearing, transcription=turn.state), turn.outcome


def farewell(hearing: Hearing) -> tuple[Request, ...]:
    """What to ask of Daily before leaving: an end of our own transcription, when one runs."""
    running = hearing.transcription.running
    if running is None or not running.own:
        return ()
    return (Request("stop_transcription", (), SLOW_SECONDS),)


def _enter(
    hearing: Hearing, roster: Roster, charge: Charge, at: datetime
) -> tuple[Hearing, Outcome]:
    started_at, early = hearing.started_at or at, hearing.early
    now = Moment(charge=charge, roster=roster, at=at, started_at=started_at)
    turn = transcribing.enter(Turn(now, hearing.transcription))
    hearing = replace(
        hearing, started_at=started_at, early=(), joined=True, transcription=turn.state
    )
    outcomes = [turn.outcome]
    for callback in early:
        hearing, outcome = step(hearing, callback, roster, charge, callback.at)
        outcomes.append(outcome)
    return hearing, together(outcomes)


def _moved(turn: Turn, taken: Input) -> Turn:
    """Everything but messages."""
    match taken:
        case Ticked():
            return transcribing.ticked(turn)
        case Answered():
            return transcribing.answered(turn, taken)
        case Ordered(deadline=deadline) if turn.now.at <= deadline:
            return transcribing.ordered(turn, taken)
        case Callback(name=name):
            return _ROWS[name](turn, taken.arg(0), taken.arg(1))
        case _:
            return turn


def _state(turn: Turn, state: object) -> Turn:
    return transcribing.leave(turn) if state in ("leaving", "left") else turn


def _spoke(turn: Turn, entry: object) -> Turn:
    speaker = people.ident(entry)
    return turn if speaker is None else transcribing.spoke(turn, speaker)


_ROWS: dict[str, Callable[[Turn, object, object], Turn]] = {
    "on_active_speaker_changed": lambda turn, entry, _: _spoke(turn, entry),
    "on_call_state_updated": lambda turn, state, _: _state(turn, state),
    "on_transcription_error": lambda turn, message, _: transcribing.errored(turn, message),
    "on_transcription_started": lambda turn, status, _: transcribing.started(turn, status),
    "on_transcription_stopped": transcribing.stopped,
    "on_transcription_updated": lambda turn, update, _: transcribing.updated(turn, update),
}
MESSAGE = "on_transcription_message"
CALLBACKS = frozenset(_ROWS) | {MESSAGE}
"""The callbacks this fold listens to."""


def _listen(hearing: Hearing, spoken: Spoken | None, now: Moment) -> tuple[Hearing, Outcome]:
    if spoken is None or now.is_ours(spoken.participant_id):
        return hearing, NOTHING
    turn = transcribing.heard(Turn(now, hearing.transcription))
    hearing = replace(hearing, transcription=turn.state)
    stream = _stream(hearing.streams, spoken, now, turn.state)
    if not spoken.text or _known(hearing, spoken, now, stream):
        return hearing, turn.outcome
    streams, origin = hearing.streams.placed(spoken, turn.state, now)
    place = Place(
        session_id=now.charge.session_id,
        at=now.at,
        speaker=speaker_name(now.roster, spoken.participant_id),
        stream=_stream(streams, spoken, now, turn.state),
        origin=origin,
    )
    hearing = replace(hearing, streams=streams)
    if not spoken.final:
        return hearing, replace(turn.outcome, captions=(_caption(spoken, place),))
    return _final(hearing, turn, spoken, place)


def _stream(streams: Streams, spoken: Spoken, now: Moment, state: Transcription) -> str:
    number = streams.number(spoken, state.instances)
    return f"{now.charge.bot_id}.{state.instances}.{number}"


def _known(hearing: Hearing, spoken: Spoken, now: Moment, stream: str) -> bool:
    """Whether this very final was heard already."""
    named = transcripts.segment_id(spoken, now.charge.session_id, stream, now.offset)
    return spoken.final and named in hearing.heard


def _final(hearing: Hearing, turn: Turn, spoken: Spoken, place: Place) -> tuple[Hearing, Outcome]:
    segments = transcripts.segments(spoken, place)
    heard = {**hearing.heard, **dict.fromkeys(segment.segment_id for segment in segments)}
    for oldest in [*heard][: max(0, len(heard) - REMEMBERED)]:
        del heard[oldest]
    said = max(turn.state.said, *(segment.end for segment in segments))
    state = replace(turn.state, said=said)
    told = replace(turn.outcome, facts=(*turn.facts, *segments))
    return replace(hearing, transcription=state, heard=heard), told


def _caption(spoken: Spoken, place: Place) -> Caption:
    return Caption(
        session_id=place.session_id,
        speaker_id=spoken.participant_id,
        speaker=place.speaker,
        track=spoken.track,
        text=spoken.text[: transcripts.MAX_TEXT],
        start=readings.finite(place.origin + (spoken.start or 0.0)),
    )
