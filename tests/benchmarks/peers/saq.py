"""SAQ. It has no bulk call: many enqueues at once, of which its queue lets 20 be under way.

It is pinned to redis-py 7: with version 8, which it also accepts, its worker stopped before the
last job in most runs with a concurrency of 100.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import saq
from saq.queue.redis import RedisQueue
from typing_extensions import override

from tests.benchmarks.peers._driver import RESULT, Driver, Payload, Starts, main


class Saq(Driver):
    """`saq.Queue` and `saq.Worker`, JSON, a result kept for ten minutes."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue

    @classmethod
    @asynccontextmanager
    @override
    async def connect(cls, url: str) -> AsyncIterator[Self]:
        queue = RedisQueue.from_url(url, name="bench")
        await queue.connect()
        yield cls(queue)
        await queue.disconnect()

    @override
    async def enqueue(self, payload: Payload) -> None:
        await self._queue.enqueue("noop", payload=payload)

    @override
    async def enqueue_bulk(self, payloads: list[Payload]) -> None:
        await asyncio.gather(*map(self.enqueue, payloads))

    @override
    async def work(self, concurrency: int, started: Starts) -> None:
        async def noop(_context: Any, *, payload: Payload) -> dict[str, Any]:
            started(payload)
            return RESULT

        worker = saq.Worker(self._queue, [("noop", noop)], concurrency=concurrency)
        await worker.start()


if __name__ == "__main__":
    main(Saq)
