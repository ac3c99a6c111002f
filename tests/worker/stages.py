"""Handlers that tests hold by the hand."""

import asyncio
from typing import Any

from jobqueue.context import JobContext

from .harness import Harness


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


class Calls:
    """A handler of batches that waits until the test lets it go."""

    def __init__(self, *, held: bool = False) -> None:
        self.payloads: list[list[Any]] = []
        self.contexts: list[list[JobContext]] = []
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()
        if not held:
            self.release.set()

    async def handle(self, jobs: list[JobContext], payloads: list[Any]) -> list[Any]:
        """Give back what came in."""
        self.contexts.append(jobs)
        self.payloads.append(payloads)
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return payloads

    @property
    def sizes(self) -> list[int]:
        """Jobs of each call."""
        return [len(payloads) for payloads in self.payloads]


async def submit_many(harness: Harness, name: str, count: int, **options: Any) -> list[str]:
    """Enqueue jobs with the payloads 0, 1, 2 and so on."""
    return [await harness.submit(name, number, **options) for number in range(count)]
