"""Stopping jobs that share a call of their handler."""

import asyncio
from typing import Any

import pytest
import redis

from jobqueue.batch import Batch
from jobqueue.context import JobContext
from jobqueue.model import CancelResult
from jobqueue.retry import Retry
from jobqueue.state import State
from jobqueue.worker import attempt as attempt_module

from .harness import QUEUE, Harness, until
from .stages import Calls, submit_many

ONCE = Retry(max_attempts=1)


async def test_the_earliest_deadline_stops_the_call(harness: Harness) -> None:
    """The call has the time of its most hurried job; then all have run out of time."""
    calls = Calls(held=True)
    harness.define("mail", calls.handle, timeout=50, retry=ONCE, batch=Batch(size=2))
    async with harness.worker():
        patient = await harness.submit("mail", 1)
        hurried = await harness.submit("mail", 2, timeout=0.2)
        for job_id in (patient, hurried):
            job = await harness.ended(job_id)
            assert (job.state, job.reason) == (State.DEAD, "timeout")
            assert job.failure is not None
            assert job.failure.message == "stopped after 0.2 s"
    assert len({context.deadline for context in calls.contexts[0]}) == 1


async def test_a_job_that_waits_for_its_batch_can_be_cancelled(harness: Harness) -> None:
    """A job that is cancelled before its batch starts leaves it and ends at once."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=3, wait=30.0))
    async with harness.worker():
        ids = await submit_many(harness, "mail", 2)
        for job_id in ids:
            await harness.reaches(job_id, State.ACTIVE)
        await harness.broker.cancel(ids[0])
        assert (await harness.ended(ids[0], within=3)).state is State.CANCELLED
        more = [await harness.submit("mail", number) for number in (2, 3)]
        for job_id in (ids[1], *more):
            assert (await harness.ended(job_id)).state is State.COMPLETED
    assert calls.payloads == [[1, 2, 3]]


async def test_a_cancelled_job_does_not_stop_the_others(harness: Harness) -> None:
    """The call goes on for the others, can see who was cancelled, and that job ends cancelled."""
    calls = Calls(held=True)
    harness.define("mail", calls.handle, batch=Batch(size=3))
    async with harness.worker():
        ids = await submit_many(harness, "mail", 3)
        await calls.started.wait()
        assert await harness.broker.cancel(ids[1]) is CancelResult.REQUESTED
        await until(lambda: _is_cancelled(calls, 1))
        assert not calls.cancelled.is_set()
        assert [context.cancelled for context in calls.contexts[0]] == [False, True, False]
        calls.release.set()
        states = [(await harness.ended(job_id)).state for job_id in ids]
    assert states == [State.COMPLETED, State.CANCELLED, State.COMPLETED]


async def test_a_call_that_nobody_wants_is_stopped(harness: Harness) -> None:
    """When all jobs of a batch are cancelled its handler is, too."""
    calls = Calls(held=True)
    harness.define("mail", calls.handle, batch=Batch(size=3))
    async with harness.worker():
        ids = await submit_many(harness, "mail", 3)
        await calls.started.wait()
        for job_id in ids:
            await harness.broker.cancel(job_id)
        for job_id in ids:
            assert (await harness.ended(job_id, within=3)).state is State.CANCELLED
    assert calls.cancelled.is_set()


async def test_a_deaf_batch_loses_its_jobs(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler of a batch that ignores its cancellation does not keep any of its jobs."""
    monkeypatch.setattr(attempt_module, "CANCEL_GRACE", 0.2)
    release = asyncio.Event()

    async def deaf(_: list[JobContext], payloads: list[Any]) -> list[Any]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return payloads

    harness.define("deaf", deaf, timeout=0.1, retry=ONCE, batch=Batch(size=3))
    async with harness.worker(drain=20.0) as worker:
        for job_id in await submit_many(harness, "deaf", 3):
            job = await harness.ended(job_id)
            assert (job.state, job.reason) == (State.DEAD, "timeout")
    assert worker.stuck
    release.set()


async def test_a_shutdown_hands_a_batch_back(harness: Harness) -> None:
    """Jobs of a call that the drain interrupts, and those that wait for one, go back unspent."""
    calls = Calls(held=True)
    harness.define("mail", calls.handle, batch=Batch(size=3, wait=30.0))
    async with asyncio.timeout(10), harness.worker(slots=5, drain=0.1):
        ids = await submit_many(harness, "mail", 3)
        await calls.started.wait()
        ids += await submit_many(harness, "mail", 2)
        for job_id in ids:
            await harness.reaches(job_id, State.ACTIVE)
    for job_id in ids:
        job = await harness.job(job_id)
        assert (job.state, job.attempt, job.deliveries, job.crashes) == (State.QUEUED, 0, 0, 0)
    assert calls.sizes == [3]


async def test_a_job_that_arrives_as_its_worker_stops_goes_back(harness: Harness) -> None:
    """A job that was claimed just before the drain does not begin to wait for a batch."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=2, wait=30.0))
    async with harness.worker(queues={"other": 1}) as worker:  # it leaves the queue to this test
        consumer = await harness.broker.consumer(QUEUE, worker_id="tester", lease=15)
        pool = worker._line(QUEUE, 2).add(QUEUE, consumer).pool
        before, after = await submit_many(harness, "mail", 2)
        for job_id in (before, after):
            attempts = pool.take((await consumer.claim(1)).jobs)
            if job_id is after:
                pool.close()
            pool.launch(attempts)
        await consumer.settle(pool.outbox.take())
        for job_id in (before, after):
            job = await harness.job(job_id)
            assert (job.state, job.attempt) == (State.QUEUED, 0)
        await consumer.leave()


async def test_collecting_does_not_hold_up_a_drain(harness: Harness) -> None:
    """A worker that drains does not wait for a batch to fill."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=3, wait=30.0))
    async with asyncio.timeout(5), harness.worker(drain=20.0):
        job_id = await harness.submit("mail")
        await harness.reaches(job_id, State.ACTIVE)
    job = await harness.job(job_id)
    assert (job.state, job.attempt, calls.sizes) == (State.QUEUED, 0, [])


async def test_a_lost_job_does_not_stop_the_others(harness: Harness) -> None:
    """A job of a batch that was given to another worker counts nothing here, the others do."""
    calls = Calls(held=True)
    harness.define("mail", calls.handle, batch=Batch(size=2))
    async with harness.worker(slots=2, lease=0.9) as worker:
        lost, kept = await submit_many(harness, "mail", 2)
        await calls.started.wait()
        await _take_back(harness, lost)
        await until(lambda: _is_cancelled(calls, 0))
        assert not calls.cancelled.is_set()
        calls.release.set()
        assert (await harness.ended(kept)).state is State.COMPLETED
        job = await harness.ended(lost)  # it ran again: its first verdict was not used
        assert (job.state, job.crashes, worker.info().processed) == (State.COMPLETED, 1, 2)
    assert calls.sizes == [2, 1]


async def _is_cancelled(calls: Calls, index: int) -> bool:
    return calls.contexts[0][index].cancelled


async def _take_back(harness: Harness, job_id: str) -> None:
    """Let the lease of a job expire and a reaper find it before its worker renews it."""
    leases = f"{harness.namespace}:{{{QUEUE}}}:leases"
    with redis.Redis.from_url(harness.url) as client:

        async def look() -> bool:
            client.zadd(leases, {job_id[-26:]: 1})
            return (await harness.broker.reap(QUEUE, lease=0.9)).recovered > 0

        await until(look)
