"""The reaper, beside workers that live and die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis
from prometheus_client import CollectorRegistry, generate_latest

from jobqueue.metrics import JOBS_FINISHED, LEASES_RECOVERED
from jobqueue.reaper import Reaper
from jobqueue.state import State
from tests.support.wait import eventually

from .harness import QUEUE, Harness
from .stages import Crowd

LEASE = 0.9


@asynccontextmanager
async def reaping(harness: Harness) -> AsyncIterator[CollectorRegistry]:
    """A running reaper; gives where it shows its gauges."""
    registry = CollectorRegistry()
    async with asyncio.TaskGroup() as group:
        reaper = group.create_task(Reaper(harness.broker, lease=LEASE, registry=registry).run())
        yield registry
        reaper.cancel()


def shown(registry: CollectorRegistry) -> set[str]:
    """The samples of a registry, as lines."""
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if not line.startswith("#")}


async def test_a_lost_job_goes_back(harness: Harness) -> None:
    """A job whose worker stopped renewing is queued again, and counted."""
    job_id = await harness.submit("gone")
    consumer = await harness.broker.consumer(QUEUE, worker_id="died", lease=LEASE)
    (claimed,) = (await consumer.claim(1)).jobs
    recovered = LEASES_RECOVERED.labels(QUEUE)._value
    before = recovered.get()
    async with reaping(harness):
        job = await harness.reaches(job_id, State.QUEUED)
        await eventually(lambda: recovered.get() == before + 1)
    assert claimed.id == job.id
    assert (job.crashes, job.attempt) == (1, 0)


async def test_a_job_that_kills_its_workers_is_counted_dead(harness: Harness) -> None:
    """A job that took its third worker along is dead, and counts under its type."""
    finished = JOBS_FINISHED.labels(QUEUE, "killer", "dead")._value
    job_id = await harness.submit("killer")
    consumer = await harness.broker.consumer(QUEUE, worker_id="died", lease=LEASE)
    await consumer.claim(1)
    with redis.Redis.from_url(harness.url) as client:
        client.hset(f"{harness.namespace}:{{{QUEUE}}}:{job_id[-26:]}:status", "crashes", 2)
    before = finished.get()
    async with reaping(harness):
        job = await harness.ended(job_id)
        await eventually(lambda: finished.get() == before + 1)
    assert (job.state, job.reason) == (State.DEAD, "crashed")


async def test_queues_are_shown_while_it_runs(harness: Harness) -> None:
    """The gauges of the queues are there while a reaper runs, and gone with it."""
    await harness.submit("waiting")
    await harness.submit("later", delay=60)
    async with reaping(harness) as registry:
        jobs = f'jobqueue_queue_jobs{{queue="{QUEUE}",state="%s"}} %s'
        expected = {jobs % ("queued", "1.0"), jobs % ("scheduled", "1.0"), jobs % ("dead", "0.0")}
        await eventually(lambda: expected <= shown(registry))
        assert any("jobqueue_queue_oldest_job_seconds" in line for line in shown(registry))
    assert shown(registry) == set()


async def test_due_jobs_start_beside_a_busy_worker(harness: Harness) -> None:
    """A retry that becomes due is run although no worker holds the alarm for it."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    async with reaping(harness), harness.worker():
        job = await harness.ended(await harness.submit("crowd", delay=0.2))
    assert job.state is State.COMPLETED
