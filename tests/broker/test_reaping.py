"""The reaper's pass: lost workers, poison jobs, stray deliveries, due jobs, retention."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.broker import Broker, Connections, Consumer, Lease
from jobqueue.model import Outcome, WorkerInfo
from jobqueue.settings import RetentionSettings
from jobqueue.state import State
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import (
    LEASE,
    QUEUE,
    claim,
    claim_one,
    counts,
    enqueue,
    prefix_of,
    reap_until,
    settle,
    state_of,
)


@pytest.fixture
async def frail(broker: Broker) -> Consumer:
    """A worker with a short lease, which the tests let die."""
    return await broker.consumer(QUEUE, worker_id="frail", lease=LEASE)


async def test_the_job_of_a_lost_worker_runs_elsewhere(
    broker: Broker, consumer: Consumer, frail: Consumer
) -> None:
    """Nobody renews the lease: another worker gets the job, with the attempt unspent."""
    (job_id,) = await enqueue(broker)
    await claim_one(frail)
    await reap_until(broker, job_id, State.QUEUED)
    job = await claim_one(consumer)
    assert (job.id, job.attempt, job.crashes) == (job_id, 1, 1)


async def test_a_job_that_is_renewed_is_left_alone(broker: Broker, frail: Consumer) -> None:
    """A live worker keeps its job for as long as it renews."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(frail)
    renewer = broker.lease_renewer(lease=LEASE)
    for _ in range(8):
        await asyncio.sleep(LEASE / 4)
        assert (await asyncio.to_thread(renewer.renew, [Lease(job.id, job.token)])).lost == []
        await broker.reap(QUEUE, lease=LEASE)
    await asyncio.to_thread(renewer.close)
    assert await state_of(broker, job_id) is State.ACTIVE


async def test_a_poison_job_is_dead_after_three_crashes(broker: Broker, frail: Consumer) -> None:
    """A job that kills every worker ends in the dead letters, whatever its attempts."""
    (poison,) = await enqueue(broker)
    for crashes in range(3):
        assert (await claim_one(frail)).crashes == crashes
        await reap_until(broker, poison, State.QUEUED, State.DEAD)
    job_read = await broker.get(poison)
    assert job_read is not None
    assert (job_read.state, job_read.reason) == (State.DEAD, "crashed")


async def test_a_verdict_clears_the_crash_count(broker: Broker, frail: Consumer) -> None:
    """Crashes count in a row: an attempt that ends in any way starts the count anew."""
    (job_id,) = await enqueue(broker)
    for _ in range(2):
        await claim_one(frail)
        await reap_until(broker, job_id, State.QUEUED)
    await settle(frail, await claim(frail), Outcome.RETRY, delay_ms=0)
    assert (await claim_one(frail)).crashes == 0


async def test_a_cancelled_job_of_a_lost_worker_ends(broker: Broker, frail: Consumer) -> None:
    """The cancellation outlives the worker that should have heard it."""
    (job_id,) = await enqueue(broker)
    await claim_one(frail)
    await broker.cancel(job_id)
    await reap_until(broker, job_id, State.CANCELLED)


async def test_after_an_outage_nothing_is_taken_back_at_once(
    broker: Broker, frail: Consumer, client: RedisClient, namespace: str
) -> None:
    """When Redis was away live workers renew first: a grace period of half a lease."""
    (job_id,) = await enqueue(broker)
    await broker.reap(QUEUE, lease=LEASE)
    await claim_one(frail)
    await asyncio.sleep(LEASE * 1.5)
    seconds, _ = client.time()
    client.hset(f"{prefix_of(namespace)}meta", "reaped_at", (seconds - 10) * 1000)
    report = await broker.reap(QUEUE, lease=LEASE)
    assert report.recovered == 0
    assert await state_of(broker, job_id) is State.ACTIVE
    await reap_until(broker, job_id, State.QUEUED)


async def test_a_clock_that_steps_back_takes_no_job_away(
    broker: Broker, frail: Consumer, client: RedisClient, namespace: str
) -> None:
    """A pass that lies in the future is a clock that was set: grace, then on as usual."""
    (job_id,) = await enqueue(broker)
    await claim_one(frail)
    await asyncio.sleep(LEASE * 1.5)
    seconds, _ = client.time()
    client.hset(f"{prefix_of(namespace)}meta", "reaped_at", (seconds + 3600) * 1000)
    assert (await broker.reap(QUEUE, lease=LEASE)).recovered == 0
    await reap_until(broker, job_id, State.QUEUED)


async def test_a_lost_worker_that_settles_late_changes_nothing(
    broker: Broker, consumer: Consumer, frail: Consumer
) -> None:
    """The job belongs to whoever runs it now."""
    (job_id,) = await enqueue(broker)
    late = await claim(frail)
    await reap_until(broker, job_id, State.QUEUED)
    current = await claim(consumer)
    assert await settle(frail, late, Outcome.COMPLETED, result=b'"late"') == ["stale"]
    assert await settle(consumer, current, Outcome.COMPLETED, result=b'"good"') == ["ok"]
    read = await broker.get(job_id)
    assert read is not None
    assert read.result == b'"good"'


async def test_a_verdict_on_a_job_that_was_taken_back_is_stale(
    broker: Broker, frail: Consumer
) -> None:
    """A worker that comes too late is told so, also while nobody else has the job yet."""
    (job_id,) = await enqueue(broker)
    late = await claim(frail)
    await reap_until(broker, job_id, State.QUEUED)
    assert await settle(frail, late, Outcome.COMPLETED, result=b"1") == ["stale"]
    assert await state_of(broker, job_id) is State.QUEUED


async def test_a_verdict_after_the_lease_and_before_anybody_took_it_counts(
    broker: Broker, frail: Consumer
) -> None:
    """A lease that has run out and was not taken back still covers its work."""
    await enqueue(broker)
    jobs = await claim(frail)
    await asyncio.sleep(LEASE * 1.2)
    assert await settle(frail, jobs, Outcome.COMPLETED, result=b"1") == ["ok"]


async def test_a_stray_delivery_goes_back(broker: Broker, consumer: Consumer) -> None:
    """A job delivered to a worker that is frozen does not wait for it."""
    (job_id,) = await enqueue(broker)
    await consumer.wait(1)
    other = await broker.consumer(QUEUE, worker_id="w2", lease=15)
    await consumer.beat(WorkerInfo("w1", "h", 1, ("worker",), "0", (), 0, 0, 0))

    async def taken() -> bool:
        await broker.reap(QUEUE, lease=15)
        return [job.id for job in await claim(other)] == [job_id]

    await eventually(taken, within=9)


async def test_due_jobs_become_runnable_without_workers(broker: Broker) -> None:
    """The reaper alone makes due jobs ready, so that they are seen as waiting."""
    (job_id,) = await enqueue(broker, delay_ms=20)
    await reap_until(broker, job_id, State.QUEUED)


@pytest.fixture
async def forgetful(redis_url: str, namespace: str) -> AsyncIterator[Broker]:
    """A broker that keeps finished jobs for a moment only."""
    retention = RetentionSettings(completed=0.05, cancelled=0.05, dead=0.05)
    broker = Broker(await Connections.open(redis_url), namespace=namespace, retention=retention)
    yield broker
    await broker.close()


async def test_old_jobs_are_forgotten(
    forgetful: Broker, client: RedisClient, namespace: str
) -> None:
    """After its retention nothing of a job is left in Redis."""
    consumer = await forgetful.consumer(QUEUE, worker_id="w1", lease=15)
    *_, called_off = await enqueue(forgetful, 3)
    await forgetful.cancel(called_off)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1" * 100)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")

    async def gone() -> bool:
        await forgetful.reap(QUEUE, lease=15)
        return await counts(forgetful) == {}

    await eventually(gone)
    assert list(client.scan_iter(f"{prefix_of(namespace)}0*")) == []


async def test_a_silent_worker_is_forgotten(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """The list of workers does not grow with every restart."""
    await consumer.claim(1)
    client.zadd(f"{prefix_of(namespace)}workers", {"gone": 1})
    await broker.reap(QUEUE, lease=15)
    assert client.zscore(f"{prefix_of(namespace)}workers", "gone") is None


async def test_the_age_of_the_last_pass_is_known(broker: Broker) -> None:
    """An operator can see whether any reaper is at work."""
    assert await broker.reaper_beat_age(QUEUE) is None
    await broker.reap(QUEUE, lease=15)
    age = await broker.reaper_beat_age(QUEUE)
    assert age is not None
    assert age < 5
