"""A small model of Daily's side of a call: what its client would report, and when."""

from datetime import datetime
from typing import Any

from services.ingest.bot.seam import Callback
from services.ingest.bot.steps import Charge
from tests.support.facts import at

OWN = "bot-0000"
CHARGE = Charge(session_id="s1", bot_id="b1", name="Earshot")


def callback(name: str, *args: Any, seconds: float = 0.0) -> Callback:
    return Callback(name, args, at(seconds), seconds)


def participant(participant_id: str, name: str | None = None, **info: Any) -> dict[str, Any]:
    told = {"isLocal": False, "isOwner": False, "joinedAt": 1_767_603_600} | info
    if name is not None:
        told["userName"] = name
    return {"id": participant_id, "info": told}


def join_data(*people: dict[str, Any], own: str = OWN) -> dict[str, Any]:
    local = participant(own, "Earshot", isLocal=True)
    others = {person["id"]: person for person in people}
    return {"meetingSession": {"id": "m1"}, "participants": {"local": local, **others}}


def message(
    participant_id: str | None,
    text: str,
    start: float,
    duration: float = 1.0,
    *,
    final: bool = True,
    track: str = "cam-audio",
    stamp: datetime | None = None,
) -> dict[str, Any]:
    """A transcription message with its raw response; words share the time evenly."""
    tokens = text.split()
    step = duration / max(1, len(tokens))
    words = [
        {
            "word": token.lower(),
            "start": start + number * step,
            "end": start + (number + 1) * step,
            "confidence": 0.9,
            "punctuated_word": token,
        }
        for number, token in enumerate(tokens)
    ]
    alternative = {"transcript": text, "confidence": 0.97, "words": words, "languages": ["en"]}
    told = {
        "participantId": participant_id,
        "text": text,
        "trackType": track,
        "rawResponse": {
            "type": "Results",
            "start": start,
            "duration": duration,
            "is_final": final,
            "channel": {"alternatives": [alternative]},
        },
    }
    if stamp is not None:
        told["timestamp"] = stamp.isoformat()
    return told
