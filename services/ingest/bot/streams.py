"""Where audio streams begin in the meeting. Pure.

Daily counts a message's times from the start of the speaker's audio stream and does not say when
that was. A message comes after what it transcribes, so the stream began no later than the message
came, less what it spans: the earliest such time seen is taken. It is never moved to later.
"""

from typing import TypeAlias

import msgspec

from services.ingest.bot.transcription import Moment, Transcription
from services.ingest.bot.transcripts import Spoken

MOST = 1000
SLACK = 2.0
"""Seconds by which the event of a start may lag behind the start."""
BACKWARDS = 0.5
"""Finals do not overlap by more: what begins earlier belongs to a stream that began anew."""

Key: TypeAlias = tuple[str | None, str | None]


class Stream(msgspec.Struct, frozen=True):
    """The `number`th of a participant's track; `until` is how far its finals went, in its time."""

    number: int
    origin: float
    until: float = 0.0


class Streams(msgspec.Struct, frozen=True):
    """The streams of one transcription, by participant and track."""

    instance: int = 0
    kept: dict[Key, Stream] = {}

    def number(self, spoken: Spoken, instance: int) -> int:
        """Which stream of its track a message belongs to, or would be the first of."""
        stream = self._of(instance).get(_key(spoken))
        return 1 if stream is None else stream.number

    def placed(self, spoken: Spoken, state: Transcription, now: Moment) -> "tuple[Streams, float]":
        """What a message's times count from, in seconds from the meeting's start."""
        if spoken.start is None:
            return self, now.offset
        end = spoken.start + spoken.duration
        seen = (now.at - now.started_at).total_seconds() - end
        running = state.running
        if running is not None and running.fresh:
            began = now.offset_of(running.since)
            if seen < began - SLACK:
                return self, seen  # the last words of the transcription before this one
        kept, key = self._of(state.instances), _key(spoken)
        stream = _continued(kept.get(key), spoken.start, seen)
        until = max(stream.until, end) if spoken.final else stream.until
        kept = {**kept, key: Stream(stream.number, stream.origin, until)}
        if len(kept) > MOST:
            del kept[next(iter(kept))]
        return Streams(state.instances, kept), stream.origin

    def _of(self, instance: int) -> dict[Key, Stream]:
        return self.kept if instance == self.instance else {}


def _continued(known: Stream | None, start: float, seen: float) -> Stream:
    if known is None:
        return Stream(1, seen)
    if start < known.until - BACKWARDS:
        return Stream(known.number + 1, seen)
    return Stream(known.number, min(known.origin, seen), known.until)


def _key(spoken: Spoken) -> Key:
    return spoken.participant_id, spoken.track
