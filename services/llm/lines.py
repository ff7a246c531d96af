"""A context's parts as numbered lines: what prompts show, what is ranked, what is cited.

It trusts no text: a line that does not look as agreed is kept whole, without a speaker.
"""

from collections.abc import Iterable, Iterator

import msgspec

from contracts.commands import UNKNOWN_SPEAKER, Part
from contracts.events import PartKind, SegmentRef

REFS_OF_A_SUMMARY_LINE = 5
_HOUR = 3600
_MINUTE = 60


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of context. `refs` is its segment; for a summary's line, those it rests on."""

    number: int = 0
    part: int = 0
    kind: PartKind
    speaker: str | None
    text: str
    refs: tuple[SegmentRef, ...]

    @property
    def start(self) -> float:
        """Seconds from the meeting's start."""
        return self.refs[0].start if self.refs else 0.0

    @property
    def said(self) -> str:
        """The text with who said it."""
        return self.text if self.speaker is None else f"{self.speaker}: {self.text}"


def clock(seconds: float) -> str:
    """Return mm:ss, from an hour on h:mm:ss."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole % _HOUR, _MINUTE)
    hours = f"{whole // _HOUR}:" if whole >= _HOUR else ""
    return f"{hours}{minutes:02d}:{rest:02d}"


def numbered(parts: Iterable[Part]) -> tuple[Line, ...]:
    """The lines that hold any text, numbered from 1 in the order of the parts."""
    found = ((at, line) for at, part in enumerate(parts) for line in _of(part) if line.text)
    return tuple(
        msgspec.structs.replace(line, number=number, part=at)
        for number, (at, line) in enumerate(found, 1)
    )


def in_meeting_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """By time; what is summarised stands where its first segment does."""
    return tuple(sorted(lines, key=lambda line: (line.start, line.number)))


def spread(refs: tuple[SegmentRef, ...], most: int) -> tuple[SegmentRef, ...]:
    """At most `most` of them, evenly over all."""
    if len(refs) <= most:
        return refs
    return tuple(refs[index * len(refs) // most] for index in range(most))


def _of(part: Part) -> Iterator[Line]:
    if part.kind == "summary":
        return _of_summary(part)
    said = zip(part.segments, part.text.split("\n"), strict=False)
    return (_line(part.kind, text.strip(), ref) for ref, text in said)


def _of_summary(part: Part) -> Iterator[Line]:
    texts = [text.strip() for text in part.text.split("\n") if text.strip()]
    if _is_line_by_line(texts, part.segments):
        said = zip(part.segments, texts, strict=True)
        return (_line("summary", text, ref) for ref, text in said)
    refs = spread(part.segments, REFS_OF_A_SUMMARY_LINE)
    return (Line(kind="summary", speaker=None, text=text, refs=refs) for text in texts)


def _is_line_by_line(texts: list[str], refs: tuple[SegmentRef, ...]) -> bool:
    """An extractive summary quotes one segment a line, which makes its citations exact."""
    return len(texts) == len(refs) and all(
        text.startswith(f"{_label(ref)}: ") for text, ref in zip(texts, refs, strict=True)
    )


def _line(kind: PartKind, said: str, ref: SegmentRef) -> Line:
    label = _label(ref)
    if not said.startswith(f"{label}:"):
        return Line(kind=kind, speaker=None, text=said, refs=(ref,))
    return Line(kind=kind, speaker=label, text=said[len(label) + 1 :].strip(), refs=(ref,))


def _label(ref: SegmentRef) -> str:
    """The speaker as a line of context names them: on one line, whatever the name holds."""
    return " ".join(ref.speaker.split()) if ref.speaker else UNKNOWN_SPEAKER
