"""A session's transcript folded from its events, and its rendering as JSON and text.

Corrections, removals and names are those of the log; corrects, merges and guesses nothing itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts import speakers
from contracts.commands import UNKNOWN_SPEAKER
from contracts.events import (
    Event,
    GapClosed,
    GapFilled,
    GapOpened,
    Numbered,
    ParticipantJoined,
    ParticipantUpdated,
    SegmentCorrected,
    SegmentHeard,
    SegmentRedacted,
    SegmentSuppressed,
    SessionEnded,
    SessionFailed,
    SessionRequested,
    SpeakerRenamed,
    SpeakersMerged,
    Word,
)
from contracts.speakers import Speakers
from services.gateway import said
from services.gateway.gaps import Gap, evolve_gaps
from services.gateway.plain import one_line
from services.gateway.said import Said

Completeness: TypeAlias = Literal["complete", "partial", "gaps"]
Voice: TypeAlias = tuple[str | None, str | None]
"""Whom a segment was heard from: a speaker's id and the label they had then."""
Cast: TypeAlias = Mapping[Voice, tuple[str | None, str | None]]
"""What each voice goes by and the name it is shown with, as `contracts.speakers` reads them."""

SPOKEN = (
    SegmentHeard,
    SegmentCorrected,
    SegmentSuppressed,
    SegmentRedacted,
    ParticipantJoined,
    ParticipantUpdated,
    SpeakerRenamed,
    SpeakersMerged,
)
"""The events that make up what was said, and by whom."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript as of `seq`."""

    session_id: str
    seq: int = 0
    title: str | None = None
    outcome: Literal["open", "ended", "failed"] = "open"
    speakers: Speakers = Speakers()
    gaps: tuple[Gap, ...] = ()
    said: Said = Said()


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """What one speaker said in all; `talk_seconds` counts what overlaps others too."""

    name: str | None
    talk_seconds: float
    segments: int


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of transcript.json; `words` are there only when asked for."""

    segment_id: str
    seq: int
    start: float
    end: float
    speaker: str | None
    speaker_id: str | None
    text: str
    confidence: float | None
    words: tuple[Word, ...] | msgspec.UnsetType = msgspec.UNSET


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """transcript.json. `speakers` are by speaker id, or by label where a speaker has no id."""

    session_id: str
    as_of_seq: int
    completeness: Completeness
    gaps: tuple[Gap, ...]
    speakers: dict[str, Speaker]
    segments: tuple[Segment, ...]


def initial(session_id: str) -> View:
    """Nothing heard yet."""
    return View(session_id=session_id)


def evolve(view: View, numbered: Numbered) -> View:
    """The view with one more event; an event at or before `view.seq` changes nothing."""
    seq, event = numbered
    if seq <= view.seq:
        return view
    return replace(_apply(view, seq, event), seq=seq)


def fold(view: View, events: Iterable[Numbered]) -> View:
    """The view with all of `events`, which come in the order of the log."""
    return reduce(evolve, events, view)


def completeness(view: View) -> Completeness:
    """How much of the meeting the transcript holds.

    "partial" until the session ended, and for ever if it failed. Then "gaps" if hearing was ever
    interrupted and nothing was found for it elsewhere; otherwise "complete".
    """
    if view.outcome != "ended":
        return "partial"
    return "complete" if all(gap.filled for gap in view.gaps) else "gaps"


def cast(known: Speakers, voices: Iterable[Voice]) -> Cast:
    """How each of the voices is to be read."""
    return {voice: (speakers.key(known, *voice), speakers.shown(known, *voice)) for voice in voices}


def voices(view: View) -> tuple[Voice, ...]:
    """Everybody who is heard, in the order in which they began to speak."""
    return tuple(dict.fromkeys((one.speaker_id, one.speaker) for _, one in view.said))


def named(view: View) -> Iterator[tuple[str, SegmentHeard]]:
    """Every segment after the name of its speaker as one line, in the order of the log."""
    shown = cast(view.speakers, voices(view))
    for _, heard in view.said:
        _, name = shown[heard.speaker_id, heard.speaker]
        yield one_line(name or "").strip() or UNKNOWN_SPEAKER, heard


def speakers_of(view: View) -> dict[str, Speaker]:
    """Those who spoke, in the order in which they began to, by the names they have at last."""
    shown = cast(view.speakers, voices(view))
    spoke: dict[str, list[SegmentHeard]] = {}
    names: dict[str, str | None] = {}
    for _, heard in view.said:
        key, name = shown[heard.speaker_id, heard.speaker]
        if key is not None:
            spoke.setdefault(key, []).append(heard)
            names[key] = name
    return {
        key: Speaker(
            name=names[key],
            talk_seconds=round(sum(heard.end - heard.start for heard in all_heard), 3),
            segments=len(all_heard),
        )
        for key, all_heard in spoke.items()
    }


def transcript(view: View, *, words: bool = False) -> Transcript:
    """The view in the shape of transcript.json."""
    shown = cast(view.speakers, voices(view))
    return Transcript(
        session_id=view.session_id,
        as_of_seq=view.seq,
        completeness=completeness(view),
        gaps=view.gaps,
        speakers=speakers_of(view),
        segments=tuple(
            _segment(seq, heard, shown[heard.speaker_id, heard.speaker][1], words=words)
            for seq, heard in view.said
        ),
    )


def render_json(view: View, *, words: bool = False) -> bytes:
    """transcript.json."""
    return msgspec.json.encode(transcript(view, words=words))


def render_txt(view: View) -> str:
    """The title if there is one, then a line a segment: `[mm:ss] Speaker: text`."""
    lines = (
        f"[{_clock(heard.start)}] {name}: {one_line(heard.text)}\n" for name, heard in named(view)
    )
    title = one_line(view.title or "").strip()
    return "".join((f"{title}\n\n" if title else "", *lines))


def _apply(view: View, seq: int, event: Event) -> View:
    match event:
        case SessionRequested(metadata=metadata):
            return replace(view, title=metadata.get("title"))
        case GapOpened() | GapClosed() | GapFilled():
            return replace(view, gaps=evolve_gaps(view.gaps, event))
        case SessionEnded() | SessionFailed():
            return replace(view, outcome="ended" if isinstance(event, SessionEnded) else "failed")
        case _:
            return _spoken(view, seq, event)


def _spoken(view: View, seq: int, event: Event) -> View:
    match event:
        case SegmentHeard():
            known = speakers.evolve(view.speakers, event)
            return replace(view, said=said.added(view.said, (seq, event)), speakers=known)
        case SegmentCorrected() | SegmentSuppressed() | SegmentRedacted():
            return replace(view, said=said.altered(view.said, event))
        case ParticipantJoined() | ParticipantUpdated() | SpeakerRenamed() | SpeakersMerged():
            return replace(view, speakers=speakers.evolve(view.speakers, event))
        case _:
            return view


def _segment(seq: int, heard: SegmentHeard, speaker: str | None, *, words: bool) -> Segment:
    return Segment(
        segment_id=heard.segment_id,
        seq=seq,
        start=heard.start,
        end=heard.end,
        speaker=speaker,
        speaker_id=heard.speaker_id,
        text=heard.text,
        confidence=heard.confidence,
        words=heard.words if words else msgspec.UNSET,
    )


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"
