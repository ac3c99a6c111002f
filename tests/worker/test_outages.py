"""Redis goes away and comes back: the worker goes on by itself."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from jobqueue.context import JobContext
from jobqueue.errors import Unavailable
from jobqueue.ids import new_job_id
from jobqueue.state import State
from jobqueue.submission import NewJob
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .harness import QUEUE, Harness, open_broker
from .stages import Crowd


@pytest.mark.parametrize(("slots", "count"), [(3, 500), (64, 10_000)])
async def test_cut_connections_lose_nothing(harness: Harness, slots: int, count: int) -> None:
    """While all connections are cut again and again every job still runs once.

    With many slots two calls are cut at the same time.
    """
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    jobs = [NewJob(new_job_id(QUEUE), "crowd", b"%d" % number) for number in range(count)]
    await harness.broker.enqueue_many(jobs)
    with redis.Redis.from_url(harness.url) as client:
        async with harness.worker(slots=slots):
            for part in range(1, 21):
                await eventually(lambda part=part: len(crowd.seen) >= count * part / 25)  # type: ignore[misc]  # bound now
                client.client_kill_filter(_type="normal", skipme=True)
            await eventually(lambda: _completed(harness, count))
    assert sorted(crowd.seen) == list(range(count))


async def test_cut_connections_lose_no_line_of_a_log(harness: Harness) -> None:
    """While all connections are cut again and again every line is kept, once and in order."""

    async def talk(job: JobContext, _: Any) -> None:
        for number in range(20):
            job.log(str(number))
            await asyncio.sleep(0.002)
        done.add(job.id)

    done: set[str] = set()
    harness.define("talk", talk)
    ids = [await harness.submit("talk") for _ in range(60)]
    with redis.Redis.from_url(harness.url) as client:
        async with harness.worker(slots=6):
            for part in range(1, 21):
                await eventually(lambda part=part: len(done) >= 3 * part)  # type: ignore[misc]  # bound now
                client.client_kill_filter(_type="normal", skipme=True)
            for job_id in ids:
                await eventually(lambda job_id=job_id: _has_whole_log(harness, job_id))  # type: ignore[misc]  # bound now


async def test_an_idle_worker_survives_a_frozen_redis(namespace: str) -> None:
    """A worker that waits while Redis stops answering is alive, and at work when it answers."""
    async with _private(namespace) as (harness, pid):
        crowd = Crowd()
        harness.define("crowd", crowd.handle)
        async with harness.worker() as worker:
            await eventually(harness.broker.workers)
            os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(90):  # longer than any timeout of the connections
                    await asyncio.sleep(0.1)
                    assert worker.problem() is None
            finally:
                os.kill(pid, signal.SIGCONT)
            job = await harness.ended(await harness.submit("crowd"), within=6)
    assert job.state is State.COMPLETED


async def test_a_stop_without_redis_ends_in_time(namespace: str) -> None:
    """A worker that is stopped while Redis is away does not wait for it for ever."""
    async with _private(namespace) as (harness, pid):
        crowd = Crowd()
        harness.define("crowd", crowd.handle)
        async with asyncio.timeout(15), harness.worker(drain=0.2):
            await harness.ended(await harness.submit("crowd"))
            os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def _private(namespace: str) -> AsyncIterator[tuple[Harness, int]]:
    """A harness on a Redis of its own, and that server's pid."""
    with tempfile.TemporaryDirectory(prefix="jq-") as folder, redis_server(Path(folder)) as url:
        with redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
        broker = await open_broker(url, namespace)
        yield Harness(broker, url, namespace, Path(folder)), pid
        await broker.close()


async def _completed(harness: Harness, count: int) -> bool:
    try:
        (stats,) = await harness.broker.stats([QUEUE])
    except Unavailable:
        return False  # this call's connection was cut as well
    return stats.counts.get(State.COMPLETED, 0) == count


async def _has_whole_log(harness: Harness, job_id: str) -> bool:
    try:
        lines = [line.text for line in await harness.broker.logs(job_id)]
    except Unavailable:
        return False
    return lines == [str(number) for number in range(20)]
