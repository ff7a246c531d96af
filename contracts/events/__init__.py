"""Facts: past tense, immutable, one order per session. A tag is a promise to every stored byte.

Times are UTC; offsets inside a meeting are seconds from its start. A fact refers to other facts by
their ids, never by stream sequence, so that a recording means the same in another log; the
sequences in an answer say where it stood when it was given. Every field added later has a default.
"""

from typing import TypeAlias, get_args

from contracts.events.assistant import (
    CompactionRequested as CompactionRequested,
    ContextSummarised as ContextSummarised,
    QueryAnswered as QueryAnswered,
    QueryAsked as QueryAsked,
    QueryFailed as QueryFailed,
)
from contracts.events.base import (
    CallFact as CallFact,
    Coverage as Coverage,
    CoverageRange as CoverageRange,
    Fact as Fact,
    PartKind as PartKind,
    SegmentRef as SegmentRef,
    Source as Source,
    Task as Task,
    Usage as Usage,
    Word as Word,
)
from contracts.events.call import (
    AppMessageReceived as AppMessageReceived,
    AudioCaptureStarted as AudioCaptureStarted,
    AudioCaptureStopped as AudioCaptureStopped,
    AudioPlayed as AudioPlayed,
    CallErrorReported as CallErrorReported,
    CallStateChanged as CallStateChanged,
    ChatReceived as ChatReceived,
    CommandDone as CommandDone,
    CommandFailed as CommandFailed,
    CommandRequested as CommandRequested,
    ConnectionChanged as ConnectionChanged,
    ConsentNoticeSent as ConsentNoticeSent,
    DevicesChanged as DevicesChanged,
    DialinConnected as DialinConnected,
    DialinFailed as DialinFailed,
    DialinReady as DialinReady,
    DialinStopped as DialinStopped,
    DialinWarned as DialinWarned,
    DialoutAnswered as DialoutAnswered,
    DialoutConnected as DialoutConnected,
    DialoutFailed as DialoutFailed,
    DialoutStopped as DialoutStopped,
    DialoutWarned as DialoutWarned,
    DtmfReceived as DtmfReceived,
    FileStored as FileStored,
    InputsChanged as InputsChanged,
    LiveStreamFailed as LiveStreamFailed,
    LiveStreamStarted as LiveStreamStarted,
    LiveStreamStopped as LiveStreamStopped,
    LiveStreamUpdated as LiveStreamUpdated,
    LiveStreamWarned as LiveStreamWarned,
    NetworkChanged as NetworkChanged,
    PictureHidden as PictureHidden,
    PictureShown as PictureShown,
    PictureTaken as PictureTaken,
    ProfilesChanged as ProfilesChanged,
    PublishingChanged as PublishingChanged,
    RecordingFailed as RecordingFailed,
    RecordingStarted as RecordingStarted,
    RecordingStopped as RecordingStopped,
    SubscriptionsChanged as SubscriptionsChanged,
)
from contracts.events.meeting import (
    ActiveSpeakerChanged as ActiveSpeakerChanged,
    GapClosed as GapClosed,
    GapFilled as GapFilled,
    GapOpened as GapOpened,
    ParticipantCountsChanged as ParticipantCountsChanged,
    ParticipantJoined as ParticipantJoined,
    ParticipantLeft as ParticipantLeft,
    ParticipantUpdated as ParticipantUpdated,
    SegmentCorrected as SegmentCorrected,
    SegmentHeard as SegmentHeard,
    SegmentRedacted as SegmentRedacted,
    SegmentSuppressed as SegmentSuppressed,
    SpeakerRenamed as SpeakerRenamed,
    SpeakersMerged as SpeakersMerged,
    TranscriptionFailed as TranscriptionFailed,
    TranscriptionStalled as TranscriptionStalled,
    TranscriptionStarted as TranscriptionStarted,
    TranscriptionStopped as TranscriptionStopped,
    TranscriptionUpdated as TranscriptionUpdated,
)
from contracts.events.session import (
    BotAssigned as BotAssigned,
    BotEjected as BotEjected,
    BotJoined as BotJoined,
    BotJoining as BotJoining,
    BotLeft as BotLeft,
    BotReplaced as BotReplaced,
    Cause as Cause,
    RecordingAttached as RecordingAttached,
    RoomEmptied as RoomEmptied,
    SessionEnded as SessionEnded,
    SessionEnding as SessionEnding,
    SessionFailed as SessionFailed,
    SessionJoining as SessionJoining,
    SessionRequested as SessionRequested,
    SessionStarted as SessionStarted,
    SessionWaiting as SessionWaiting,
    Timer as Timer,
    TimerElapsed as TimerElapsed,
)

SessionEvent: TypeAlias = (
    SessionRequested
    | RecordingAttached
    | SessionWaiting
    | SessionJoining
    | SessionStarted
    | SessionEnding
    | SessionEnded
    | SessionFailed
    | RoomEmptied
    | TimerElapsed
    | BotAssigned
    | BotJoining
    | BotJoined
    | BotLeft
    | BotEjected
    | BotReplaced
)
MeetingEvent: TypeAlias = (
    ParticipantJoined
    | ParticipantLeft
    | ParticipantUpdated
    | ParticipantCountsChanged
    | ActiveSpeakerChanged
    | TranscriptionStarted
    | TranscriptionUpdated
    | TranscriptionStopped
    | TranscriptionFailed
    | TranscriptionStalled
    | GapOpened
    | GapClosed
    | SegmentHeard
    | SegmentCorrected
    | SegmentSuppressed
    | SegmentRedacted
    | SpeakerRenamed
    | SpeakersMerged
    | GapFilled
)
AssistantEvent: TypeAlias = (
    QueryAsked | QueryAnswered | QueryFailed | CompactionRequested | ContextSummarised
)
CallEvent: TypeAlias = (
    CallStateChanged
    | CallErrorReported
    | AppMessageReceived
    | ChatReceived
    | RecordingStarted
    | RecordingStopped
    | RecordingFailed
    | LiveStreamStarted
    | LiveStreamUpdated
    | LiveStreamStopped
    | LiveStreamFailed
    | LiveStreamWarned
    | DialinReady
    | DialinConnected
    | DialinStopped
    | DialinFailed
    | DialinWarned
    | DialoutConnected
    | DialoutAnswered
    | DialoutStopped
    | DialoutFailed
    | DialoutWarned
    | DtmfReceived
    | NetworkChanged
    | ConnectionChanged
    | DevicesChanged
    | InputsChanged
    | PublishingChanged
    | SubscriptionsChanged
    | ProfilesChanged
    | ConsentNoticeSent
    | AudioCaptureStarted
    | AudioCaptureStopped
    | PictureTaken
    | AudioPlayed
    | PictureShown
    | PictureHidden
    | FileStored
    | CommandRequested
    | CommandDone
    | CommandFailed
)
Event: TypeAlias = SessionEvent | MeetingEvent | AssistantEvent | CallEvent
Numbered: TypeAlias = tuple[int, Event]
"""An event and its stream sequence."""

EVENT_TYPES: tuple[type[Fact], ...] = get_args(Event)
DERIVED: tuple[type[Fact], ...] = (CompactionRequested, ContextSummarised)
"""What models made of a meeting and later context rests on: it travels with a recording."""
