"""A session's transcript folded from its events, and its rendering as JSON and text.

Keeps every segment as it was heard; corrects, merges and guesses nothing.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import chain
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from contracts.commands import UNKNOWN_SPEAKER
from contracts.events import (
    Event,
    GapClosed,
    GapFilled,
    GapOpened,
    Numbered,
    ParticipantJoined,
    ParticipantUpdated,
    SegmentHeard,
    SessionEnded,
    SessionFailed,
    SessionRequested,
    Word,
)
from services.gateway.gaps import Gap, evolve_gaps
from services.gateway.plain import one_line

Completeness: TypeAlias = Literal["complete", "partial", "gaps"]
Heard: TypeAlias = tuple[int, SegmentHeard]

PAGE = 256
"""Segments a full page holds: an append copies one page at most, not the whole meeting."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript as of `seq`; `names` are the first known of each participant, by their id."""

    session_id: str
    seq: int = 0
    title: str | None = None
    outcome: Literal["open", "ended", "failed"] = "open"
    names: dict[str, str] = {}
    gaps: tuple[Gap, ...] = ()
    pages: tuple[tuple[Heard, ...], ...] = ()
    last_page: tuple[Heard, ...] = ()

    @property
    def heard(self) -> Iterator[Heard]:
        """Every segment and its sequence, in the order of the log."""
        return chain(chain.from_iterable(self.pages), self.last_page)


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
    """transcript.json. `speakers` are by speaker id, or by name where a speaker has no id."""

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


def transcript(view: View, *, words: bool = False) -> Transcript:
    """The view in the shape of transcript.json."""
    return Transcript(
        session_id=view.session_id,
        as_of_seq=view.seq,
        completeness=completeness(view),
        gaps=view.gaps,
        speakers=_speakers(view),
        segments=tuple(_segment(seq, heard, words=words) for seq, heard in view.heard),
    )


def render_json(view: View, *, words: bool = False) -> bytes:
    """transcript.json."""
    return msgspec.json.encode(transcript(view, words=words))


def render_txt(view: View) -> str:
    """The title if there is one, then a line a segment: `[mm:ss] Speaker: text`."""
    lines = (
        f"[{_clock(heard.start)}] {_name(view, heard) or UNKNOWN_SPEAKER}: {one_line(heard.text)}\n"
        for _, heard in view.heard
    )
    title = one_line(view.title or "").strip()
    return "".join((f"{title}\n\n" if title else "", *lines))


def _apply(view: View, seq: int, event: Event) -> View:
    match event:
        case SegmentHeard():
            return _append(view, (seq, event))
        case SessionRequested(metadata=metadata):
            return replace(view, title=metadata.get("title"))
        case ParticipantJoined() | ParticipantUpdated() if event.name is not None:
            return replace(view, names={event.participant_id: event.name} | view.names)
        case GapOpened() | GapClosed() | GapFilled():
            return replace(view, gaps=evolve_gaps(view.gaps, event))
        case SessionEnded() | SessionFailed():
            return replace(view, outcome="ended" if isinstance(event, SessionEnded) else "failed")
        case _:
            return view


def _append(view: View, heard: Heard) -> View:
    page = (*view.last_page, heard)
    if len(page) < PAGE:
        return replace(view, last_page=page)
    return replace(view, pages=(*view.pages, page), last_page=())


def _segment(seq: int, heard: SegmentHeard, *, words: bool) -> Segment:
    return Segment(
        segment_id=heard.segment_id,
        seq=seq,
        start=heard.start,
        end=heard.end,
        speaker=heard.speaker,
        speaker_id=heard.speaker_id,
        text=heard.text,
        confidence=heard.confidence,
        words=heard.words if words else msgspec.UNSET,
    )


def _speakers(view: View) -> dict[str, Speaker]:
    said: dict[str, list[SegmentHeard]] = {}
    for _, heard in view.heard:
        if (key := heard.speaker_id or heard.speaker) is not None:
            said.setdefault(key, []).append(heard)
    return {
        key: Speaker(
            name=next((heard.speaker for heard in reversed(all_heard) if heard.speaker), None)
            or view.names.get(key),
            talk_seconds=round(sum(heard.end - heard.start for heard in all_heard), 3),
            segments=len(all_heard),
        )
        for key, all_heard in said.items()
    }


def _name(view: View, heard: SegmentHeard) -> str:
    return one_line(heard.speaker or view.names.get(heard.speaker_id or "") or "").strip()


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"
