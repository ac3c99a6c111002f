"""Handlers that tests hold by the hand."""

import asyncio
from typing import Any

from jobqueue.context import JobContext


class Stage:
    """A handler that waits until the test lets it go, and tells what happened to it."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.runs = 0

    async def handle(self, _: JobContext, __: Any) -> str:
        """Wait."""
        self.runs += 1
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"


class Deaf:
    """A handler that swallows its cancellation until the test lets it go."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()

    async def handle(self, _: JobContext, __: Any) -> str:
        """Wait, whatever anybody says."""
        self.started.set()
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                continue
        return "too late"


class Crowd:
    """A handler that counts how many run at once, and who ran."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.seen: list[Any] = []

    async def handle(self, _: JobContext, payload: Any) -> None:
        """Be there for a moment."""
        self.now += 1
        self.most = max(self.most, self.now)
        self.seen.append(payload)
        await asyncio.sleep(0.001)
        self.now -= 1
