"""After the meeting: what nobody heard is taken from the transcript that Daily stored, if any."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import structlog

from contracts.events import (
    BotJoined,
    Event,
    GapClosed,
    GapFilled,
    GapOpened,
    SegmentHeard,
    SessionRequested,
    SessionStarted,
)
from services._runtime.links import Links
from services.ingest.bot import redaction
from services.ingest.daily import filling, rooms, webvtt
from services.ingest.daily.errors import DailyError
from services.ingest.daily.filling import Gap, Heard
from services.ingest.daily.rest import DailyRest
from services.ingest.daily.webvtt import Cue, UnreadableTranscriptError

log = structlog.get_logger()

WAIT_SECONDS = 60.0
"""How long Daily may take to write the file after transcription stopped."""
LOOK_SECONDS = 3.0


Stored: TypeAlias = tuple[Sequence[Cue], float]
"""A transcript's cues, and the meeting's second at which its clock stood at zero."""


class Deaf(NamedTuple):
    """What is needed to fill the gaps of a meeting."""

    gaps: tuple[Gap, ...]
    heard: tuple[Heard, ...]
    started_at: datetime
    meetings: frozenset[str]


def deaf(events: Sequence[Event], now: datetime) -> Deaf | None:
    """The gaps that nobody filled yet, those still open taken to last until now; None without."""
    started = next((one.time for one in events if isinstance(one, SessionStarted)), None)
    filled = {one.gap_id for one in events if isinstance(one, GapFilled)}
    ends = {one.gap_id: one.end for one in events if isinstance(one, GapClosed)}
    if started is None:
        return None
    last = (now - started).total_seconds()
    gaps = tuple(
        Gap(one.gap_id, one.start, max(one.start, ends.get(one.gap_id, last)))
        for one in events
        if isinstance(one, GapOpened) and one.gap_id not in filled
    )
    heard = tuple(
        Heard(one.start, one.end, one.text) for one in events if isinstance(one, SegmentHeard)
    )
    meetings = frozenset(
        one.meeting_id for one in events if isinstance(one, BotJoined) and one.meeting_id
    )
    return Deaf(gaps, heard, started, meetings) if gaps else None


def filled(
    missed: Deaf, found: Sequence[Stored], session_id: str, at: datetime
) -> tuple[SegmentHeard | GapFilled, ...]:
    """What several transcripts of one call have of the gaps, once each; () without a transcript."""
    heard, counts, segments = [*missed.heard], Counter[str](), []
    for cues, offset in found:
        facts = filling.filling(missed.gaps, cues, offset, heard, session_id=session_id, at=at)
        fresh = [one for one in facts if isinstance(one, SegmentHeard)]
        heard += [Heard(one.start, one.end, one.text) for one in fresh]
        segments += fresh
        for one in facts:
            if isinstance(one, GapFilled):
                counts[one.gap_id] += one.segments
    gaps = (
        GapFilled(session_id=session_id, time=at, gap_id=gap, source="webvtt", segments=number)
        for gap, number in counts.items()
    )
    return (*segments, *gaps)


class Filling:
    """Fills the gaps of sessions whose rooms store transcripts; without a key, none."""

    def __init__(self, links: Links, rest: DailyRest | None, now: Callable[[], datetime]) -> None:
        self._links, self._rest, self._now = links, rest, now

    async def run(self, requested: SessionRequested) -> None:
        """Append what can be found; does nothing where all is filled. Raises one of AWAY."""
        session_id = requested.session_id
        events = [event for _, event in await self._links.log.read(session_id)]
        if self._rest is None or (missed := deaf(events, self._now())) is None:
            return
        try:
            room = rooms.name_of(requested.room_url or "")
            found = await self._found(self._rest, room, missed)
        except (DailyError, UnreadableTranscriptError, ValueError) as error:
            log.warning("gaps.unfilled", session=session_id, cause=type(error).__name__)
            return
        for fact in filled(missed, found, session_id, self._now()):
            told = redaction.redact_event(fact) if requested.redact_pii else fact
            await self._links.publisher.append(told)

    async def _found(self, rest: DailyRest, room: str, missed: Deaf) -> list[Stored]:
        # A domain may store transcripts though the room does not say so: then one look must do.
        patience = WAIT_SECONDS if (await rest.room(room)).transcription_stored else 0.0
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            stored = [
                (one.transcript_id, one.started_at)
                for one in await rest.transcripts(room)
                if one.meeting_id in missed.meetings and one.started_at is not None
            ]
            if stored or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(LOOK_SECONDS)
        found: list[Stored] = []
        for transcript_id, started_at in stored:
            text = await rest.transcript_text(transcript_id)
            offset = (started_at - missed.started_at).total_seconds()
            found.append((await asyncio.to_thread(webvtt.parse, text), offset))
        return found
