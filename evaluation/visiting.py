"""Meetings into a running system, and contexts out of it, over HTTP. Scores nothing."""

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

import msgspec

from earshot.client import Client, Upload
from earshot.errors import EarshotError
from evaluation.model import Case, Meeting, Quoted, Reply

POLL_SECONDS = 0.25
QUIET_SECONDS = 2.0
"""How long nothing may be added to any of the sessions before none has work left."""
SETTLE_SECONDS = 900.0

_ASSEMBLY = re.compile(r"(?:^|,)\s*assembly\s*;(?:[^,]*;)?\s*dur=([0-9]+(?:\.[0-9]+)?)")

Tell: TypeAlias = Callable[[str, int, int], None]
"""What is being done, how much of it is done, of how many."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class UnsettledError(EarshotError):
    """A session failed, or its summaries are not made in time."""


class Segment(msgspec.Struct, frozen=True):
    """A line of transcript.json, as far as it is looked at."""

    segment_id: str
    seq: int
    speaker: str | None
    text: str


class Brought(msgspec.Struct, frozen=True):
    """A meeting as the system has it."""

    session_id: str
    segments: tuple[Segment, ...]


class _Transcript(msgspec.Struct, frozen=True):
    segments: tuple[Segment, ...]


class _Stored(msgspec.Struct, frozen=True):
    type: str = ""
    compaction_id: str = ""


class Visit:
    """One system; at most `at_once` requests are on their way. Every method raises EarshotError."""

    def __init__(self, client: Client, at_once: int, tell: Tell) -> None:
        self._client, self._at_once, self._tell = client, at_once, tell

    def bring(self, meetings: Sequence[Meeting]) -> dict[str, Brought]:
        """Import the meetings, wait until their summaries are made, and read them back."""
        sessions = self._each("importing", self._import, meetings)
        self._settle(sessions)
        brought = self._each("reading back", self._read, sessions)
        return {one.meeting_id: found for one, found in zip(meetings, brought, strict=True)}

    def ask(self, cases: Sequence[Case], brought: Mapping[str, Brought]) -> list[Reply]:
        """The context of each case, in their order."""

        def reply(case: Case) -> Reply:
            return self._context(case, brought[case.meeting.meeting_id])

        return self._each("asking", reply, cases)

    def _import(self, meeting: Meeting) -> str:
        session_id = self._client.create(title=meeting.meeting_id).session_id
        data = turn_file(meeting)
        upload = Upload(
            file=io.BytesIO(data), size=len(data), mode="import", speed="max", sent=_ignored
        )
        self._client.upload(session_id, upload)
        return session_id

    def _settle(self, sessions: Sequence[str]) -> None:
        end, still, before = time.monotonic() + SETTLE_SECONDS, 0.0, [-1] * len(sessions)
        since = time.monotonic()
        while still < QUIET_SECONDS or not self._are_done(sessions):
            if time.monotonic() > end:
                raise UnsettledError(f"Summaries are still not made after {SETTLE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
            now = self._each("settling", self._ended_at, sessions)
            if now != before or -1 in now:
                before, since = now, time.monotonic()
            still = time.monotonic() - since

    def _ended_at(self, session_id: str) -> int:
        """The last sequence of a session that has ended, else -1."""
        view = self._client.session(session_id)
        if view.over and view.status != "ended":
            raise UnsettledError(f"Session {session_id} {view.status}: {view.reason}")
        return view.last_seq if view.over else -1

    def _are_done(self, sessions: Sequence[str]) -> bool:
        recordings = self._each("settling", self._record, sessions)
        return not any(open_compactions(one) for one in recordings)

    def _record(self, session_id: str) -> bytes:
        return b"".join(self._client.record(session_id))

    def _read(self, session_id: str) -> Brought:
        data = self._client.transcript(session_id, "json")
        return Brought(session_id, msgspec.json.decode(data, type=_Transcript).segments)

    def _context(self, case: Case, brought: Brought) -> Reply:
        at_seq = None if case.lag is None else brought.segments[case.upto - 1].seq
        start = time.perf_counter()
        view, timing = self._client.context(
            brought.session_id, case.question.text, case.budget, at_seq
        )
        return Reply(
            tokens=view.tokens,
            parts=tuple(Quoted(one.kind, one.text, one.segment_ids) for one in view.parts),
            coverage=view.coverage,
            took=round((time.perf_counter() - start) * 1000, 2),
            assembly=assembly(timing),
        )

    def _each(self, what: str, work: Callable[[Given], Made], given: Sequence[Given]) -> list[Made]:
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                return list(self._told(what, pool.map(work, given), len(given)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _told(self, what: str, made: Iterator[Made], total: int) -> Iterator[Made]:
        for done, one in enumerate(made, 1):
            self._tell(what, done, total)
            yield one


def turn_file(meeting: Meeting) -> bytes:
    """The meeting as a file that the import reads."""
    header = {"meeting_id": meeting.meeting_id, "domain": meeting.domain}
    turns = (
        {"turn": number} | msgspec.to_builtins(turn) for number, turn in enumerate(meeting.turns)
    )
    return b"".join(msgspec.json.encode(line) + b"\n" for line in (header, *turns))


def open_compactions(recording: bytes) -> set[str]:
    """The compactions of a session that no summary answers yet."""
    asked: set[str] = set()
    for line in recording.splitlines():
        stored = msgspec.json.decode(line, type=_Stored)
        if stored.type == "CompactionRequested":
            asked.add(stored.compaction_id)
        elif stored.type == "ContextSummarised":
            asked.discard(stored.compaction_id)
    return asked


def assembly(timing: str) -> float | None:
    """The milliseconds of `assembly` in a Server-Timing header; None when it does not tell."""
    found = _ASSEMBLY.search(timing)
    return float(found[1]) if found else None


def _ignored(_: int) -> None:
    """An upload's chunks are not told."""
