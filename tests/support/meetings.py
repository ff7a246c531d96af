"""Made-up meetings in the formats users bring."""

import json

from contracts import recording
from contracts.recording import RecordedSession
from tests.support.facts import at, heard

SPEAKERS = ("Ada", "Grace", "Alan", "Edsger")


def numbered(count: int, every: float = 0.2) -> bytes:
    """A recording of `count` numbered segments, one each `every` seconds."""
    events = [
        heard(number, f"this is number {number}", session_id="original", time=at(number * every))
        for number in range(1, count + 1)
    ]
    header = recording.render_header(RecordedSession(session_id="original"))
    return header + b"".join(recording.render_line(n, e) for n, e in enumerate(events, 1))


def turns(seed: int, count: int) -> bytes:
    """A turn file, as QMSum's recordings are laid out here; some turns repeat word for word."""
    lines = [{"meeting_id": f"m{seed}", "domain": "product"}]
    start = 0.0
    for number in range(count):
        words = 1 + (number * 7 + seed) % 23
        text = " ".join(f"word{(number * word + seed) % 97}" for word in range(words))
        speaker = SPEAKERS[(number * number + seed) % 4]
        end = round(start + words / 2.6, 2)
        lines.append({"turn": number, "speaker": speaker, "text": text, "start": start, "end": end})
        start = round(end + 0.4, 2)
    return "\n".join(json.dumps(line) for line in lines).encode()
