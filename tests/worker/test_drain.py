"""Shutting down: running jobs end, or go back as they came."""

import asyncio
from typing import Any

from jobqueue.context import JobContext
from jobqueue.state import State

from .harness import Harness, until
from .stages import Deaf, Stage


async def test_running_jobs_may_end(harness: Harness) -> None:
    """A draining worker starts nothing new and lets what runs come to its end."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker(slots=1, drain=20.0) as worker:
        running = await harness.submit("slow")
        await stage.started.wait()
        waiting = await harness.submit("slow")
        worker.drain()
        await asyncio.sleep(0)
        stage.release.set()
    assert (await harness.job(running)).state is State.COMPLETED
    assert (await harness.job(waiting)).state is State.QUEUED
    assert stage.runs == 1


async def test_a_job_out_of_time_goes_back_unspent(harness: Harness) -> None:
    """A job that the drain interrupts is queued again, first, with no attempt spent."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker(slots=1, drain=0.1):
        job_id = await harness.submit("slow")
        await stage.started.wait()
    job = await harness.job(job_id)
    assert (job.state, job.attempt, job.deliveries, job.crashes) == (State.QUEUED, 0, 0, 0)
    assert stage.cancelled.is_set()
    stage.release.set()
    async with harness.worker(slots=1):
        job = await harness.ended(job_id)
    assert (job.state, job.attempt) == (State.COMPLETED, 1)


async def test_a_slow_clean_up_is_waited_for(harness: Harness) -> None:
    """A job that cleans up for a second is nobody else's before it has: it goes back after that."""
    started, cleaned = asyncio.Event(), asyncio.Event()

    async def tidy(_: JobContext, __: Any) -> str:
        if cleaned.is_set():
            return "after that"
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.0)
            cleaned.set()
        return "never"

    async def impatient(_: JobContext, __: Any) -> str:
        return "beside it" if not cleaned.is_set() else "after that"

    harness.define("tidy", tidy)
    other = Harness(harness.broker, harness.url, harness.namespace, harness.folder)
    other.define("tidy", impatient)
    async with harness.worker(slots=1, drain=0.1) as worker:
        job_id = await harness.submit("tidy")
        await started.wait()
        worker.drain()
        async with other.worker(slots=1):
            job = await harness.ended(job_id)
    assert (job.result, job.attempt, job.deliveries, job.crashes) == (b'"after that"', 1, 1, 0)
    assert not worker.stuck


async def test_a_clean_up_that_is_too_slow_does_not_hold_up_the_exit(harness: Harness) -> None:
    """One that takes longer than a stop may: its job goes back unspent, and the process ends."""
    stage = Stage()

    async def tidy(job: JobContext, payload: Any) -> None:
        try:
            await stage.handle(job, payload)
        finally:
            await asyncio.sleep(60)

    harness.define("tidy", tidy)
    async with asyncio.timeout(10), harness.worker(slots=1, drain=0.1) as worker:
        job_id = await harness.submit("tidy")
        await stage.started.wait()
        worker.drain()
    job = await harness.job(job_id)
    assert (job.state, job.attempt, job.deliveries, job.crashes) == (State.QUEUED, 0, 0, 0)
    assert worker.stuck


async def test_a_job_that_ends_while_it_is_stopped_is_completed(harness: Harness) -> None:
    """Work that a handler finishes when it is told to stop is not thrown away."""
    started = asyncio.Event()

    async def careful(_: JobContext, __: Any) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "finished quickly"
        return "never"

    harness.define("careful", careful)
    async with harness.worker(drain=0.1):
        job_id = await harness.submit("careful")
        await started.wait()
    job = await harness.job(job_id)
    assert (job.state, job.result) == (State.COMPLETED, b'"finished quickly"')


async def test_a_deaf_handler_does_not_hold_up_the_exit(harness: Harness) -> None:
    """A handler that ignores the shutdown loses its job to another worker, and the exit goes on."""
    deaf = Deaf()
    harness.define("deaf", deaf.handle)
    async with asyncio.timeout(15), harness.worker(drain=0.1) as worker:
        job_id = await harness.submit("deaf")
        await deaf.started.wait()
    job = await harness.job(job_id)
    assert (job.state, job.attempt) == (State.QUEUED, 0)
    assert worker.stuck
    deaf.release.set()


async def test_a_stopped_worker_is_no_longer_listed(harness: Harness) -> None:
    """A worker that stopped in order disappears from the list at once."""
    async with harness.worker():
        await until(harness.broker.workers)
    assert await harness.broker.workers() == []
