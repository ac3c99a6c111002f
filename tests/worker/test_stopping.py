"""Stopping work: deadlines, cancels, lost leases, and handlers that do not listen."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import redis

from jobqueue.context import JobContext
from jobqueue.ids import new_job_id
from jobqueue.metrics import LOOP_LAG, STALE_SETTLES
from jobqueue.model import CancelResult, ClaimedJob, Outcome
from jobqueue.retry import Retry
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from jobqueue.submission import DEFAULT_OPTIONS
from jobqueue.worker import attempt as attempt_module
from jobqueue.worker.attempt import Stop
from jobqueue.worker.batches import Batches
from jobqueue.worker.deadlines import Deadlines
from jobqueue.worker.gate import Gate
from jobqueue.worker.pool import Pool
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.slots import Slots
from jobqueue.worker.throttle import Throttle
from tests.support.wait import eventually

from .harness import QUEUE, Harness, until
from .reaping import reaping
from .stages import Deaf, Stage

LEASE = 0.9
"""Seconds; short, so that tests need not wait for long."""


async def test_a_job_is_stopped_at_its_deadline(harness: Harness) -> None:
    """A job that takes too long is stopped, and that is a failed attempt."""
    stage = Stage()
    harness.define("slow", stage.handle, timeout=0.1)
    async with harness.worker():
        job = await harness.ended(await harness.submit("slow"))
    assert (job.state, job.reason, job.attempt) == (State.DEAD, "timeout", 2)
    assert job.failure is not None
    assert (job.failure.code, job.failure.message) == ("timeout", "stopped after 0.1 s")
    assert stage.cancelled.is_set()
    assert stage.runs == 2


async def test_a_job_may_have_its_own_timeout(harness: Harness) -> None:
    """A submit's timeout wins over its type's, and the handler can see its deadline."""
    left: list[float] = []

    async def look(job: JobContext, _: Any) -> None:
        left.append(job.deadline - asyncio.get_running_loop().time())

    harness.define("look", look, timeout=500)
    async with harness.worker():
        await harness.ended(await harness.submit("look", timeout=50.0))
    assert left[0] == pytest.approx(50, abs=1)


async def test_swallowing_the_deadline_does_not_complete_a_job(harness: Harness) -> None:
    """A handler that catches its cancellation and returns has still run out of time."""

    async def swallow(_: JobContext, __: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "fine"
        return "never"

    harness.define("swallow", swallow, timeout=0.1, retry=Retry(max_attempts=1))
    async with harness.worker():
        job = await harness.ended(await harness.submit("swallow"))
    assert (job.state, job.reason) == (State.DEAD, "timeout")


async def test_a_running_job_can_be_cancelled(harness: Harness) -> None:
    """A cancel from anywhere ends a running job within a second."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker():
        job_id = await harness.submit("slow")
        await stage.started.wait()
        assert await harness.broker.cancel(job_id) is CancelResult.REQUESTED
        job = await harness.ended(job_id, within=3)
    assert (job.state, job.reason) == (State.CANCELLED, "cancelled")
    assert stage.cancelled.is_set()


async def test_a_cancel_whose_message_is_lost_comes_with_the_lease(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that missed the message of a cancel learns of it when it renews the lease."""

    async def silence(_: object) -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield ""

    stage = Stage()
    harness.define("slow", stage.handle)
    monkeypatch.setattr(harness.broker, "orders", silence)
    async with harness.worker(lease=1.5):
        job_id = await harness.submit("slow")
        await stage.started.wait()
        await harness.broker.cancel(job_id)
        job = await harness.ended(job_id, within=4.5)
    assert job.state is State.CANCELLED


async def test_a_deaf_handler_does_not_keep_its_job(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that ignores its cancellation loses its job; its process is to be replaced."""
    monkeypatch.setattr(attempt_module, "CANCEL_GRACE", 0.2)
    deaf, stage = Deaf(), Stage()
    harness.define("deaf", deaf.handle, timeout=0.1, retry=Retry(max_attempts=1))
    harness.define("slow", stage.handle)
    async with harness.worker(drain=20.0) as worker:
        other_id = await harness.submit("slow")
        await stage.started.wait()
        job = await harness.ended(await harness.submit("deaf"))
        await worker.draining.wait()
        stage.release.set()
    assert (job.state, job.reason) == (State.DEAD, "timeout")
    assert worker.stuck
    assert (await harness.job(other_id)).state is State.COMPLETED
    deaf.release.set()


async def test_a_lost_lease_stops_the_work(harness: Harness) -> None:
    """A worker whose delivery was taken back stops the handler; the job runs again."""
    stage = Stage()
    harness.define("slow", stage.handle)
    async with harness.worker(lease=LEASE):
        job_id = await harness.submit("slow")
        await stage.started.wait()
        stage.started.clear()
        await _take_back(harness, job_id)
        await asyncio.wait_for(stage.cancelled.wait(), 3 * LEASE)
        await stage.started.wait()
        stage.release.set()
        job = await harness.ended(job_id)
    assert (job.state, job.crashes, stage.runs) == (State.COMPLETED, 1, 2)


async def test_a_late_verdict_counts_nothing(harness: Harness) -> None:
    """A worker that ends a job after it was taken back does not change its outcome."""
    stage = Stage()

    async def slow_at_first(job: JobContext, payload: Any) -> str:
        if stage.runs:
            return "second"
        await stage.handle(job, payload)
        return "first"

    harness.define("slow-at-first", slow_at_first)
    before = STALE_SETTLES._value.get()
    async with harness.worker(slots=1):
        job_id = await harness.submit("slow-at-first")
        await stage.started.wait()
        await _take_back(harness, job_id)
        async with harness.worker(slots=1):
            await harness.ended(job_id)
        stage.release.set()
        await until(lambda: _is(STALE_SETTLES._value.get() > before))
    assert (await harness.job(job_id)).result == b'"second"'


async def test_a_blocked_loop_does_not_lose_its_jobs(harness: Harness) -> None:
    """A handler that blocks the event loop for longer than a lease keeps its job."""

    async def block(_: JobContext, __: Any) -> None:
        time.sleep(3 * LEASE)  # noqa: ASYNC251 - blocking is what is tested

    harness.define("block", block)
    lag = LOOP_LAG._sum.get()
    async with harness.worker(lease=LEASE):
        with reaping(harness, lease=LEASE):
            job = await harness.ended(await harness.submit("block"))
    assert (job.state, job.deliveries, job.crashes) == (State.COMPLETED, 1, 0)
    assert LOOP_LAG._sum.get() - lag > LEASE


async def test_a_suspect_that_is_cancelled_before_it_waits(harness: Harness) -> None:
    """A job that is to run alone and is cancelled in the moment it arrives waits for nobody."""
    harness.define("suspect", Stage().handle)
    gate, deadlines = Gate(), Deadlines()
    consumer = await harness.broker.consumer(QUEUE, worker_id="w", lease=LEASE)
    pool = Pool(
        QUEUE,
        Slots(2),
        batches=Batches(slots=2),
        registry=harness.registry,
        limits=LimitSettings(),
        contents=harness.contents(),
        family=harness.family(),
        gate=gate,
        throttle=Throttle(None),
        deadlines=deadlines,
        reporter=Reporter(consumer),
        on_stuck=lambda: None,
    )
    gate.enter()  # somebody else's job, which goes on
    job = ClaimedJob(new_job_id(QUEUE), QUEUE, "suspect", b"1", DEFAULT_OPTIONS, "t", 1, 1, 2)
    attempts = pool.take([job])
    pool.launch(attempts)
    attempts[0].stop(Stop.CANCEL)
    await eventually(lambda: len(pool.outbox) == 1, within=5)
    assert [verdict.outcome for verdict in pool.outbox.take()] == [Outcome.CANCELLED]
    assert not gate.closed
    deadlines.close()


async def _is(value: bool) -> bool:
    return value


async def _take_back(harness: Harness, job_id: str) -> None:
    """Let the lease of a job expire and a reaper find it before its worker renews it."""
    leases = f"{harness.namespace}:{{{QUEUE}}}:leases"
    with redis.Redis.from_url(harness.url) as client:

        async def look() -> bool:
            client.zadd(leases, {job_id[-26:]: 1})
            return (await harness.broker.reap(QUEUE, lease=LEASE)).recovered > 0

        await until(look)
