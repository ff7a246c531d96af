"""The rooms of one partition that are in memory: found when wanted, saved, and let go of.

What follows from a room is not known here.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from services._runtime.connection import UnavailableError
from services._runtime.jetstream import TooLargeError
from services._runtime.keyring import KeyGoneError
from services._runtime.projection import AWAY, PAUSE_SECONDS
from services._runtime.session_log import SessionLog
from services.context import room
from services.context.indexing import Indices
from services.context.shelf import Shelf
from services.context.snapshots import Snapshots
from services.context.state import Room

log = structlog.get_logger()

REMEMBERED = 100_000
"""Rooms let go of whose last sequence is kept, to know a snapshot that is older."""
ROOMS_AT_ONCE = 16
"""Rooms that are loaded or saved at a time."""


class Memory:
    """A partition's rooms; a session that was never put here has an empty room or one at rest."""

    def __init__(
        self,
        snapshots: Snapshots,
        logged: SessionLog,
        shelf: Shelf,
        indices: Indices,
        folded: Callable[[], int],
    ) -> None:
        """`folded` tells the sequence that the partition is folded to."""
        self._snapshots, self._log, self._folded = snapshots, logged, folded
        self._shelf, self._indices = shelf, indices
        self._rooms: dict[str, Room] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._unsaved: set[str] = set()
        self._too_large: dict[str, int] = {}
        self._let_go: dict[str, int] = {}
        self._closed = False
        self.from_the_start = False
        """Whether all of the log is folded: a session that was not met has nothing in it."""

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def unsaved(self) -> int:
        """How many rooms are not at rest."""
        return len(self._unsaved)

    def put(self, session_id: str, known: Room, *, is_new: bool = True) -> None:
        """Hold a room; one that is new is to be saved."""
        if self._closed:
            return
        self._rooms[session_id] = known
        self._let_go.pop(session_id, None)
        self._shelf.put(self, session_id, known.count)
        if is_new:
            self._unsaved.add(session_id)

    async def room(self, session_id: str) -> Room:
        """From memory, else from its snapshot, else folded from the log up to where we are.

        Raises UnavailableError once it is closed.
        """
        while session_id not in self._rooms:
            if self._closed:
                raise UnavailableError("the partition is let go of")
            # One load at a time: a second, slower one would bring an older room back.
            if (loading := self._loading.get(session_id)) is None:
                loading = self._loading[session_id] = asyncio.create_task(self._load(session_id))
                loading.add_done_callback(lambda _: self._loading.pop(session_id))
            await asyncio.wait({loading})  # others wait for it too: it outlives who asked first
            if not loading.cancelled():
                loading.result()
        known = self._rooms[session_id]
        self._shelf.put(self, session_id, known.count)
        return known

    async def load(self, session_ids: Sequence[str]) -> None:
        """Have these in memory."""
        wanted = [one for one in session_ids if one not in self._rooms]
        for first in range(0, len(wanted), ROOMS_AT_ONCE):
            some = wanted[first : first + ROOMS_AT_ONCE]
            await asyncio.gather(*(self.room(session_id) for session_id in some))

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session, saved or not; it folds again when somebody asks."""
        self._unsaved.discard(session_id)
        self._let_go.pop(session_id, None)
        self._too_large.pop(session_id, None)
        self._drop(session_id)

    def let_go(self, session_id: str) -> bool:
        """Take a room out of memory; one that is open or not at rest stays."""
        known = self._rooms.get(session_id)
        if known is None or known.unfinished or session_id in self._unsaved:
            return False
        if known.seq:
            self._remember(session_id, known.seq)
        self._drop(session_id)
        return True

    def _remember(self, session_id: str, seq: int) -> None:
        self._let_go[session_id] = seq
        if len(self._let_go) > REMEMBERED:
            del self._let_go[next(iter(self._let_go))]
            self.from_the_start = False  # a session without a snapshot may be a forgotten one

    def _drop(self, session_id: str) -> None:
        self._rooms.pop(session_id, None)
        self._shelf.remove(self, session_id)
        self._indices.forget(session_id)
        self._snapshots.forget(session_id)

    def tidy(self) -> None:
        """Let rooms go where too many are held."""
        self._shelf.clear()

    async def make_room(self) -> None:
        """Let rooms go where too many are held, after saving them where need be."""
        self._shelf.clear()
        if self._shelf.excess <= 0:
            return
        wanted = [
            one
            for one in self._shelf.oldest(self)
            if one in self._unsaved and not self._rooms[one].unfinished
        ]
        for first in range(0, len(wanted), ROOMS_AT_ONCE):
            await self._save(wanted[first : first + ROOMS_AT_ONCE])
            self._shelf.clear()
            if self._shelf.excess <= 0:
                return

    async def save(self) -> None:
        """Put what changed at rest. A room too large for it is folded from the log again.

        Raises ConflictError, RefusedError or UnavailableError; what was not saved stays unsaved.
        """
        changed = sorted(self._unsaved)
        for first in range(0, len(changed), ROOMS_AT_ONCE):
            await self._save(changed[first : first + ROOMS_AT_ONCE])

    async def close(self) -> None:
        """Hold nothing any more."""
        self._closed = True
        loading = [*self._loading.values()]
        for task in loading:
            task.cancel()
        if loading:
            await asyncio.wait(loading)
        for session_id in self._rooms:
            self._shelf.remove(self, session_id)
        self._rooms.clear()

    async def _save(self, session_ids: list[str]) -> None:
        saving = (self._save_one(session_id) for session_id in session_ids)
        done = await asyncio.gather(*saving, return_exceptions=True)
        for session_id, error in zip(session_ids, done, strict=True):
            if isinstance(error, KeyGoneError):
                self.forget(session_id)
            elif error is None:
                self._unsaved.discard(session_id)
        for error in done:
            if error is not None and not isinstance(error, KeyGoneError):
                raise error

    async def _save_one(self, session_id: str) -> None:
        known = self._rooms[session_id]
        if self._too_large.get(session_id) == len(known.pages):
            return
        try:
            await self._snapshots.save(session_id, known)
        except TooLargeError:
            await self._snapshots.drop(session_id)
            self._too_large[session_id] = len(known.pages)
            log.warning("snapshot.too_large", session=session_id)
        else:
            self._too_large.pop(session_id, None)

    async def _load(self, session_id: str) -> None:
        """Tries until it can: a fold waits for what it needs, it never goes on without."""
        while True:
            try:
                self.put(session_id, await self._found(session_id), is_new=False)
            except (*AWAY, UnavailableError):
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    async def _found(self, session_id: str) -> Room:
        """A snapshot counts that is not older than what was let go of, and is of this log."""
        known, least = await self._snapshots.load(session_id), self._let_go.get(session_id, 0)
        if known is None and least == 0 and self.from_the_start:
            return room.initial
        if known is None or known.seq < least or not await self.holds(known):
            known = room.fold(await self._log.read(session_id, upto=self._folded()))
        return known

    async def holds(self, known: Room) -> bool:
        """Whether a room that was at rest is of this log."""
        return await self._log.holds(known.seq, known.event_id)
