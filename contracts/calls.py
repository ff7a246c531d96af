"""What the bot can be asked to do in its call: one struct a command, named in its `command` field.

The names are ours; what Daily's client makes of each is in docs/daily.md. Settings objects are
Daily's own and are handed on as they are. Ids of participants are those of ParticipantJoined.
"""

from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Token: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Settings: TypeAlias = dict[str, Any]
Digits: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-D*#wW,]{1,64}(?![\s\S])")]
Ids: TypeAlias = Annotated[tuple[Token, ...], msgspec.Meta(min_length=1, max_length=100)]


class InCall(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="command",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What every command is."""


class SendChat(InCall, frozen=True, kw_only=True, tag="send_chat"):
    """A line in Daily Prebuilt's chat, under `name` or the bot's own."""

    text: Text
    name: Token | None = None


class SendAppMessage(InCall, frozen=True, kw_only=True, tag="send_app_message"):
    """Any JSON of at most 4,096 bytes, to one participant or to all; null is not a message."""

    message: Any
    to: Token | None = None


class StartRecording(InCall, frozen=True, kw_only=True, tag="start_recording"):
    """Record the call; several at once need a `stream_id` (a UUID) each."""

    settings: Settings | None = None
    stream_id: Token | None = None
    force_new: bool | None = None


class StopRecording(InCall, frozen=True, kw_only=True, tag="stop_recording"):
    """Stop a recording."""

    stream_id: Token | None = None


class UpdateRecording(InCall, frozen=True, kw_only=True, tag="update_recording"):
    """Change a recording's layout."""

    settings: Settings
    stream_id: Token | None = None


class StartLiveStream(InCall, frozen=True, kw_only=True, tag="start_live_stream"):
    """Stream the call to named endpoints or to RTMP addresses: exactly one of the two."""

    endpoints: Ids | None = None
    rtmp_urls: Ids | None = None
    settings: Settings | None = None
    stream_id: Token | None = None
    force_new: bool | None = None


class UpdateLiveStream(InCall, frozen=True, kw_only=True, tag="update_live_stream"):
    """Change a live stream's layout."""

    settings: Settings
    stream_id: Token | None = None


class AddLiveStreamEndpoints(InCall, frozen=True, kw_only=True, tag="add_live_stream_endpoints"):
    """Stream to further endpoints."""

    endpoints: Ids
    stream_id: Token | None = None


class RemoveLiveStreamEndpoints(
    InCall, frozen=True, kw_only=True, tag="remove_live_stream_endpoints"
):
    """Stream to fewer endpoints."""

    endpoints: Ids
    stream_id: Token | None = None


class StopLiveStream(InCall, frozen=True, kw_only=True, tag="stop_live_stream"):
    """Stop a live stream."""

    stream_id: Token | None = None


class StartDialout(InCall, frozen=True, kw_only=True, tag="start_dialout"):
    """Call a phone number or a SIP address; the result is the `connection_id`."""

    settings: Settings


class StopDialout(InCall, frozen=True, kw_only=True, tag="stop_dialout"):
    """Hang up a call out."""

    connection_id: Token


class SendDtmf(InCall, frozen=True, kw_only=True, tag="send_dtmf"):
    """Press keys in a call."""

    connection_id: Token
    tones: Digits
    method: Literal["sip-info", "telephone-event", "auto"] | None = None
    digit_duration_ms: Annotated[int, msgspec.Meta(ge=50, le=5000)] | None = None


class TransferCall(InCall, frozen=True, kw_only=True, tag="transfer_call"):
    """Hand a call over to another number or address, which stays in the room's care."""

    connection_id: Token
    to: Token
    caller_id: Token | None = None


class ReferCall(InCall, frozen=True, kw_only=True, tag="refer_call"):
    """Hand a call over to another address and let it go."""

    connection_id: Token
    to: Token


class StartTranscription(InCall, frozen=True, kw_only=True, tag="start_transcription"):
    """Transcribe the room, with these settings over our own."""

    settings: Settings | None = None


class UpdateTranscription(InCall, frozen=True, kw_only=True, tag="update_transcription"):
    """Transcribe these participants alone; null is everybody, an empty list nobody."""

    participants: tuple[Token, ...] | None = None
    instance_id: Token | None = None


class StopTranscription(InCall, frozen=True, kw_only=True, tag="stop_transcription"):
    """Stop transcribing, until somebody starts it again."""


class UpdateSubscriptions(InCall, frozen=True, kw_only=True, tag="update_subscriptions"):
    """What the bot receives, by participant and by the profile it follows."""

    participants: Settings | None = None
    profiles: Settings | None = None


class UpdateProfiles(InCall, frozen=True, kw_only=True, tag="update_profiles"):
    """What the bot receives, by profile."""

    profiles: Settings


class UpdatePublishing(InCall, frozen=True, kw_only=True, tag="update_publishing"):
    """What the bot sends."""

    settings: Settings


class UpdateInputs(InCall, frozen=True, kw_only=True, tag="update_inputs"):
    """The bot's camera and microphone."""

    settings: Settings


class UpdatePermissions(InCall, frozen=True, kw_only=True, tag="update_permissions"):
    """What the bot itself may do."""

    permissions: Settings


class UpdateParticipants(InCall, frozen=True, kw_only=True, tag="update_participants"):
    """What others may do, by participant."""

    participants: Settings


class Mute(InCall, frozen=True, kw_only=True, tag="mute"):
    """Turn participants' microphones off."""

    participants: Ids


class Eject(InCall, frozen=True, kw_only=True, tag="eject"):
    """Put participants out of the room."""

    participants: Ids


class SetUserName(InCall, frozen=True, kw_only=True, tag="set_user_name"):
    """What the bot calls itself in the room."""

    name: Token


class SetProxy(InCall, frozen=True, kw_only=True, tag="set_proxy"):
    """The HTTPS proxy for the bot's next connection; null for none."""

    url: Token | None = None


class SetIceServers(InCall, frozen=True, kw_only=True, tag="set_ice_servers"):
    """The ICE servers for the bot's next connection; null for Daily's."""

    settings: Settings | None = None


class Inspect(InCall, frozen=True, kw_only=True, tag="inspect"):
    """What Daily's client says of itself now."""

    what: Literal[
        "active_speaker",
        "inputs",
        "network_stats",
        "participant_counts",
        "publishing",
        "subscription_profiles",
        "subscriptions",
    ]


class CaptureAudio(InCall, frozen=True, kw_only=True, tag="capture_audio"):
    """Hand a participant's audio on, `sample_rate` samples a second."""

    participant_id: Token
    source: Token = "microphone"
    sample_rate: Literal[8000, 16000, 24000, 32000, 44100, 48000] = 16000


class StopAudioCapture(InCall, frozen=True, kw_only=True, tag="stop_audio_capture"):
    """Stop handing a participant's audio on."""

    participant_id: Token
    source: Token = "microphone"


class TakePicture(InCall, frozen=True, kw_only=True, tag="take_picture"):
    """Take one frame of a participant's camera or screen; the result is the `file_id`."""

    participant_id: Token
    source: Token = "camera"


class PlayAudio(InCall, frozen=True, kw_only=True, tag="play_audio"):
    """Play a file of the session into the room, on a track of the bot's own."""

    file_id: Token
    track: Token = "earshot-audio"
    sample_rate: Literal[8000, 16000, 24000, 32000, 48000] = 24000
    channels: Literal[1, 2] = 1
    bitrate: Annotated[int, msgspec.Meta(ge=6000, le=510_000)] | None = None


class StopAudio(InCall, frozen=True, kw_only=True, tag="stop_audio"):
    """Stop playing on a track."""

    track: Token = "earshot-audio"


class ShowPicture(InCall, frozen=True, kw_only=True, tag="show_picture"):
    """Show a picture of the session in the room, on a track of the bot's own."""

    file_id: Token
    track: Token = "earshot-picture"
    width: Annotated[int, msgspec.Meta(ge=16, le=3840)] = 1280
    height: Annotated[int, msgspec.Meta(ge=16, le=2160)] = 720
    frame_rate: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    bitrate: Annotated[int, msgspec.Meta(ge=10_000, le=10_000_000)] | None = None


class HidePicture(InCall, frozen=True, kw_only=True, tag="hide_picture"):
    """Show nothing on a track any more."""

    track: Token = "earshot-picture"


CallCommand: TypeAlias = (
    SendChat
    | SendAppMessage
    | StartRecording
    | StopRecording
    | UpdateRecording
    | StartLiveStream
    | UpdateLiveStream
    | AddLiveStreamEndpoints
    | RemoveLiveStreamEndpoints
    | StopLiveStream
    | StartDialout
    | StopDialout
    | SendDtmf
    | TransferCall
    | ReferCall
    | StartTranscription
    | UpdateTranscription
    | StopTranscription
    | UpdateSubscriptions
    | UpdateProfiles
    | UpdatePublishing
    | UpdateInputs
    | UpdatePermissions
    | UpdateParticipants
    | Mute
    | Eject
    | SetUserName
    | SetProxy
    | SetIceServers
    | Inspect
    | CaptureAudio
    | StopAudioCapture
    | TakePicture
    | PlayAudio
    | StopAudio
    | ShowPicture
    | HidePicture
)
CALL_COMMANDS: tuple[type[InCall], ...] = get_args(CallCommand)
