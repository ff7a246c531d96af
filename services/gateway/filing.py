"""Keep files of a session: what is to be played or shown in its room, and pictures taken there.

A file's bytes name it, so that one uploaded again is stored once. Looks into none of them.
"""

import re
from hashlib import sha256

from contracts import ids, streams
from contracts.events import FileStored
from services._runtime.app import Runtime
from services._runtime.blobs import BlobMissingError, Blobs
from services._runtime.clock import Clock
from services.gateway import dto, problems
from services.gateway.problems import ProblemError

FILE_BYTES = 20 << 20
OTHER_TYPE = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"(audio|image)/[a-z0-9][a-z0-9.+-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def media_type(content_type: str) -> str:
    """The kind of file, without parameters; raises ProblemError (415) unless sound or picture."""
    kind = content_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind):
        raise problems.wrong_media_type("must be audio/ or image/ something")
    return kind


class Filing:
    """Stores and gives back the files of sessions."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime, self._clock = runtime, clock

    async def keep(self, session_id: str, kind: str, data: bytes) -> dto.FileAccepted:
        """Store the file sealed, then say so in the log; raises ProblemError (400) when empty."""
        if not data:
            raise problems.malformed("body", "is empty")
        file_id = "fil_" + ids.digest(session_id, kind, sha256(data).hexdigest())
        if await self._stored(session_id, file_id) is None:
            blobs = await self._blobs()
            await blobs.put(session_id, file_id, data)
            await self._runtime.publisher.append(
                FileStored(
                    session_id=session_id,
                    time=self._clock(),
                    file_id=file_id,
                    media_type=kind,
                    size=len(data),
                )
            )
        return dto.FileAccepted(file_id=file_id, media_type=kind, size=len(data))

    async def fetch(self, session_id: str, file_id: str) -> tuple[str, bytes]:
        """A file's kind and bytes; raises ProblemError (404)."""
        stored = await self._stored(session_id, file_id) if _ID.fullmatch(file_id) else None
        if stored is None:
            raise _missing()
        try:
            data = await (await self._blobs()).get(session_id, file_id)
        except BlobMissingError:
            raise _missing() from None
        kind = stored.media_type
        return kind if _MEDIA_TYPE.fullmatch(kind) else OTHER_TYPE, data

    async def _stored(self, session_id: str, file_id: str) -> FileStored | None:
        found = None
        for _, event in await self._runtime.log.read(session_id, types=(FileStored,)):
            if isinstance(event, FileStored) and event.file_id == file_id:
                found = event
        return found

    async def _blobs(self) -> Blobs:
        return await Blobs.open(self._runtime.js, streams.FILES, self._runtime.keyring)


def _missing() -> ProblemError:
    return problems.missing("file", "the session has no such file")
