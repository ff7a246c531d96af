"""Daily's client as the seam has it.

It translates and decides nothing. It never asks the client for `participants()`, which stops the
interpreter while a join is under way, and never gives the client back on one of its own threads,
which would never end.
"""

import asyncio
import copy
import uuid
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from services.ingest.bot.daily_asking import ask, beside, clean, tell
from services.ingest.bot.daily_inbox import Inbox
from services.ingest.bot.daily_library import LIBRARY, Client, audio, video
from services.ingest.bot.daily_media import (
    Air,
    Ear,
    Eye,
    Kind,
    audio_sending,
    subscription,
    video_sending,
    write_audio,
    write_video,
)
from services.ingest.bot.seam import (
    JOIN_SECONDS,
    LEAVE_SECONDS,
    QUICK_SECONDS,
    Callback,
    CallRefusedError,
    CallUnansweredError,
    Frame,
    Request,
    Samples,
)

CLOSE_SECONDS = 20.0
PICTURE_SECONDS = 10.0

_NOTHING_RECEIVED = {
    "camera": "unsubscribed",
    "microphone": "unsubscribed",
    "screenVideo": "unsubscribed",
    "screenAudio": "unsubscribed",
    "customAudio": {"*": "unsubscribed"},
    "customVideo": {"*": "unsubscribed"},
}
_NOTHING_SENT = {
    "inputs": {"camera": False, "microphone": False},
    "publishing": {"camera": False, "microphone": False, "screenVideo": False},
}
_GETTERS = {
    "active_speaker": "active_speaker",
    "inputs": "inputs",
    "network_stats": "get_network_stats",
    "participant_counts": "participant_counts",
    "publishing": "publishing",
    "subscription_profiles": "subscription_profiles",
    "subscriptions": "subscriptions",
}
log = structlog.get_logger()


class DailyCall:
    """One client. Made on the loop that uses it; must be closed."""

    def __init__(self) -> None:
        self._inbox = Inbox()
        self._client: Client | None = LIBRARY.lend(self._inbox)
        self._airs: dict[str, Air] = {}
        self._ears: dict[tuple[str, str], Ear] = {}
        self._looking: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def next(self) -> Callback:
        """The next event, in order."""
        return await self._inbox.next()

    async def join(self, url: str, token: str | None, settings: dict[str, Any]) -> dict[str, Any]:
        """Enter the room, receiving and sending nothing unless `settings` say so."""
        client = self._alive()
        await self._ask("update_subscription_profiles", {"base": _NOTHING_RECEIVED})
        ours = clean(settings)
        merged = ours | {key: off | ours.get(key, {}) for key, off in _NOTHING_SENT.items()}
        data = await ask(
            lambda done: client.join(clean(url), clean(token), merged, completion=done),
            JOIN_SECONDS,
        )
        if not isinstance(data, dict):
            raise CallRefusedError("joined, but not told what")
        return data

    async def request(self, request: Request) -> object:
        """Do it and return what the completion brought."""
        if request.completes:
            return await self._ask(request.method, *request.args, seconds=request.seconds)
        self._tell(request.method, *request.args)
        return None

    def read(self, what: str) -> object:
        """A copy of one of the client's cached values."""
        if what not in _GETTERS:
            raise CallRefusedError(f"{what!r} cannot be read")
        return copy.deepcopy(self._tell(_GETTERS[what]))

    def capture(self, participant_id: str, source: str, sample_rate: int, samples: Samples) -> None:
        """Hand a participant's audio on; that Daily refuses it later shows as an `on_error`."""
        who = _participant(participant_id)
        ear = Ear(samples)
        self._tell("set_audio_renderer", who, ear.take, source, sample_rate)
        self._forget(who, source)
        self._ears[who, source] = ear
        self._subscribe(who, subscription("Audio", source, "subscribed"))

    def release_capture(self, participant_id: str, source: str) -> None:
        """Stop handing audio on."""
        who = _participant(participant_id)
        if self._forget(who, source):
            self._subscribe(who, subscription("Audio", source, "unsubscribed"))

    async def picture(self, participant_id: str, source: str) -> Frame:
        """The next video frame; those who want one of the same source take turns."""
        who = _participant(participant_id)
        async with self._looking.setdefault((who, source), asyncio.Lock()):
            eye = Eye()
            try:
                async with asyncio.timeout(PICTURE_SECONDS):
                    return await self._look(eye, who, source)
            except TimeoutError:
                raise CallUnansweredError(f"no picture in {PICTURE_SECONDS:g} s") from None
            finally:
                eye.close()
                with suppress(CallRefusedError):  # the client was given back meanwhile
                    self._subscribe(who, subscription("Video", source, "unsubscribed"))

    async def play(
        self, track: str, samples: bytes, sample_rate: int, channels: int, bitrate: int | None
    ) -> float:
        """Send audio on a track of our own; return the seconds played, once all of it was."""
        name = self._free(track)
        source, air = audio(sample_rate, channels)
        sending = audio_sending(channels, bitrate)
        async with self._on_air("Audio", name, air, sending):
            await air.run(lambda: write_audio(source, samples, 2 * channels, sample_rate, air))
        return air.frames / sample_rate

    async def show(self, track: str, frame: Frame, frame_rate: int, bitrate: int | None) -> None:
        """Send a picture on a track of our own until cancelled."""
        name = self._free(track)
        source, air = video(frame.width, frame.height)
        async with self._on_air("Video", name, air, video_sending(frame_rate, bitrate)):
            await air.run(lambda: write_video(source, frame.pixels, frame_rate, air))

    async def leave(self) -> None:
        """Leave the room."""
        await self._ask("leave", seconds=LEAVE_SECONDS)

    async def close(self) -> None:
        """End what is on air and give the client back."""
        if self._client is None:
            return
        self._inbox.close()
        async with asyncio.timeout(CLOSE_SECONDS):
            for air in tuple(self._airs.values()):
                air.cut()
                await air.ended()
            client, self._client = self._client, None
            await beside(lambda: LIBRARY.give_back(client))
        log.info("daily.closed", lost=self._inbox.lost, faults=self._inbox.faults)

    @asynccontextmanager
    async def _on_air(
        self, kind: Kind, name: str, air: Air, sending: dict[str, Any]
    ) -> AsyncIterator[None]:
        add = getattr(self._alive(), f"add_custom_{kind.lower()}_track")
        publishing = {f"custom{kind}": {name: {"isPublishing": True, "sendSettings": sending}}}
        self._airs[name] = air
        try:
            await ask(lambda done: add(name, air.track, completion=done), QUICK_SECONDS)
            await self._ask("update_publishing", publishing)
            yield
        finally:
            try:
                with suppress(CallRefusedError, CallUnansweredError):  # it goes with the client
                    await self._ask(f"remove_custom_{kind.lower()}_track", name)
            finally:
                air.end()
                del self._airs[name]

    async def _look(self, eye: Eye, who: str, source: str) -> Frame:
        wanted = subscription("Video", source, "subscribed")
        await self._ask("update_subscriptions", {who: {"media": wanted}})
        self._tell("set_video_renderer", who, eye.take, source, "RGBA")
        return await eye.picture()

    def _subscribe(self, who: str, media: dict[str, Any]) -> None:
        self._tell("update_subscriptions", {who: {"media": media}})

    def _forget(self, who: str, source: str) -> bool:
        ear = self._ears.pop((who, source), None)
        if ear is not None:
            ear.close()
        return ear is not None

    def _free(self, track: str) -> str:
        self._alive()
        name = clean(track)
        if name in self._airs:
            raise CallRefusedError(f"track {name!r} is in use")
        return name

    def _alive(self) -> Client:
        if self._client is None:
            raise CallRefusedError("the call was closed")
        return self._client

    async def _ask(self, method: str, *args: object, seconds: float = QUICK_SECONDS) -> object:
        client = self._alive()
        return await ask(
            lambda done: getattr(client, method)(*clean(args), completion=done), seconds
        )

    def _tell(self, method: str, *args: object) -> object:
        client = self._alive()
        return tell(lambda: getattr(client, method)(*clean(args)))


def _participant(named: str) -> str:
    try:
        return str(uuid.UUID(named))
    except ValueError:
        raise CallRefusedError(f"{named[:50]!r} is not a participant's id") from None
