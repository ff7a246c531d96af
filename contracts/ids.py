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
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionRequested,
    SessionStarted,
    SessionWaiting,
    SpeakerRenamed,
    SpeakersMerged,
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


def compaction_id(session_id: str, level: int, first: str, last: str, revision: int = 0) -> str:
    """One compaction: asking for the same range again is asking once, until what is in it changed.

    `revision` counts what was corrected or removed in the session before.
    """
    return "cmp_" + digest(session_id, level, first, last, *([revision] if revision else []))


def chat_id(session_id: str, bot_id: str, number: int) -> str:
    """A line of chat where it stands among segments."""
    return "chat_" + digest(session_id, bot_id, number)


def of_event(event: Event) -> str:
    """The event's idempotency key, unique in the log."""
    return f"{event.session_id}:{_meaning(event)}"


def _meaning(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one row an event type
    if isinstance(event, SegmentHeard):  # most events are
        return f"segment:{event.segment_id}"
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
        case SegmentCorrected(segment_id=segment, revision=revision):
            return f"corrected:{segment}:{revision}"
        case SegmentSuppressed(segment_id=segment):
            return f"suppressed:{segment}"
        case SegmentRedacted(segment_id=segment):
            return f"redacted:{segment}"
        case SpeakerRenamed(change_id=change) | SpeakersMerged(change_id=change):
            return f"speakers:{change}"
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
