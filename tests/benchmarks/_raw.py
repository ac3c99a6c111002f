"""The limits of redis-py on this machine: the same work with nothing done for safety.

A job is one LPUSH; taking it is one LMOVE, ending it one LREM. No payload is read, no state
kept, no lease, no result, no event.
"""

import sys
import time
from typing import Any

import redis.asyncio
import uvloop

QUEUE, RUNNING = "raw", "raw:running"


def client(url: str) -> Any:
    """redis-py as people use it, with hiredis."""
    return redis.asyncio.Redis.from_url(url, socket_timeout=None)


async def enqueue_single(url: str, body: bytes, count: int) -> float:
    """Jobs a second, each awaited."""
    async with client(url) as connection:
        start = time.perf_counter()
        for _ in range(count):
            await connection.lpush(QUEUE, body)
        return count / (time.perf_counter() - start)


async def enqueue_bulk(url: str, body: bytes, count: int, batch: int) -> float:
    """Jobs a second, `batch` commands a pipeline."""
    async with client(url) as connection:
        start = time.perf_counter()
        for _ in range(0, count, batch):
            pipeline = connection.pipeline(transaction=False)
            for _ in range(batch):
                pipeline.lpush(QUEUE, body)
            await pipeline.execute()
        return count / (time.perf_counter() - start)


async def process(url: str, count: int, batch: int) -> float:
    """Jobs a second, `batch` of them taken and ended at once."""
    async with client(url) as connection:
        start = time.perf_counter()
        for _ in range(0, count, batch):
            taking = connection.pipeline(transaction=False)
            for _ in range(batch):
                taking.lmove(QUEUE, RUNNING, "RIGHT", "LEFT")
            bodies = await taking.execute()
            ending = connection.pipeline(transaction=False)
            for body in bodies:
                ending.lrem(RUNNING, 1, body)
            await ending.execute()
        return count / (time.perf_counter() - start)


async def push(connection: Any, body: str) -> None:
    """Hand a job to an idle worker."""
    await connection.lpush(QUEUE, body)


async def echo(url: str) -> None:
    """Take jobs as an idle worker does and print how late each came, until one says stop."""
    async with client(url) as connection:
        while (body := await connection.blmove(QUEUE, RUNNING, 60, "RIGHT", "LEFT")) != b"stop":
            sys.stdout.write(f"{time.monotonic() - float(body):.7f}\n")


if __name__ == "__main__":
    uvloop.run(echo(sys.argv[1]))
