"""Long meetings in made-up words, the same each time, and questions about them. Measures nothing.

Word frequencies fall off as in speech: half of what is said are words of every sentence, and for
some minutes a few rarer ones keep coming up, which is what the questions ask for.
"""

import random
from collections.abc import Iterator
from datetime import timedelta

from benchmarks import rig
from contracts.events import ParticipantJoined, SegmentHeard

SEED = 20260105
SECONDS = 3.0
"""From one segment to the next."""
SPEAKERS = ("Ada Moreno", "Ben Okafor", "Chen Wei", "Dora Lind", "Emil Novak", "Farah Haddad")
VOCABULARY = 8000
TOPIC_SEGMENTS = 60
TOPIC_WORDS = 12

_COMMON_WORDS = """
    the to and a of that it is in we i you so this be have for on not with but at what do just like
    about they can if there or as would think know are was then one yeah okay well right
"""
_COMMON = _COMMON_WORDS.split()
_SYLLABLES = [start + end for start in "bdfgklmnprstv" for end in ("a", "e", "i", "o", "en", "ar")]


class Talk:
    """A meeting that goes on for as long as it is asked to."""

    def __init__(self, session_id: str = rig.SESSION, seed: int = SEED) -> None:
        self._session_id, self._random = session_id, random.Random(seed)  # noqa: S311 - no secret
        made = {self._word() for _ in range(VOCABULARY)}
        self._words = sorted(made, key=lambda word: (len(word), word))
        self._weights = [1 / (rank + 10) for rank in range(len(self._words))]
        self._topics: list[list[str]] = []
        self.said = 0

    def segments(self, count: int) -> Iterator[SegmentHeard]:
        """So many more segments of 2 to 15 words."""
        for _ in range(count):
            yield self.segment(" ".join(self._saying()))

    def segment(self, text: str) -> SegmentHeard:
        """The next segment, with this text."""
        number, self.said = self.said, self.said + 1
        who = self._random.randrange(len(SPEAKERS))
        return SegmentHeard(
            session_id=self._session_id,
            time=rig.START + timedelta(seconds=SECONDS * number),
            segment_id=f"seg{number}",
            start=SECONDS * number,
            end=SECONDS * number + SECONDS - 0.5,
            speaker=SPEAKERS[who],
            speaker_id=f"p{who}",
            text=text,
        )

    def joined(self, number: int) -> ParticipantJoined:
        """Somebody new, who says nothing."""
        at = rig.START + timedelta(seconds=SECONDS * self.said)
        return ParticipantJoined(
            session_id=self._session_id,
            time=at,
            joined_at=at,
            participant_id=f"guest{number}",
            name=f"Guest {number}",
        )

    def questions(self, count: int) -> Iterator[str]:
        """About something that was said; some about a person, the last minutes, or all of it."""
        for _ in range(count):
            first, second, third = self._random.sample(self._random.choice(self._topics), 3)
            kind = self._random.randrange(10)
            if kind == 0:
                yield "What was decided in this meeting?"
            elif kind == 1:
                yield f"What was said about {first} in the last ten minutes?"
            elif kind <= 3:  # noqa: PLR2004 - two of ten
                yield f"What did {self._random.choice(SPEAKERS).split()[0]} say about {second}?"
            else:
                yield f"Why does the {first} need a {second} and a {third}?"

    def _saying(self) -> list[str]:
        if self.said // TOPIC_SEGMENTS >= len(self._topics):
            self._topics.append(self._random.sample(self._words[50:], TOPIC_WORDS))
        length = self._random.randint(2, 15)
        return [self._next() for _ in range(length)]

    def _next(self) -> str:
        kind = self._random.random()
        if kind < 0.5:  # noqa: PLR2004 - half
            return self._random.choice(_COMMON)
        if kind < 0.6:  # noqa: PLR2004 - a tenth
            return self._random.choice(self._topics[-1])
        return self._random.choices(self._words, self._weights)[0]

    def _word(self) -> str:
        return "".join(self._random.choices(_SYLLABLES, k=self._random.choice((2, 2, 3, 3, 4))))
