"""arq, told to poll every 10 ms: by its default of 0.5 s it would be measured in polls.

It has no bulk call: 50 enqueues at once, each on a connection of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from arq import create_pool, func
from arq.connections import ArqRedis, RedisSettings
from arq.worker import Worker
from typing_extensions import override

from tests.benchmarks.peers._driver import RESULT, Driver, Payload, Starts, main

POLL_DELAY = 0.01
READ_LIMIT = 1000
"""Jobs that one poll reads; by default 100, which bounds the rate as well."""


class Arq(Driver):
    """`ArqRedis` and `arq.Worker`, pickle, a result kept for an hour."""

    bulk = 50

    def __init__(self, pool: ArqRedis, settings: RedisSettings) -> None:
        self._pool = pool
        self._settings = settings

    @classmethod
    @asynccontextmanager
    @override
    async def connect(cls, url: str) -> AsyncIterator[Self]:
        settings = RedisSettings(unix_socket_path=url.removeprefix("unix://"))
        pool = await create_pool(settings)
        yield cls(pool, settings)
        await pool.aclose()

    @override
    async def enqueue(self, payload: Payload) -> None:
        await self._pool.enqueue_job("noop", payload)

    @override
    async def enqueue_bulk(self, payloads: list[Payload]) -> None:
        await asyncio.gather(*map(self.enqueue, payloads))

    @override
    async def work(self, concurrency: int, started: Starts) -> None:
        async def noop(_context: Any, payload: Payload) -> dict[str, Any]:
            started(payload)
            return RESULT

        worker = Worker(
            [func(noop, name="noop")],
            redis_settings=self._settings,
            max_jobs=concurrency,
            poll_delay=POLL_DELAY,
            queue_read_limit=READ_LIMIT,
        )
        await worker.async_run()


if __name__ == "__main__":
    main(Arq)
