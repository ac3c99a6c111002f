"""The slots that both lanes share: how many documents Chromium works on at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """A counter that is waited for in order of arrival.

    Args:
        number: how many slots there are.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, first: bool = False) -> None:
        """Take a slot, until `release`.

        Args:
            first: before all who wait; for one that had its turn already.
        """
        if self._free:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it came in the very moment of giving up
            raise

    def release(self) -> None:
        """Give a slot back: to whoever has waited longest, if anybody has."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1


class Turn:
    """One job's use of a slot.

    Args:
        slots: those of all lanes.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._holds = False

    async def take(self, *, first: bool = False) -> None:
        """Take a slot; see `Slots.acquire`."""
        await self._slots.acquire(first=first)
        self._holds = True

    def give_back(self) -> None:
        """Give the slot back, if there is one to be given back."""
        if self._holds:
            self._holds = False
            self._slots.release()

    @asynccontextmanager
    async def rest(self) -> AsyncIterator[None]:
        """Let others have the slot while the block only waits."""
        self.give_back()
        yield
        await self.take(first=True)
