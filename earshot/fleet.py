"""Several kept processes: begun one by one, stopped in an order. Knows nothing of what they do."""

import asyncio

import msgspec

from earshot.keeper import STOP_SECONDS, Keeper, Part
from earshot.restarts import Policy


class Fleet:
    """Processes with one restart policy; all of them inherit `handle`.

    `fault` is set when a keeper itself fails, which is a fault of ours: `stop` then raises it.
    """

    def __init__(self, policy: Policy, handle: int, fault: asyncio.Event) -> None:
        self._policy, self._handle, self._fault = policy, handle, fault
        self._keepers: list[Keeper] = []

    def keep(self, part: Part) -> Keeper:
        """Run the part from now on."""
        keeper = Keeper(msgspec.structs.replace(part, inherits=(self._handle,)), self._policy)
        self._keepers.append(keeper)
        keeper.start().add_done_callback(self._ended)
        return keeper

    async def stop(
        self, order: tuple[str, ...], hurry: asyncio.Event, patience: float = STOP_SECONDS
    ) -> None:
        """Stop the parts one after the other as their names stand in `order`.

        Each may take `patience` seconds; once `hurry` is set all are ended at once.
        """
        for keeper in sorted(self._keepers, key=lambda keeper: order.index(keeper.part.name)):
            await keeper.stop(hurry, patience)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            self._fault.set()
