"""What changes in a transcript after it was shown, as messages of the live WebSocket.

Says what the log says. Who a caption is by after several of them, `contracts.speakers` reads.
"""

from typing import Literal, TypeAlias

import msgspec

from contracts.events import (
    Event,
    SegmentCorrected,
    SegmentRedacted,
    SegmentSuppressed,
    SpeakerRenamed,
    SpeakersMerged,
    Word,
)


class Correction(msgspec.Struct, frozen=True, kw_only=True, tag="correction"):
    """The caption of this segment says `text` from here on, unless it was removed."""

    seq: int
    segment_id: str
    revision: int
    text: str
    words: tuple[Word, ...] | msgspec.UnsetType


class Removal(msgspec.Struct, frozen=True, kw_only=True, tag="removal"):
    """The caption of this segment is to go; `detail` is why it was suppressed, where that is said.

    A redacted one is to be kept nowhere.
    """

    seq: int
    segment_id: str
    reason: Literal["suppressed", "redacted"]
    detail: str | None = None


class Speaker(msgspec.Struct, frozen=True, kw_only=True, tag="speaker"):
    """A speaker is called `name`, or is really `into`; all by id, or by the name shown."""

    seq: int
    action: Literal["renamed", "merged"]
    speaker: str
    name: str | None = None
    into: str | None = None


Message: TypeAlias = Correction | Removal | Speaker


def message(seq: int, event: Event) -> Message | None:
    """The message for an event, or None for one that is of none of the three."""
    match event:
        case SegmentCorrected(segment_id=segment, revision=revision, text=text):
            words = event.words or msgspec.UNSET
            return Correction(
                seq=seq, segment_id=segment, revision=revision, text=text, words=words
            )
        case SegmentSuppressed(segment_id=segment, reason=why):
            return Removal(seq=seq, segment_id=segment, reason="suppressed", detail=why or None)
        case SegmentRedacted(segment_id=segment):
            return Removal(seq=seq, segment_id=segment, reason="redacted")
        case SpeakerRenamed(speaker=speaker, name=name):
            return Speaker(seq=seq, action="renamed", speaker=speaker, name=name)
        case SpeakersMerged(speaker=speaker, into=into):
            return Speaker(seq=seq, action="merged", speaker=speaker, into=into)
        case _:
            return None
