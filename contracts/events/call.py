"""What else happens in a call: messages, recordings, streams, telephony, network, settings, media.

One event for each thing that Daily's client reports. What Daily does not promise the shape of is
kept as the JSON it gave, and is as untrusted as anything people say.
"""

from datetime import datetime
from typing import Any, Literal

from contracts.calls import CallCommand
from contracts.events.base import CallFact, Fact


class CallStateChanged(CallFact, frozen=True, kw_only=True, tag="CallStateChanged"):
    """The bot's own connection: "joining", "joined", "leaving", "left"."""

    state: str


class CallErrorReported(CallFact, frozen=True, kw_only=True, tag="CallErrorReported"):
    """Daily's client reported an error that belongs to no request."""

    detail: str


class AppMessageReceived(CallFact, frozen=True, kw_only=True, tag="AppMessageReceived"):
    """A message from a participant's app, or from Daily's REST interface without a sender."""

    sender_id: str | None
    message: Any


class ChatReceived(CallFact, frozen=True, kw_only=True, tag="ChatReceived"):
    """A line in Daily Prebuilt's chat."""

    sender_id: str | None
    text: str
    name: str | None = None


class RecordingStarted(CallFact, frozen=True, kw_only=True, tag="RecordingStarted"):
    """Daily records the call."""

    stream_id: str
    recording_id: str | None = None
    started_by: str | None = None
    layout: dict[str, Any] = {}


class RecordingStopped(CallFact, frozen=True, kw_only=True, tag="RecordingStopped"):
    """Daily stopped recording."""

    stream_id: str


class RecordingFailed(CallFact, frozen=True, kw_only=True, tag="RecordingFailed"):
    """A recording broke off or did not begin."""

    stream_id: str
    detail: str


class LiveStreamStarted(CallFact, frozen=True, kw_only=True, tag="LiveStreamStarted"):
    """The call is streamed to somewhere."""

    stream_id: str
    started_by: str | None = None
    layout: dict[str, Any] = {}


class LiveStreamUpdated(CallFact, frozen=True, kw_only=True, tag="LiveStreamUpdated"):
    """The stream's connection: "connected" or "interrupted"."""

    stream_id: str
    state: str


class LiveStreamStopped(CallFact, frozen=True, kw_only=True, tag="LiveStreamStopped"):
    """The stream ended."""

    stream_id: str


class LiveStreamFailed(CallFact, frozen=True, kw_only=True, tag="LiveStreamFailed"):
    """The stream broke off or did not begin."""

    stream_id: str
    detail: str


class LiveStreamWarned(CallFact, frozen=True, kw_only=True, tag="LiveStreamWarned"):
    """The stream goes on, with trouble."""

    stream_id: str
    detail: str


class DialinReady(CallFact, frozen=True, kw_only=True, tag="DialinReady"):
    """The room can be called at this SIP address."""

    sip_endpoint: str


class DialinConnected(CallFact, frozen=True, kw_only=True, tag="DialinConnected"):
    """Somebody calls in. `connection_id` names the call in later events and commands."""

    connection_id: str
    display_name: str | None = None
    sip_from: str | None = None
    sip_headers: dict[str, Any] = {}


class DialinStopped(CallFact, frozen=True, kw_only=True, tag="DialinStopped"):
    """Who called in has hung up."""

    connection_id: str


class DialinFailed(CallFact, frozen=True, kw_only=True, tag="DialinFailed"):
    """A call in broke off or did not get through."""

    connection_id: str
    detail: str


class DialinWarned(CallFact, frozen=True, kw_only=True, tag="DialinWarned"):
    """A call in goes on, with trouble."""

    connection_id: str
    detail: str


class DialoutConnected(CallFact, frozen=True, kw_only=True, tag="DialoutConnected"):
    """It rings at the other end."""

    connection_id: str


class DialoutAnswered(CallFact, frozen=True, kw_only=True, tag="DialoutAnswered"):
    """The other end picked up."""

    connection_id: str


class DialoutStopped(CallFact, frozen=True, kw_only=True, tag="DialoutStopped"):
    """A call out ended."""

    connection_id: str


class DialoutFailed(CallFact, frozen=True, kw_only=True, tag="DialoutFailed"):
    """A call out broke off or did not get through."""

    connection_id: str
    detail: str


class DialoutWarned(CallFact, frozen=True, kw_only=True, tag="DialoutWarned"):
    """A call out goes on, with trouble."""

    connection_id: str
    detail: str


class DtmfReceived(CallFact, frozen=True, kw_only=True, tag="DtmfReceived"):
    """Somebody on the phone pressed a key."""

    connection_id: str
    tone: str
    method: str | None = None
    volume: float | None = None


class NetworkChanged(CallFact, frozen=True, kw_only=True, tag="NetworkChanged"):
    """The bot's network got better or worse: `quality` 0 to 100, `threshold` good, low, veryLow."""

    quality: float
    threshold: str
    received_bits_per_second: float | None = None
    sent_bits_per_second: float | None = None


class ConnectionChanged(CallFact, frozen=True, kw_only=True, tag="ConnectionChanged"):
    """One of the bot's transports: "connected" or "interrupted", in Daily's words."""

    connection: str
    state: str


class DevicesChanged(CallFact, frozen=True, kw_only=True, tag="DevicesChanged"):
    """The devices the bot could use."""

    devices: dict[str, Any]


class InputsChanged(CallFact, frozen=True, kw_only=True, tag="InputsChanged"):
    """The bot's own inputs."""

    settings: dict[str, Any]


class PublishingChanged(CallFact, frozen=True, kw_only=True, tag="PublishingChanged"):
    """What the bot sends into the room."""

    settings: dict[str, Any]


class SubscriptionsChanged(CallFact, frozen=True, kw_only=True, tag="SubscriptionsChanged"):
    """What the bot receives, by participant."""

    settings: dict[str, Any]


class ProfilesChanged(CallFact, frozen=True, kw_only=True, tag="ProfilesChanged"):
    """What the bot receives from whom nothing else is said about, by profile."""

    settings: dict[str, Any]


class ConsentNoticeSent(CallFact, frozen=True, kw_only=True, tag="ConsentNoticeSent"):
    """Everybody in the room was told in the chat that an assistant listens."""

    text: str


class AudioCaptureStarted(CallFact, frozen=True, kw_only=True, tag="AudioCaptureStarted"):
    """A participant's audio is handed on: mono, 16 bit, `sample_rate` samples a second."""

    participant_id: str
    source: str
    sample_rate: int


class AudioCaptureStopped(CallFact, frozen=True, kw_only=True, tag="AudioCaptureStopped"):
    """A participant's audio is not handed on any more."""

    participant_id: str
    source: str


class PictureTaken(CallFact, frozen=True, kw_only=True, tag="PictureTaken"):
    """One frame of a participant's video, stored as a PNG file of the session."""

    participant_id: str
    source: str
    file_id: str
    width: int
    height: int


class AudioPlayed(CallFact, frozen=True, kw_only=True, tag="AudioPlayed"):
    """The bot played an audio file into the room, to its end or until it was stopped."""

    file_id: str
    track: str
    seconds: float
    complete: bool


class PictureShown(CallFact, frozen=True, kw_only=True, tag="PictureShown"):
    """The bot shows a picture in the room."""

    file_id: str
    track: str
    width: int
    height: int


class PictureHidden(CallFact, frozen=True, kw_only=True, tag="PictureHidden"):
    """The bot shows nothing on this track any more."""

    track: str


class FileStored(Fact, frozen=True, kw_only=True, tag="FileStored"):
    """A file that belongs to the session: something to play or show, or a picture taken."""

    file_id: str
    media_type: str
    size: int


class CommandRequested(Fact, frozen=True, kw_only=True, tag="CommandRequested"):
    """Somebody wants the bot to do something in the call, before `deadline` or not at all."""

    command_id: str
    command: CallCommand
    deadline: datetime


class CommandDone(Fact, frozen=True, kw_only=True, tag="CommandDone"):
    """Daily took the command; `result` is what it said, where it says anything."""

    command_id: str
    result: Any = None


class CommandFailed(Fact, frozen=True, kw_only=True, tag="CommandFailed"):
    """The command was not done: `refused` by Daily, `invalid` before it was tried, without an
    answer in time, or `not_in_call`: there was no bot to do it."""

    command_id: str
    reason: Literal["refused", "invalid", "timeout", "not_in_call"]
    detail: str = ""
