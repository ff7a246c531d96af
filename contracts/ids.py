"""Ids and idempotency keys, built from meaning: the same thing heard twice has the same id."""

from hashlib import blake2b
from typing import assert_never

import msgspec

from contracts.commands import (
    AnswerQuery,
    CompactContext,
    EndSession,
    HostSession,
    Job,
    PlayRecording,
)
from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotJoining,
    BotLeft,
    BotReplaced,
    CallFact,
    CommandDone,
    CommandFailed,
    CommandRequested,
    CompactionRequested,
    ContextSummarised,
    Event,
    FileStored,
    GapClosed,
    GapFilled,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    QueryAnswered,
    QueryAsked,
    QueryFailed,
    RecordingAttached,
    RoomEmptied,
    SegmentHeard,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    TimerElapsed,
)


def digest(*parts: str | int | None) -> str:
    """Twenty hexadecimal digits that stand for `parts`; a null and an empty part differ."""
    return blake2b(msgspec.json.encode(parts), digest_size=10).hexdigest()


def segment_id(
    session_id: str, participant: str | None, track: str | None, start: float, text: str
) -> str:
    """One final segment: who, on which track, when (to the millisecond), and what."""
    return "seg_" + digest(session_id, participant, track, f"{start:.3f}", text)


def compaction_id(session_id: str, level: int, first: str, last: str) -> str:
    """One compaction: asking for the same range again is asking once."""
    return "cmp_" + digest(session_id, level, first, last)


def of_event(event: Event) -> str:
    """The event's idempotency key, unique in the log."""
    return f"{event.session_id}:{_meaning(event)}"


def _meaning(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one row an event type
    if isinstance(event, CallFact):
        return f"call:{event.bot_id}:{event.number}"
    match event:
        case SessionRequested():
            return "requested"
        case RecordingAttached(recording_id=recording):
            return f"attached:{recording}"
        case SessionWaiting():
            return "waiting"
        case SessionJoining():
            return "joining"
        case SessionStarted():
            return "started"
        case SessionEnding():
            return "ending"
        case SessionEnded() | SessionFailed():
            return "over"
        case RoomEmptied(grace_until=until):
            return f"emptied:{until.timestamp():.3f}"
        case TimerElapsed(timer=timer, due=due):
            return f"timer:{timer}:{due.timestamp():.3f}"
        case BotAssigned(bot_id=bot):
            return f"bot-assigned:{bot}"
        case BotJoining(bot_id=bot):
            return f"bot-joining:{bot}"
        case BotJoined(bot_id=bot):
            return f"bot-joined:{bot}"
        case BotLeft(bot_id=bot) | BotEjected(bot_id=bot):
            return f"bot-gone:{bot}"
        case BotReplaced(bot_id=bot):
            return f"bot-replaced:{bot}"
        case ParticipantJoined(participant_id=participant):
            return f"joined:{participant}"
        case ParticipantLeft(participant_id=participant):
            return f"left:{participant}"
        case GapOpened(gap_id=gap):
            return f"gap-opened:{gap}"
        case GapClosed(gap_id=gap):
            return f"gap-closed:{gap}"
        case GapFilled(gap_id=gap):
            return f"gap-filled:{gap}"
        case FileStored(file_id=file):
            return f"file:{file}"
        case CommandRequested(command_id=command):
            return f"command:{command}"
        case CommandDone(command_id=command) | CommandFailed(command_id=command):
            return f"command-concluded:{command}"
        case SegmentHeard(segment_id=segment):
            return f"segment:{segment}"
        case QueryAsked(query_id=query):
            return f"asked:{query}"
        case QueryAnswered(query_id=query) | QueryFailed(query_id=query):
            return f"concluded:{query}"
        case CompactionRequested(compaction_id=compaction):
            return f"compaction:{compaction}"
        case ContextSummarised(compaction_id=compaction):
            return f"summarised:{compaction}"
        case _ as unreachable:
            assert_never(unreachable)


def of_job(job: Job) -> str:
    """The command's idempotency key, unique in the work queue."""
    match job:
        case AnswerQuery(query_id=query):
            meaning = f"answer:{query}"
        case CompactContext(compaction_id=compaction):
            meaning = f"compact:{compaction}"
        case PlayRecording(recording_id=recording):
            meaning = f"play:{recording}"
        case EndSession():
            meaning = "end"
        case HostSession():
            meaning = "host"
        case _ as unreachable:
            assert_never(unreachable)
    return f"{job.session_id}:{meaning}"
