"""Redis goes away and comes back: the worker goes on by itself."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from jobqueue.context import JobContext
from jobqueue.errors import RedisFull, Unavailable
from jobqueue.ids import new_job_id
from jobqueue.state import State
from jobqueue.submission import NewJob
from tests.support.redis import redis_server
from tests.support.wait import eventually

from .harness import QUEUE, Harness, open_broker
from .reaping import reaping
from .stages import Crowd, Stage

LEASE = 1.0
"""Seconds; short, so that tests need not wait for long."""

LEASES = 57

ON_DISK = ("--appendonly", "yes", "--appendfsync", "always")


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


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("seconds", "how"), [(12, "frozen"), (30, "killed")])
async def test_what_runs_outlives_an_outage(namespace: str, seconds: int, how: str) -> None:
    """57 running jobs stay with their worker while Redis is away, also for two leases."""
    stage = Stage()
    async with _private(namespace, *ON_DISK) as (harness, pid):
        folder = Path(harness.url.removeprefix("unix://")).parent
        harness.define("slow", stage.handle, timeout=300)
        with reaping(harness, lease=15) as reports:
            async with harness.worker(slots=LEASES):
                ids = [await harness.submit("slow") for _ in range(LEASES)]
                await eventually(lambda: stage.runs == LEASES)
                await eventually(lambda: _lease_left(harness) < 11)  # it is renewed with 10 s left
                os.kill(pid, signal.SIGSTOP if how == "frozen" else signal.SIGKILL)
                await asyncio.sleep(seconds)  # the outage
                before = len(reports)
                with _back(how, pid, folder):
                    await eventually(lambda: len(reports) > before + 100, within=30)
                    stage.release.set()
                    jobs = [await harness.ended(job_id) for job_id in ids]
                    assert {(job.state, job.deliveries, job.crashes) for job in jobs} == {
                        (State.COMPLETED, 1, 0)
                    }
                    assert sum(report.recovered for report in reports) == 0
    assert stage.runs == LEASES


async def test_many_leases_are_kept(harness: Harness) -> None:
    """57 jobs that run for far longer than a lease are all renewed in time."""
    stage = Stage()
    harness.define("slow", stage.handle)
    with reaping(harness, lease=LEASE) as reports:
        async with harness.worker(slots=LEASES, lease=LEASE):
            ids = [await harness.submit("slow") for _ in range(LEASES)]
            await eventually(lambda: stage.runs == LEASES)
            await asyncio.sleep(4 * LEASE)  # the work itself
            stage.release.set()
            for job_id in ids:
                await harness.ended(job_id)
    assert sum(report.recovered for report in reports) == 0
    assert stage.runs == LEASES


async def test_scripts_are_forgotten_in_mid_work(harness: Harness) -> None:
    """A Redis that forgets its scripts again and again is given them again, and no job notices."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    jobs = [NewJob(new_job_id(QUEUE), "crowd", b"%d" % number) for number in range(5000)]
    await harness.broker.enqueue_many(jobs)
    with redis.Redis.from_url(harness.url) as client:
        async with harness.worker(slots=64):
            for part in range(1, 21):
                await eventually(lambda part=part: len(crowd.seen) >= 200 * part)  # type: ignore[misc]  # bound now
                client.script_flush()
            await eventually(lambda: _completed(harness, 5000))
    assert sorted(crowd.seen) == list(range(5000))


async def test_a_full_redis_is_worked_off(namespace: str) -> None:
    """With a Redis out of memory a worker runs all that waits, keeps what runs, and drains."""
    stage, crowd = Stage(), Crowd()
    async with _private(namespace) as (harness, _):
        harness.define("slow", stage.handle)
        harness.define("crowd", crowd.handle)
        with reaping(harness, lease=LEASE) as reports, redis.Redis.from_url(harness.url) as client:
            async with harness.worker(slots=8, lease=LEASE, drain=20.0) as worker:
                slow = [await harness.submit("slow") for _ in range(4)]
                await eventually(lambda: stage.runs == 4)
                jobs = [NewJob(new_job_id(QUEUE), "crowd", b"%d" % n) for n in range(1000)]
                await harness.broker.enqueue_many(jobs)
                client.config_set("maxmemory", 1)
                await eventually(lambda: _completed(harness, 1000))
                with pytest.raises(RedisFull):
                    await harness.submit("crowd", 1000)
                await asyncio.sleep(2 * LEASE)  # the work itself
                worker.drain()
                stage.release.set()
            ended = [await harness.job(job_id) for job_id in slow]
            assert await harness.broker.workers() == []
    assert {(job.state, job.deliveries) for job in ended} == {(State.COMPLETED, 1)}
    assert sum(report.recovered for report in reports) == 0
    assert len(crowd.seen) == 1000


async def test_a_stop_without_redis_ends_in_time(namespace: str) -> None:
    """A worker that is stopped while Redis is away does not wait for it for ever."""
    async with _private(namespace) as (harness, pid):
        crowd = Crowd()
        harness.define("crowd", crowd.handle)
        async with asyncio.timeout(15), harness.worker(drain=0.2):
            await harness.ended(await harness.submit("crowd"))
            os.kill(pid, signal.SIGKILL)


@contextmanager
def _back(how: str, pid: int, folder: Path) -> Iterator[None]:
    """Redis as it comes back."""
    if how == "frozen":
        os.kill(pid, signal.SIGCONT)
        yield
    else:
        with redis_server(folder, *ON_DISK):
            yield


@asynccontextmanager
async def _private(namespace: str, *options: str) -> AsyncIterator[tuple[Harness, int]]:
    """A harness on a Redis of its own, and that server's pid."""
    with (
        tempfile.TemporaryDirectory(prefix="jq-") as folder,
        redis_server(Path(folder), *options) as url,
    ):
        with redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
        broker = await open_broker(url, namespace)
        yield Harness(broker, url, namespace, Path(folder)), pid
        await broker.close()


def _lease_left(harness: Harness) -> float:
    """Seconds until the first lease runs out."""
    with redis.Redis.from_url(harness.url) as client:
        ((_, until),) = client.zrange(
            f"{harness.namespace}:{{{QUEUE}}}:leases", 0, 0, withscores=True
        )
        seconds, micros = client.time()
    return float(until / 1000 - seconds - micros / 1e6)


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
