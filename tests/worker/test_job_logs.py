"""What handlers log, from their call to who reads it."""

import asyncio
from typing import Any

import pytest

from jobqueue.app.handles import JobHandle
from jobqueue.app.jobs import Jobs
from jobqueue.context import JobContext
from jobqueue.errors import JobNotFound, Snooze
from jobqueue.ids import new_job_id
from jobqueue.settings import LimitSettings
from jobqueue.state import State

from .harness import QUEUE, Harness, until
from .stages import Stage


async def test_a_log_is_seen_while_the_job_runs(harness: Harness) -> None:
    """What a handler logs can be read soon, line by line."""
    stage = Stage()

    async def work(job: JobContext, payload: Any) -> str:
        job.log("fetched 3 files\nconverting")
        return await stage.handle(job, payload)

    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        await until(lambda: _says(harness, job_id, "fetched 3 files", "converting"), within=1)
        stage.release.set()
        await harness.ended(job_id)


async def test_the_last_words_are_there_at_the_end(harness: Harness) -> None:
    """Whoever sees that a job has ended finds all that it logged, however it ended."""

    async def work(job: JobContext, how: str) -> str:
        job.log("begin")
        await asyncio.sleep(0.01)
        job.log(f"end: {how}")
        if how == "fail":
            raise ValueError
        return how

    harness.define("work", work)
    async with harness.worker(slots=10):
        ids = {await harness.submit("work", how, max_attempts=1): how for how in ["return", "fail"]}
        for _ in range(20):
            ids[await harness.submit("work", "return")] = "return"
        for job_id, how in ids.items():
            await harness.ended(job_id)
            assert await _says(harness, job_id, "begin", f"end: {how}")


async def test_attempts_share_a_log(harness: Harness) -> None:
    """The log of a job tells of all its attempts and snoozes."""

    async def work(job: JobContext, _: Any) -> None:
        job.log(f"attempt {job.attempt}")
        if job.attempt == 1:
            raise ValueError
        if not seen:
            seen.append(job.id)
            raise Snooze(0.01)

    seen: list[str] = []
    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        await harness.ended(job_id)
    assert await _says(harness, job_id, "attempt 1", "attempt 2", "attempt 2")


async def test_a_log_may_come_from_threads(harness: Harness) -> None:
    """A handler that works in threads may log from there, and no line is lost."""

    async def work(job: JobContext, _: Any) -> None:
        def say(name: int) -> None:
            for number in range(40):
                job.log(f"{name}.{number}")

        await asyncio.gather(*(asyncio.to_thread(say, name) for name in range(10)))

    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        await harness.ended(job_id)
    lines = {line.text for line in await harness.broker.logs(job_id)}
    assert lines == {f"{name}.{number}" for name in range(10) for number in range(40)}


async def test_a_log_is_bounded(harness: Harness) -> None:
    """A handler that logs without end keeps its newest lines, and long lines are cut."""

    async def work(job: JobContext, _: Any) -> None:
        job.log("x" * 5000 + "\n" + "short")
        for number in range(5000):
            job.log(f"line {number}")
        job.log("y" * 5000)

    harness.define("work", work)
    async with harness.worker():
        job_id = await harness.submit("work")
        await harness.ended(job_id)
    texts = [line.text for line in await harness.broker.logs(job_id)]
    assert texts == [*(f"line {number}" for number in range(4501, 5000)), "y" * 1000]


async def test_many_logs_are_sent_in_parts(harness: Harness) -> None:
    """Many jobs that log a lot at once all keep their own lines."""

    async def work(job: JobContext, name: int) -> None:
        for number in range(60):
            job.log(f"{name}.{number}")

    harness.define("work", work)
    async with harness.worker(slots=50):
        ids = [await harness.submit("work", name) for name in range(50)]
        for name, job_id in enumerate(ids):
            await harness.ended(job_id)
            assert await _says(harness, job_id, *(f"{name}.{number}" for number in range(60)))


async def test_an_interrupted_job_keeps_its_log(harness: Harness) -> None:
    """What a job logged before and while its worker shut down is kept when it goes back."""
    started = asyncio.Event()

    async def work(job: JobContext, _: Any) -> None:
        try:
            job.log("begin")
            started.set()
            await asyncio.Event().wait()
        finally:
            job.log("interrupted")

    harness.define("work", work)
    async with harness.worker(drain=0.0):
        job_id = await harness.submit("work")
        await started.wait()
    assert (await harness.job(job_id)).state is State.QUEUED
    assert await _says(harness, job_id, "begin", "interrupted")


async def test_programs_read_logs(harness: Harness) -> None:
    """A program reads a job's log by its id, and is told when there is no such job."""

    async def work(job: JobContext, payload: Any) -> None:
        if payload:
            job.log(payload)

    harness.define("work", work)
    jobs = Jobs(harness.broker, harness.registry, LimitSettings(), harness.contents())
    async with harness.worker():
        talks, silent = await harness.submit("work", "hello"), await harness.submit("work")
        assert (await jobs.ended(talks)).started_at_ms
        (line,) = await jobs.logs(talks)
        assert await JobHandle(talks, jobs=jobs, parse=str).logs() == [line]
        await jobs.ended(silent)
        assert await jobs.logs(silent) == []
    job = await jobs.read(talks)
    assert line.text == "hello"
    assert (job.started_at_ms or 0) - 50 <= line.at_ms <= (job.finished_at_ms or 0) + 50
    with pytest.raises(JobNotFound):
        await jobs.logs(new_job_id(QUEUE))


async def _says(harness: Harness, job_id: str, *texts: str) -> bool:
    return [line.text for line in await harness.broker.logs(job_id)] == [*texts]
