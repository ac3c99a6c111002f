"""The loss of something that calls are made to: a page that crashed, a browser that ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial


class Loss:
    """An event that happens at most once, in the middle of whatever is going on."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._callbacks: set[Callable[[], None]] = set()

    @property
    def happened(self) -> bool:
        """Whether it is lost."""
        return self._event.is_set()

    def happen(self) -> None:
        """Tell everybody who is to be told; only the first time."""
        if self.happened:
            return
        self._event.set()
        for callback in list(self._callbacks):
            callback()

    def tell(self, callback: Callable[[], None]) -> None:
        """Call `callback` when it happens."""
        self._callbacks.add(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo `tell`."""
        self._callbacks.discard(callback)

    async def wait(self) -> None:
        """Wait until it has happened."""
        await self._event.wait()

    @asynccontextmanager
    async def interrupts(self) -> AsyncIterator[None]:
        """Raise TimeoutError in the block as soon as it happens.

        What is lost does not always answer the calls that it was lost in.
        """
        async with asyncio.timeout(0 if self.happened else None) as block:
            stop = partial(block.reschedule, 0)
            self.tell(stop)
            try:
                yield
            finally:
                self.forget(stop)
