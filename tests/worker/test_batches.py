"""Handlers that take many jobs in one call."""

import asyncio
from typing import Any

import pytest
import redis

from jobqueue.batch import Batch
from jobqueue.context import JobContext
from jobqueue.errors import Cancelled, RateLimited, Snooze, Unrecoverable
from jobqueue.ids import new_job_id
from jobqueue.retry import Retry
from jobqueue.state import State
from jobqueue.submission import NewJob

from .harness import QUEUE, Harness, until
from .stages import Calls, submit_many

ONCE = Retry(max_attempts=1)


async def test_jobs_share_a_call(harness: Harness) -> None:
    """Jobs that wait together run in one call, and each has its own result."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=10, wait=0.1))
    ids = await submit_many(harness, "mail", 10)
    async with harness.worker(slots=10):
        jobs = [await harness.ended(job_id) for job_id in ids]
    assert calls.payloads == [list(range(10))]
    assert [job.result for job in jobs] == [b"%d" % number for number in range(10)]
    assert {job.state for job in jobs} == {State.COMPLETED}
    assert [context.id for context in calls.contexts[0]] == ids


async def test_a_batch_is_never_too_large(harness: Harness) -> None:
    """Whatever the backlog, a call takes its most at most, and every job runs once."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=7, wait=0.01))
    jobs = [NewJob(new_job_id(QUEUE), "mail", b"%d" % number) for number in range(300)]
    await harness.broker.enqueue_many(jobs)
    async with harness.worker(slots=40):
        for job in jobs:
            await harness.ended(job.id)
    assert max(calls.sizes) == 7
    assert sorted(payload for call in calls.payloads for payload in call) == list(range(300))


async def test_a_few_jobs_do_not_wait_for_more(harness: Harness) -> None:
    """A batch that does not fill starts after its wait, with those that came in it."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=50, wait=0.2))
    clock = asyncio.get_running_loop().time
    async with harness.worker():
        began = clock()
        first = await harness.submit("mail", 1)
        await harness.reaches(first, State.ACTIVE)
        second = await harness.submit("mail", 2)
        for job_id in (first, second):
            await harness.ended(job_id)
        assert 0.19 < clock() - began < 2
    assert calls.payloads == [[1, 2]]


async def test_a_pool_has_room_for_a_batch(harness: Harness) -> None:
    """A queue whose type takes batches has as many slots as its largest, whatever is set."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=20, wait=5.0))
    ids = await submit_many(harness, "mail", 20)
    async with harness.worker(slots=2) as worker:
        for job_id in ids:
            await harness.ended(job_id, within=4)
        assert worker.info().pools[0].slots == 20
    assert calls.sizes == [20]


async def test_a_smaller_pool_of_another_queue_does_not_wait_in_vain(harness: Harness) -> None:
    """Jobs that were put into a queue with fewer slots than a batch start when those are full."""
    calls = Calls()
    harness.define("mail", calls.handle, queue="other", batch=Batch(size=20, wait=30.0))
    ids = await submit_many(harness, "mail", 3)
    async with harness.worker(slots=3):
        for job_id in ids:
            await harness.ended(job_id)
    assert calls.sizes == [3]


async def test_each_job_has_its_own_verdict(harness: Harness) -> None:
    """A result or an exception for each job is that job's end, as if it had run alone."""
    outcomes = {
        "fine": {"sent": True},
        "broken": ValueError("no such address"),
        "dead": Unrecoverable("spam", "refused"),
        "cancelled": Cancelled("unsubscribed"),
        "unwritable": object(),
    }

    async def mail(_: list[JobContext], payloads: list[str]) -> list[Any]:
        return [outcomes[name] for name in payloads]

    harness.define("mail", mail, retry=ONCE, batch=Batch(size=len(outcomes)))
    async with harness.worker():
        ids = [await harness.submit("mail", name) for name in outcomes]
        fine, broken, dead, cancelled, unwritable = [await harness.ended(each) for each in ids]
    assert (fine.state, fine.result) == (State.COMPLETED, b'{"sent":true}')
    assert broken.failure is not None
    assert (broken.failure.code, broken.failure.message) == ("ValueError", "no such address")
    assert (dead.state, dead.reason) == (State.DEAD, "spam")
    assert (cancelled.state, cancelled.reason) == (State.CANCELLED, "unsubscribed")
    assert (unwritable.state, unwritable.reason) == (State.DEAD, "result_not_json")


async def test_jobs_that_come_again_run_again(harness: Harness) -> None:
    """Jobs of a batch that failed, were snoozed or met a limit run again, others do not."""
    runs: dict[str, int] = {}
    first = {"failing": ValueError(), "snoozed": Snooze(0.01), "limited": RateLimited(0.01)}

    async def mail(jobs: list[JobContext], payloads: list[str]) -> list[Any]:
        for name in payloads:
            runs[name] = runs.get(name, 0) + 1
        return [
            first[name] if name in first and runs[name] == 1 else job.attempt
            for job, name in zip(jobs, payloads, strict=True)
        ]

    harness.define("mail", mail, batch=Batch(size=4))
    async with harness.worker():
        ids = {name: await harness.submit("mail", name) for name in ("fine", *first)}
        results = {name: (await harness.ended(job_id)).result for name, job_id in ids.items()}
    assert results == {"fine": b"1", "failing": b"2", "snoozed": b"1", "limited": b"1"}
    assert runs == {"fine": 1, "failing": 2, "snoozed": 2, "limited": 2}


async def test_an_error_is_all_jobs_error(harness: Harness) -> None:
    """A handler that raises fails every job of its batch, with a traceback of its own lines."""

    async def mail(_: list[JobContext], __: list[Any]) -> list[Any]:
        raise ConnectionError("no route")

    harness.define("mail", mail, retry=ONCE, batch=Batch(size=3))
    async with harness.worker():
        for job_id in await submit_many(harness, "mail", 3):
            job = await harness.ended(job_id)
            assert job.failure is not None
            assert (job.state, job.failure.code) == (State.DEAD, "ConnectionError")
            assert 'raise ConnectionError("no route")' in (job.failure.traceback or "")
            assert "batch_run.py" not in (job.failure.traceback or "")


@pytest.mark.parametrize(
    ("value", "words"), [(None, "NoneType"), ([1, 2], "2 results for 3 jobs"), ("abc", "str")]
)
async def test_wrong_results_fail_all(harness: Harness, value: Any, words: str) -> None:
    """A handler that does not return one result for each job is told what it did."""

    async def mail(_: list[JobContext], __: list[Any]) -> Any:
        return value

    harness.define("mail", mail, retry=ONCE, batch=Batch(size=3))
    async with harness.worker():
        for job_id in await submit_many(harness, "mail", 3):
            job = await harness.ended(job_id)
            assert job.failure is not None
            assert (job.state, job.failure.code) == (State.DEAD, "wrong_results")
            assert words in job.failure.message


async def test_an_undecodable_payload_dies_alone(harness: Harness) -> None:
    """A job whose payload its type does not take is dead, the others of its batch run."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=3))
    async with harness.worker():
        ids = [await harness.submit("mail", payload) for payload in (b"1", b"{broken", b"3")]
        jobs = [await harness.ended(job_id) for job_id in ids]
    assert [job.state for job in jobs] == [State.COMPLETED, State.DEAD, State.COMPLETED]
    assert jobs[1].reason == "undecodable_payload"
    assert calls.payloads == [[1, 3]]


async def test_undecodable_payloads_alone_call_nobody(harness: Harness) -> None:
    """A batch of which no payload can be read never reaches the handler."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=2))
    async with harness.worker():
        for job_id in [await harness.submit("mail", b"{broken") for _ in range(2)]:
            assert (await harness.ended(job_id)).state is State.DEAD
    assert calls.payloads == []


async def test_a_job_that_crashed_twice_runs_in_a_batch_of_its_own(harness: Harness) -> None:
    """A job whose workers died is not put together with others that it may take along."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=5, wait=0.05))
    ids = await submit_many(harness, "mail", 2)
    suspect = NewJob(new_job_id(QUEUE), "mail", b"100")
    with redis.Redis.from_url(harness.url) as client:
        status = f"{harness.namespace}:{{{QUEUE}}}:{suspect.id[-26:]}:status"
        client.hset(status, mapping={"state": "queued", "lane": "n", "crashes": 2})
    await harness.broker.enqueue(suspect)
    ids += [suspect.id, *await submit_many(harness, "mail", 2)]
    async with harness.worker(slots=10):
        for job_id in ids:
            assert (await harness.ended(job_id)).state is State.COMPLETED
    assert sorted(map(sorted, calls.payloads)) == [[0, 1], [0, 1], [100]]


async def test_a_job_of_a_batch_reports_for_itself(harness: Harness) -> None:
    """Progress and log of each job of a batch are its own."""
    calls = Calls(held=True)

    async def mail(jobs: list[JobContext], payloads: list[int]) -> list[Any]:
        for job, number in zip(jobs, payloads, strict=True):
            job.progress(number * 10)
            job.log(f"mail {number}")
        return await calls.handle(jobs, payloads)

    harness.define("mail", mail, batch=Batch(size=3))
    async with harness.worker():
        ids = await submit_many(harness, "mail", 3)
        await calls.started.wait()
        for number, job_id in enumerate(ids):
            await until(lambda job_id=job_id, number=number: _reports(harness, job_id, number))  # type: ignore[misc]  # bound now
        calls.release.set()
        for job_id in ids:
            await harness.ended(job_id)


async def test_a_rate_counts_the_jobs_of_batches(harness: Harness) -> None:
    """Each job of a batch is a start, also those that wait for their batch."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=5, wait=0.02))
    ids = await submit_many(harness, "mail", 7)
    async with harness.worker(slots=5, rates={"q": "3/0.3"}):
        for job_id in ids:
            await harness.ended(job_id)
    assert calls.sizes == [3, 3, 1]


async def test_a_job_that_left_its_batch_does_not_count(harness: Harness) -> None:
    """A job that was cancelled before its batch started takes nothing of the rate."""
    calls = Calls()
    harness.define("mail", calls.handle, batch=Batch(size=2, wait=30.0))
    async with harness.worker(slots=2, rates={"q": "2/600"}):
        cancelled = await harness.submit("mail")
        await harness.reaches(cancelled, State.ACTIVE)
        await harness.broker.cancel(cancelled)
        await harness.ended(cancelled)
        for job_id in await submit_many(harness, "mail", 2):
            await harness.ended(job_id)
    assert calls.payloads == [[0, 1]]


async def _reports(harness: Harness, job_id: str, number: int) -> bool:
    job = await harness.job(job_id)
    lines = [line.text for line in await harness.broker.logs(job_id)]
    return bool(job.progress and job.progress.percent == number * 10) and lines == [
        f"mail {number}"
    ]
