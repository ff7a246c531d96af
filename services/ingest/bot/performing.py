"""Media commands: a participant's audio handed on, a picture taken, a file played or shown.

Files come from and go to the session's object store.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import structlog

from contracts import calls, ids
from contracts.calls import CallCommand
from contracts.codec import SealedMessageError
from contracts.events import (
    AudioCaptureStarted,
    AudioCaptureStopped,
    AudioPlayed,
    CallFact,
    Event,
    FileStored,
    PictureHidden,
    PictureShown,
    PictureTaken,
)
from services._runtime.blobs import BlobMissingError, Blobs
from services._runtime.keyring import KeyGoneError
from services._runtime.links import Links
from services._runtime.projection import AWAY
from services.ingest.bot.capturing import Capturing
from services.ingest.bot.seam import Call, CallRefusedError, CallUnansweredError
from services.ingest.bot.steps import Charge

log = structlog.get_logger()

TRACKS = 8
"""What a bot plays and shows at once."""

F = TypeVar("F", bound=CallFact)
Tell: TypeAlias = Callable[[Event], Awaitable[None]]


class Performing:
    """Carries out one bot's media commands and inspections."""

    def __init__(
        self,
        charge: Charge,
        links: Links,
        files: Blobs,
        call: Call,
        now: Callable[[], datetime],
    ) -> None:
        self._charge, self._files, self._call = charge, files, call
        self._now = now
        self._capturing = Capturing(charge.session_id, links, call, now)
        self._tracks: dict[str, asyncio.Task[None]] = {}

    def count_from(self, started_at: datetime | None) -> None:
        """Say when the meeting started, once it is known."""
        self._capturing.started_at = started_at

    async def perform(self, command: CallCommand, tell: Tell) -> object:
        """Do it and return what the command's result is.

        Raises CallRefusedError or CallUnansweredError.
        """
        match command:
            case calls.Inspect(what=what):
                return self._call.read(what)
            case calls.TakePicture():
                return await self._take_picture(command, tell)
            case _:
                await self._switch(command, tell)
                return None

    async def stop(self) -> None:
        """End everything that goes on."""
        await self._capturing.stop()
        tasks = tuple(self._tracks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _switch(self, command: CallCommand, tell: Tell) -> None:
        """Begin or end something that goes on."""
        match command:
            case calls.CaptureAudio():
                self._capturing.begin(command)
                await tell(
                    self._fact(
                        AudioCaptureStarted,
                        participant_id=command.participant_id,
                        source=command.source,
                        sample_rate=command.sample_rate,
                    )
                )
            case calls.StopAudioCapture(participant_id=participant, source=source):
                self._capturing.end(participant, source)
                await tell(
                    self._fact(AudioCaptureStopped, participant_id=participant, source=source)
                )
            case calls.PlayAudio():
                await self._play(command, tell)
            case calls.ShowPicture():
                await self._show(command, tell)
            case calls.StopAudio(track=track) | calls.HidePicture(track=track):
                await self._clear(track)
            case _:
                raise CallRefusedError("not something a bot performs itself")

    async def _take_picture(self, command: calls.TakePicture, tell: Tell) -> str:
        frame = await self._call.picture(command.participant_id, command.source)
        png = await asyncio.to_thread(_pictures().encode_png, frame)
        file_id = "fil_" + ids.digest(self._charge.bot_id, self._now().isoformat(), len(png))
        session_id = self._charge.session_id
        try:
            await self._files.put(session_id, file_id, png)
        except AWAY as error:
            raise CallRefusedError("the file store is away") from error
        await tell(
            FileStored(
                session_id=session_id,
                time=self._now(),
                file_id=file_id,
                media_type="image/png",
                size=len(png),
            )
        )
        await tell(
            self._fact(
                PictureTaken,
                participant_id=command.participant_id,
                source=command.source,
                file_id=file_id,
                width=frame.width,
                height=frame.height,
            )
        )
        return file_id

    async def _play(self, command: calls.PlayAudio, tell: Tell) -> None:
        stored = await self._file(command.file_id)
        pictures = _pictures()
        try:
            samples = await asyncio.to_thread(
                pictures.decode_audio, stored, command.sample_rate, command.channels
            )
        except pictures.BadMediaError as error:
            raise CallRefusedError(f"file_id: {error}") from None
        await self._occupy(command.track, self._playing(command, samples, tell))

    async def _playing(self, command: calls.PlayAudio, samples: bytes, tell: Tell) -> None:
        began, complete = self._now(), False
        try:
            await self._call.play(
                command.track, samples, command.sample_rate, command.channels, command.bitrate
            )
            complete = True
        finally:
            await tell(
                self._fact(
                    AudioPlayed,
                    file_id=command.file_id,
                    track=command.track,
                    seconds=(self._now() - began).total_seconds(),
                    complete=complete,
                )
            )

    async def _show(self, command: calls.ShowPicture, tell: Tell) -> None:
        stored = await self._file(command.file_id)
        pictures = _pictures()
        try:
            frame = await asyncio.to_thread(
                pictures.decode_picture, stored, command.width, command.height
            )
        except pictures.BadMediaError as error:
            raise CallRefusedError(f"file_id: {error}") from None
        showing = self._call.show(command.track, frame, command.frame_rate, command.bitrate)
        await self._occupy(command.track, self._showing(command.track, showing, tell))
        await tell(
            self._fact(
                PictureShown,
                file_id=command.file_id,
                track=command.track,
                width=frame.width,
                height=frame.height,
            )
        )

    async def _showing(self, track: str, showing: Awaitable[None], tell: Tell) -> None:
        try:
            await showing
        finally:
            await tell(self._fact(PictureHidden, track=track))

    async def _occupy(self, track: str, activity: Awaitable[None]) -> None:
        if len(self._tracks) >= TRACKS and track not in self._tracks:
            raise CallRefusedError(f"{TRACKS} tracks are in use")
        await self._clear(track, wanted=False)
        task = asyncio.ensure_future(self._report(track, activity))
        self._tracks[track] = task
        task.add_done_callback(lambda _: self._tracks.pop(track, None))

    async def _report(self, track: str, activity: Awaitable[None]) -> None:
        try:
            await activity
        except (CallRefusedError, CallUnansweredError) as error:
            log.warning("bot.track_refused", track=track, error=type(error).__name__)

    async def _clear(self, track: str, *, wanted: bool = True) -> None:
        task = self._tracks.get(track)
        if task is None:
            if wanted:
                raise CallRefusedError("nothing is on this track")
            return
        task.cancel()
        await asyncio.wait([task])

    async def _file(self, file_id: str) -> bytes:
        try:
            return await self._files.get(self._charge.session_id, file_id)
        except BlobMissingError:
            raise CallRefusedError("file_id: there is no such file in this session") from None
        except AWAY as error:
            raise CallRefusedError("the file store is away") from error
        except (KeyGoneError, SealedMessageError) as error:
            raise CallRefusedError("file_id: the file cannot be read") from error

    def _fact(self, fact: type[F], **fields: Any) -> F:  # noqa: ANN401 - a fact's own fields
        return fact(**self._charge.head(self._now()), **fields)


def _pictures() -> ModuleType:
    """The codecs: large, and most bots never need them."""
    from services.ingest.bot import pictures  # noqa: PLC0415 - see above

    return pictures
