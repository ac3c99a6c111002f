"""streaq: `enqueue_many`, which is a pipeline, and its worker on asyncio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from streaq import Worker
from typing_extensions import override

from tests.benchmarks.peers._driver import RESULT, Driver, Payload, Starts, main


class Streaq(Driver):
    """`streaq.Worker`, which is producer and worker, pickle, a result kept for five minutes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._worker, self._noop = self._make(concurrency=16)

    def _make(self, *, concurrency: int, started: Starts | None = None) -> tuple[Any, Any]:
        """A worker, and the task to enqueue on it."""
        worker = Worker(redis_url=self._url, queue_name="bench", concurrency=concurrency)

        async def noop(payload: Payload) -> dict[str, Any]:
            if started:
                started(payload)
            return RESULT

        return worker, worker.task(noop)

    @classmethod
    @asynccontextmanager
    @override
    async def connect(cls, url: str) -> AsyncIterator[Self]:
        driver = cls(url)
        async with driver._worker:
            yield driver

    @override
    async def enqueue(self, payload: Payload) -> None:
        await self._noop.enqueue(payload)

    @override
    async def enqueue_bulk(self, payloads: list[Payload]) -> None:
        await self._worker.enqueue_many([self._noop.enqueue(payload) for payload in payloads])

    @override
    async def work(self, concurrency: int, started: Starts) -> None:
        worker, _ = self._make(concurrency=concurrency, started=started)
        await worker.run_async()


if __name__ == "__main__":
    main(Streaq)
