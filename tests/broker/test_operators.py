"""Cancel and retry, in every state a job can be in."""

import asyncio

import pytest

from jobqueue.broker.broker import Broker, CancelOrder, Consumer, Lease
from jobqueue.model import CancelResult, Outcome, RetryResult, Settled
from jobqueue.state import State
from tests.support.redis import RedisClient
from tests.support.wait import eventually

from .helpers import claim, claim_one, counts, enqueue, new_job, settle, state_of


async def test_a_queued_job_is_cancelled_at_once(broker: Broker, consumer: Consumer) -> None:
    """It never starts, and is no longer counted as queued."""
    cancelled, live = await enqueue(broker, 2)
    assert await broker.cancel(cancelled) is CancelResult.CANCELLED
    assert [job.id for job in await claim(consumer, 2)] == [live]
    assert await counts(broker) == {State.CANCELLED: 1, State.ACTIVE: 1}


async def test_a_scheduled_job_is_cancelled_at_once(broker: Broker) -> None:
    """A delayed job can be called off before its time."""
    (job_id,) = await enqueue(broker, delay_ms=60_000)
    assert await broker.cancel(job_id) is CancelResult.CANCELLED
    assert await counts(broker) == {State.CANCELLED: 1}


async def test_a_running_job_is_told(broker: Broker, consumer: Consumer) -> None:
    """Its worker hears of it, by message and by the flag that its renewal brings."""
    (job_id,) = await enqueue(broker)
    job = await claim_one(consumer)
    assert await broker.cancel(job_id) is CancelResult.REQUESTED
    renewer = broker.lease_renewer(lease=15)
    renewal = await asyncio.to_thread(renewer.renew, [Lease(job.id, job.token)])
    await asyncio.to_thread(renewer.close)
    assert renewal.cancelled == [job_id]
    read = await broker.get(job_id)
    assert read is not None
    assert read.cancel_requested


async def test_a_cancellation_is_published_to_workers(
    broker: Broker, consumer: Consumer, client: RedisClient, namespace: str
) -> None:
    """A worker that listens learns at once which job to stop."""
    (job_id,) = await enqueue(broker)
    await claim_one(consumer)
    heard = broker.orders()
    first = anext(heard)
    task = asyncio.ensure_future(first)
    await eventually(lambda: client.pubsub_numsub(f"{namespace}:control")[0][1] == 1)
    await broker.cancel(job_id)
    assert await asyncio.wait_for(task, 5) == CancelOrder(job_id)
    await heard.aclose()


@pytest.mark.parametrize(
    "outcome",
    [Outcome.RETRY, Outcome.SNOOZE, Outcome.RATE_LIMITED, Outcome.RETURNED, Outcome.DEAD],
)
async def test_a_cancelled_run_ends_cancelled(
    broker: Broker, consumer: Consumer, outcome: Outcome
) -> None:
    """However its attempt ends short of success, a job that was cancelled does not come back."""
    (job_id,) = await enqueue(broker)
    jobs = await claim(consumer)
    await broker.cancel(job_id)
    verdict = {"delay_ms": 0, "reason": "verdict"}
    assert await settle(consumer, jobs, outcome, **verdict) == [Settled.CANCELLED]
    assert await counts(broker) == {State.CANCELLED: 1}
    job = await broker.get(job_id)
    assert job is not None
    assert job.reason == "cancelled"


async def test_a_run_that_succeeds_before_it_is_stopped_counts(
    broker: Broker, consumer: Consumer
) -> None:
    """Work that was done is not thrown away."""
    (job_id,) = await enqueue(broker)
    jobs = await claim(consumer)
    await broker.cancel(job_id)
    await settle(consumer, jobs, Outcome.COMPLETED, result=b"1")
    assert await state_of(broker, job_id) is State.COMPLETED


async def test_a_finished_job_cannot_be_cancelled(broker: Broker, consumer: Consumer) -> None:
    """What has ended has ended; twice cancelled is once cancelled."""
    done, called_off = await enqueue(broker, 2)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1")
    await broker.cancel(called_off)
    assert await broker.cancel(done) is CancelResult.ALREADY_FINISHED
    assert await broker.cancel(called_off) is CancelResult.ALREADY_FINISHED
    assert await broker.cancel(new_job().id) is CancelResult.NOT_FOUND
    assert await broker.cancel("nonsense") is CancelResult.NOT_FOUND


async def test_a_dead_job_runs_again_with_all_its_attempts(
    broker: Broker, consumer: Consumer
) -> None:
    """Retry keeps id and payload, and starts to count anew."""
    (job_id,) = await enqueue(broker)
    await settle(consumer, await claim(consumer), Outcome.DEAD, reason="x")
    assert await broker.retry(job_id) is RetryResult.QUEUED
    job = await claim_one(consumer)
    assert (job.id, job.attempt, job.payload) == (job_id, 1, b"0")


async def test_a_cancelled_job_runs_once_when_retried(broker: Broker, consumer: Consumer) -> None:
    """Cancel, retry, cancel, retry: the entries left behind never start it twice."""
    (job_id,) = await enqueue(broker)
    for _ in range(3):
        await broker.cancel(job_id)
        assert await broker.retry(job_id) is RetryResult.QUEUED
    assert [job.id for job in await claim(consumer, 10)] == [job_id]
    assert await claim(consumer, 10) == []
    assert await counts(broker) == {State.ACTIVE: 1}


async def test_only_dead_and_cancelled_jobs_are_retried(broker: Broker, consumer: Consumer) -> None:
    """A job that is queued, running or completed is left alone."""
    done, running, queued = await enqueue(broker, 3)
    await settle(consumer, await claim(consumer), Outcome.COMPLETED, result=b"1")
    await claim(consumer)
    for job_id in (done, running, queued):
        assert await broker.retry(job_id) is RetryResult.NOT_RETRYABLE
    assert await broker.retry(new_job().id) is RetryResult.NOT_FOUND
