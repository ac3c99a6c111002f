"""Fetching and running: slots, order, pick-up, progress, what the worker says of itself."""

import asyncio
from typing import Any

import msgspec
import redis

from jobqueue.context import JobContext
from jobqueue.ids import new_job_id
from jobqueue.metrics import JOBS_FINISHED
from jobqueue.model import Progress
from jobqueue.settings import LimitSettings
from jobqueue.state import State
from jobqueue.submission import NewJob
from jobqueue.worker.worker import Worker
from tests.support.wait import eventually

from .harness import QUEUE, Harness, until
from .stages import Crowd, Stage


async def test_every_job_runs_once(harness: Harness) -> None:
    """A thousand jobs on two workers: each runs once, no pool is ever over its slots."""
    crowd = Crowd()
    harness.define("crowd", crowd.handle)
    jobs = [NewJob(new_job_id(QUEUE), "crowd", b"%d" % number) for number in range(1000)]
    async with harness.worker(slots=40), harness.worker(slots=7):
        await harness.broker.enqueue_many(jobs)
        await until(lambda: _completed(harness, 1000))
    assert sorted(crowd.seen) == list(range(1000))
    assert 7 < crowd.most <= 47


async def test_an_idle_worker_starts_a_job_at_once(harness: Harness) -> None:
    """A job that meets an idle worker starts in milliseconds, not at the next poll."""
    started: asyncio.Queue[float] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    async def note(_: JobContext, __: Any) -> None:
        started.put_nowait(clock())

    harness.define("note", note)
    waits = []
    async with harness.worker():
        for _ in range(20):
            before = clock()
            await harness.submit("note")
            waits.append(await started.get() - before)
    assert sorted(waits)[10] < 0.1


async def test_a_delayed_job_starts_on_time(harness: Harness) -> None:
    """A job that becomes due while its worker sleeps is started then, without a reaper."""
    started = asyncio.Event()
    clock = asyncio.get_running_loop().time

    async def note(_: JobContext, __: Any) -> None:
        started.set()

    harness.define("note", note)
    async with harness.worker():
        before = clock()
        await harness.submit("note", delay=0.4)
        await started.wait()
        waited = clock() - before
    assert 0.39 <= waited < 1.2


def waits(worker: Worker) -> bool:
    """Whether a worker waits in Redis for jobs of the tests' queue."""
    return worker._lines[0].partitions[QUEUE].fetcher._waiter.outstanding


async def test_a_job_that_reaches_a_full_worker_goes_on(harness: Harness) -> None:
    """A worker that filled its slot while it waited hands the next delivery back by itself."""
    stage = Stage()
    harness.define("slow", stage.handle)
    prefix = f"{harness.namespace}:{{{QUEUE}}}:"
    with redis.Redis.from_url(harness.url, decode_responses=True) as client:
        async with harness.worker(slots=1) as full:
            first = await harness.submit("slow", delay=0.2)
            await stage.started.wait()  # by the alarm, and the wait goes on
            assert waits(full)
            second = await harness.submit("slow")  # the wait takes it
            await eventually(lambda: client.llen(prefix + "handoff") == 1, within=0.3)
            assert not waits(full)
            assert not client.exists(f"{prefix}inbox:{full.id}")
            async with harness.worker(slots=1):
                await eventually(lambda: stage.runs == 2)
            stage.release.set()
            for job_id in (first, second):
                await harness.ended(job_id)


async def test_queues_do_not_wait_for_each_other(harness: Harness) -> None:
    """A full pool does not keep another queue's jobs from running."""
    stage, crowd = Stage(), Crowd()
    harness.define("slow", stage.handle)
    harness.define("quick", crowd.handle, queue="other")
    async with harness.worker(queues={QUEUE: 1, "other": 1}):
        slow = await harness.submit("slow")
        await stage.started.wait()
        quick = await harness.ended(await harness.submit("quick", queue="other"))
        assert (await harness.job(slow)).state is State.ACTIVE
        stage.release.set()
        assert (await harness.ended(slow)).state is State.COMPLETED
    assert quick.state is State.COMPLETED


async def test_progress_is_seen_while_the_job_runs(harness: Harness) -> None:
    """What a handler tells of its progress can be read soon, the newest of many."""
    release = asyncio.Event()

    async def work(job: JobContext, _: Any) -> None:
        for percent in range(0, 60, 10):
            job.progress(percent, f"{percent} of 100")
        await release.wait()

    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        seen = await until(lambda: _progress(harness, job_id), within=1)
        release.set()
        await harness.ended(job_id)
    assert (seen.percent, seen.message) == (50, "50 of 100")
    assert seen.updated_at_ms > 0


async def test_progress_may_come_from_a_thread(harness: Harness) -> None:
    """A handler that works in a thread may report from there."""
    release = asyncio.Event()

    async def work(job: JobContext, _: Any) -> None:
        await asyncio.to_thread(job.progress, 25)
        await release.wait()

    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        seen = await until(lambda: _progress(harness, job_id), within=1)
        release.set()
        await harness.ended(job_id)
    assert seen.percent == 25


async def test_a_job_that_crashed_twice_runs_alone(harness: Harness) -> None:
    """A job whose workers died twice waits until nothing else runs, and keeps others waiting."""
    stage, alone = Stage(), Stage()
    harness.define("slow", stage.handle)
    harness.define("suspect", alone.handle)
    harness.define("other", Crowd().handle, queue="other")
    async with harness.worker(queues={QUEUE: 4, "other": 1}):
        slow = await harness.submit("slow")
        await stage.started.wait()
        suspect = await _submit_crashed(harness, "suspect", crashes=2)
        await harness.reaches(suspect, State.ACTIVE)
        others = [await harness.submit("other", queue="other") for _ in range(3)]
        assert not alone.started.is_set()
        stage.release.set()
        await alone.started.wait()
        assert (await harness.job(slow)).state in {State.ACTIVE, State.COMPLETED}
        for other in others:
            assert (await harness.job(other)).state is State.QUEUED
        alone.release.set()
        for job_id in (slow, suspect, *others):
            assert (await harness.ended(job_id)).state is State.COMPLETED


async def test_a_waiting_suspect_can_be_cancelled(harness: Harness) -> None:
    """A job that waits for its turn alone can be cancelled, and opens the way for others."""
    stage, alone = Stage(), Stage()
    harness.define("slow", stage.handle)
    harness.define("suspect", alone.handle)
    async with harness.worker():
        slow = await harness.submit("slow")
        await stage.started.wait()
        suspect = await _submit_crashed(harness, "suspect", crashes=2)
        await harness.reaches(suspect, State.ACTIVE)
        await harness.broker.cancel(suspect)
        assert (await harness.ended(suspect)).state is State.CANCELLED
        later = await harness.submit("slow")
        await until(lambda: _runs(stage, 2))
        stage.release.set()
        for job_id in (slow, later):
            assert (await harness.ended(job_id)).state is State.COMPLETED
    assert not alone.started.is_set()


async def test_a_worker_describes_itself(harness: Harness) -> None:
    """Who lists workers sees pools, slots, running jobs and what was done so far."""
    stage = Stage()
    harness.define("slow", stage.handle)
    harness.define("quick", Crowd().handle)
    async with harness.worker(slots=3, id="box-1") as worker:
        await harness.ended(await harness.submit("quick"))
        job_id = await harness.submit("slow")
        await stage.started.wait()
        info = worker.info()
        listed = await until(harness.broker.workers)
        stage.release.set()
        await harness.ended(job_id)
    assert info.id.startswith("box-1-")
    assert [listed[0].id, listed[0].roles, listed[0].version] == [worker.id, ("worker",), "test"]
    (pool,) = info.pools
    assert (pool.queue, pool.slots, pool.busy, pool.jobs) == (QUEUE, 3, 1, (job_id,))
    assert (info.processed, info.failed) == (1, 0)


async def test_a_worker_publishes_its_types(harness: Harness) -> None:
    """Producers elsewhere can check jobs of the types that a worker runs."""
    harness.define("quick", Crowd().handle, timeout=12.5)
    async with harness.worker():
        types = await until(harness.broker.types)
    assert types["quick"].queue == QUEUE
    assert types["quick"].timeout == 12.5


async def test_finished_jobs_are_counted_by_outcome(harness: Harness) -> None:
    """Each job counts once, under the outcome in which it ended."""

    async def fail(_: JobContext, __: Any) -> None:
        raise RuntimeError

    harness.define("counted", Crowd().handle)
    harness.define("counted-failing", fail)
    async with harness.worker():
        for name in ("counted", "counted", "counted-failing"):
            await harness.ended(await harness.submit(name))
    finished = JOBS_FINISHED.labels(QUEUE, "counted", "completed")
    assert finished._value.get() == 2
    assert JOBS_FINISHED.labels(QUEUE, "counted-failing", "dead")._value.get() == 1


async def test_a_cancel_that_meets_an_error_is_counted_as_one(harness: Harness) -> None:
    """A job that fails after somebody cancelled it ends cancelled, and counts as that."""

    async def fail_cancelled(job: JobContext, _: Any) -> None:
        with redis.Redis.from_url(harness.url) as client:  # as a cancel that is not heard of yet
            status = f"{harness.namespace}:{{{QUEUE}}}:{job.id[-26:]}:status"
            client.hset(status, "cancel", 1)
        raise RuntimeError

    harness.define("crossed", fail_cancelled)
    async with harness.worker():
        job = await harness.ended(await harness.submit("crossed"))
    assert job.state is State.CANCELLED
    assert JOBS_FINISHED.labels(QUEUE, "crossed", "cancelled")._value.get() == 1


async def test_large_results_are_settled_in_parts(harness: Harness) -> None:
    """Many large results at once all arrive."""

    async def large(_: JobContext, size: int) -> str:
        return "x" * size

    harness.define("large", large)
    async with harness.worker(slots=20, limits=LimitSettings(inline=4_000_000)):
        ids = [await harness.submit("large", 3_000_000) for _ in range(20)]
        jobs = [await harness.ended(job_id) for job_id in ids]
    assert {len(msgspec.json.decode(job.result or b"")) for job in jobs} == {3_000_000}


async def _completed(harness: Harness, count: int) -> bool:
    (stats,) = await harness.broker.stats([QUEUE])
    return stats.counts.get(State.COMPLETED, 0) == count


async def _progress(harness: Harness, job_id: str) -> Progress | None:
    return (await harness.job(job_id)).progress


async def _runs(stage: Stage, count: int) -> bool:
    return stage.runs == count


async def _submit_crashed(harness: Harness, job_type: str, *, crashes: int) -> str:
    """Enqueue a job whose workers have died before."""
    job = NewJob(new_job_id(QUEUE), job_type, b"null")
    with redis.Redis.from_url(harness.url) as client:
        status = f"{harness.namespace}:{{{QUEUE}}}:{job.id[-26:]}:status"
        client.hset(status, mapping={"state": "queued", "lane": "n", "crashes": crashes})
    await harness.broker.enqueue(job)
    return job.id
