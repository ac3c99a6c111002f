"""Who may start: all jobs of a process, or one alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Gate:
    """Counts the attempts of all pools of a process; closed while one must run alone.

    A job whose worker died twice runs alone, so that only the culprit of a third
    crash is blamed for it.
    """

    def __init__(self) -> None:
        self.busy = 0
        self.closed = False
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._on_open: list[Callable[[], None]] = []

    def when_opened(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the gate opens."""
        self._on_open.append(callback)

    def enter(self) -> None:
        """An attempt starts (or waits to run alone)."""
        self.busy += 1

    def leave(self) -> None:
        """An attempt ended."""
        self.busy -= 1
        if self._waiters:
            self._release()

    def close(self) -> None:
        """Nothing else starts until `open`."""
        self.closed = True

    def open(self) -> None:
        """Everything may start again."""
        self.closed = False
        for callback in self._on_open:
            callback()

    @asynccontextmanager
    async def alone(self, *, wait: bool) -> AsyncIterator[None]:
        """Wait until only one attempt is left, and open when it is done.

        Args:
            wait: False for an attempt that was told to stop before: it ends, and needs nobody
                to be gone.
        """
        try:
            if wait:
                await self.down_to(1)
            yield
        finally:
            self.open()

    async def down_to(self, count: int) -> None:
        """Wait until at most `count` attempts are left."""
        if self.busy <= count:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiters.append((count, future))
        await future

    def _release(self) -> None:
        for count, future in self._waiters:
            if self.busy <= count and not future.done():
                future.set_result(None)
        self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]
