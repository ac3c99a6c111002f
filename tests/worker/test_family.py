"""What a job knows of others while it runs: those it waited for, and those it adds."""

from typing import Any

import msgspec
import pytest

from jobqueue.batch import Batch
from jobqueue.conflicts import JobCancelled, JobFailed, NotReady
from jobqueue.context import JobContext
from jobqueue.errors import Unrecoverable, WaitForChildren
from jobqueue.model import Job
from jobqueue.retry import Retry
from jobqueue.state import State
from jobqueue.submission import Parent

from .harness import QUEUE, Harness
from .test_reaper import reaping


async def double(_: JobContext, payload: int) -> int:
    """Some work."""
    return payload * 2


async def broken(_: JobContext, _payload: Any) -> None:
    """Work that cannot succeed."""
    raise Unrecoverable("broken", "it never works")


def result_of(job: Job) -> Any:
    """The result of a completed job."""
    assert job.state is State.COMPLETED, job
    assert job.result is not None
    return msgspec.json.decode(job.result)


async def test_a_job_gets_what_its_parents_made(harness: Harness) -> None:
    """A job that depended on others finds their results, in the order in which it named them."""

    async def add(job: JobContext, _: Any) -> list[Any]:
        return [*(await job.parents()).items()]

    harness.define("double", double)
    harness.define("add", add)
    parents = [await harness.submit("double", number) for number in (3, 1, 2)]
    child = await harness.submit("add", depends_on=tuple(Parent(each) for each in parents))
    async with harness.worker():
        made = result_of(await harness.ended(child))
    assert made == [[parents[0], 6], [parents[1], 2], [parents[2], 4]]


async def test_a_parent_that_failed_is_an_error(harness: Harness) -> None:
    """In place of the result of a parent whose failure is ignored is an error that says why."""
    seen: dict[str, Any] = {}

    async def look(job: JobContext, _: Any) -> None:
        seen.update(await job.parents())

    harness.define("broken", broken)
    harness.define("double", double)
    harness.define("look", look)
    dead = await harness.submit("broken")
    called_off = await harness.submit("double", 1, delay=60)
    child = await harness.submit(
        "look", depends_on=(Parent(dead, "ignore"), Parent(called_off, "ignore"))
    )
    await harness.broker.cancel(called_off)
    async with harness.worker():
        await harness.ended(child)
    assert isinstance(seen[dead], JobFailed)
    assert isinstance(seen[called_off], JobCancelled)


async def test_a_large_result_of_a_parent_is_fetched(harness: Harness) -> None:
    """A child gets a result that is kept in the storage like any other."""

    async def large(_: JobContext, length: int) -> str:
        return "x" * length

    async def measure(job: JobContext, _: Any) -> list[int]:
        return [len(text) for text in (await job.parents()).values()]

    harness.define("large", large)
    harness.define("measure", measure)
    parent = await harness.submit("large", 100_000)
    child = await harness.submit("measure", depends_on=(Parent(parent),))
    async with harness.worker():
        assert result_of(await harness.ended(child)) == [100_000]


async def test_a_job_waits_for_the_children_that_it_adds(harness: Harness) -> None:
    """It gives its slot up, runs again when they have ended, and no attempt is spent."""
    attempts: list[int] = []

    async def total(job: JobContext, numbers: list[int]) -> int:
        attempts.append(job.attempt)
        made = await job.children({"type": "double", "payload": number} for number in numbers)
        return sum(made)

    harness.define("double", double)
    harness.define("total", total)
    job_id = await harness.submit("total", [1, 2, 3])
    async with harness.worker(slots=1):  # a job that held it would wait for ever
        assert result_of(await harness.ended(job_id)) == 12
    assert attempts == [1, 1]
    (stats,) = await harness.broker.stats([QUEUE])
    assert stats.counts[State.COMPLETED] == 4


async def test_two_calls_are_two_sets_of_children(harness: Harness) -> None:
    """What one call gives may decide what the next one adds, and none is run twice."""
    ran: list[int] = []

    async def count(_: JobContext, payload: int) -> int:
        ran.append(payload)
        return payload + 1

    async def chain(job: JobContext, first: int) -> int:
        (second,) = await job.children([{"type": "count", "payload": first}])
        (third,) = await job.children([{"type": "count", "payload": second}])
        return int(third)

    harness.define("count", count)
    harness.define("chain", chain)
    job_id = await harness.submit("chain", 1)
    async with harness.worker():
        assert result_of(await harness.ended(job_id)) == 3
    assert ran == [1, 2]


async def test_a_run_that_is_repeated_doubles_no_children(harness: Harness) -> None:
    """A handler that fails after its children began finds the same ones, whatever it says anew."""
    runs: list[int] = []

    async def total(job: JobContext, _: Any) -> int:
        runs.append(job.attempt)
        made = await job.children([{"type": "double", "payload": len(runs)}])
        if job.attempt == 1:
            raise ValueError("not yet")
        return int(made[0])

    harness.define("double", double)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert result_of(await harness.ended(job_id)) == 2
    assert runs == [1, 1, 2]
    (stats,) = await harness.broker.stats([QUEUE])
    assert stats.counts[State.COMPLETED] == 2


@pytest.mark.parametrize(
    ("policy", "state"), [(None, State.DEAD), ("fail", State.DEAD), ("cancel", State.CANCELLED)]
)
async def test_a_job_ends_with_a_child_that_fails(
    harness: Harness, policy: str | None, state: State
) -> None:
    """Unless it says otherwise a job is dead when one of its children is, and never runs again."""
    runs: list[int] = []

    async def total(job: JobContext, _: Any) -> None:
        runs.append(job.attempt)
        await job.children([{"type": "broken", **({"on_failure": policy} if policy else {})}])

    harness.define("broken", broken)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        job = await harness.ended(job_id)
    assert (job.state, job.reason) == (state, "parent_failed")
    assert len(runs) == 1


async def test_a_failure_can_be_a_result(harness: Harness) -> None:
    """With `ignore` a job runs again all the same, and sees which of its children failed."""
    seen: list[Any] = []

    async def total(job: JobContext, _: Any) -> None:
        seen[:] = await job.children(
            [
                {"type": "broken", "on_failure": "ignore"},
                {"type": "double", "payload": 4, "on_failure": "ignore"},
            ]
        )

    harness.define("broken", broken)
    harness.define("double", double)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert (await harness.ended(job_id)).state is State.COMPLETED
    assert isinstance(seen[0], JobFailed)
    assert seen[1] == 8


async def test_children_may_run_in_other_queues(harness: Harness) -> None:
    """A job waits for children of any queue; the reaper carries the word."""

    async def total(job: JobContext, numbers: list[int]) -> int:
        made = await job.children(
            {"type": "double", "payload": number, "queue": "far"} for number in numbers
        )
        return sum(made)

    harness.define("double", double, queue="far")
    harness.define("total", total)
    job_id = await harness.submit("total", [1, 2])
    async with harness.worker(queues={QUEUE: 1, "far": 1}), reaping(harness):
        assert result_of(await harness.ended(job_id)) == 6


async def test_children_that_are_not_to_be_kept(harness: Harness) -> None:
    """Children with a retention of nothing still give their results to the job that waits."""

    async def total(job: JobContext, numbers: list[int]) -> int:
        children = ({"type": "double", "payload": each, "retention": 0} for each in numbers)
        return sum(await job.children(children))

    harness.define("double", double, queue="far")
    harness.define("total", total)
    job_id = await harness.submit("total", [1, 2])
    async with harness.worker(queues={QUEUE: 1, "far": 1}), reaping(harness):
        assert result_of(await harness.ended(job_id)) == 6


async def test_a_replayed_job_finds_its_children_as_they_are_now(harness: Harness) -> None:
    """A job that a dead child took with it goes on once that child was replayed, then itself."""
    healed: list[bool] = []

    async def flaky(_: JobContext, _payload: Any) -> str:
        if not healed:
            raise Unrecoverable("down", "not now")
        return "up"

    async def total(job: JobContext, _: Any) -> Any:
        return await job.children([{"type": "flaky"}])

    harness.define("flaky", flaky)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert (await harness.ended(job_id)).state is State.DEAD
        page = await harness.broker.list_jobs(State.DEAD, queue=QUEUE)
        (child,) = (job.id for job in page.jobs if job.type == "flaky")
        healed.append(True)
        await harness.broker.retry(child)
        await harness.ended(child)
        await harness.broker.retry(job_id)
        assert result_of(await harness.ended(job_id)) == ["up"]


@pytest.mark.parametrize("queue", [QUEUE, "far"])
async def test_a_replayed_job_finds_its_parents_as_they_are_now(
    harness: Harness, queue: str
) -> None:
    """A job that a dead parent took with it finds what the parent made once that was replayed."""
    healed: list[bool] = []

    async def flaky(_: JobContext, _payload: Any) -> str:
        if not healed:
            raise Unrecoverable("down", "not now")
        return "up"

    async def look(job: JobContext, _: Any) -> list[str]:
        return [str(each) for each in (await job.parents()).values()]

    harness.define("flaky", flaky, queue=queue)
    harness.define("look", look)
    parent = await harness.submit("flaky")
    child = await harness.submit("look", depends_on=(Parent(parent),))
    async with harness.worker(queues={QUEUE: 1, queue: 1}), reaping(harness):
        assert (await harness.ended(child)).state is State.DEAD
        healed.append(True)
        for job_id in (parent, child):
            await harness.broker.retry(job_id)
            await harness.ended(job_id)
        assert result_of(await harness.ended(child)) == ["up"]


async def test_a_replayed_job_finds_parents_that_ended_without_it(harness: Harness) -> None:
    """A job that was cancelled while it waited has all inputs when it is run after all."""

    async def look(job: JobContext, _: Any) -> list[int]:
        return [*(await job.parents()).values()]

    harness.define("double", double)
    harness.define("look", look)
    parent = await harness.submit("double", 2, delay=60)
    child = await harness.submit("look", depends_on=(Parent(parent),))
    await harness.broker.cancel(child)
    await harness.broker.operator.promote(parent)
    async with harness.worker():
        await harness.ended(parent)
        await harness.broker.retry(child)
        assert result_of(await harness.ended(child)) == [4]


async def test_wrong_children_are_an_error_of_the_handler(harness: Harness) -> None:
    """Children that cannot be enqueued fail the attempt, by name of what is wrong with which."""

    async def total(job: JobContext, _: Any) -> None:
        await job.children([{"type": "double", "payload": 1}, {"type": "double", "delay": -1}])

    harness.define("double", double)
    harness.define("total", total, retry=Retry(max_attempts=1))
    job_id = await harness.submit("total")
    async with harness.worker():
        job = await harness.ended(job_id)
    assert job.failure is not None
    assert job.failure.code == "validation_error"
    (stats,) = await harness.broker.stats([QUEUE])
    assert sum(stats.counts.values()) == 1


async def test_each_job_of_a_batch_has_children_of_its_own(harness: Harness) -> None:
    """A batch gives the outcome of each job, waiting among them, as what its call returns."""

    async def total(jobs: list[JobContext], payloads: list[int]) -> list[Any]:
        return [await one(job, number) for job, number in zip(jobs, payloads, strict=True)]

    async def one(job: JobContext, number: int) -> Any:
        try:
            return await job.children([{"type": "double", "payload": number}])
        except Exception as error:  # noqa: BLE001 - of this job alone
            return error

    harness.define("double", double)
    harness.define("total", total, batch=Batch(size=2, wait=1.0))
    ids = [await harness.submit("total", number) for number in (1, 2)]
    async with harness.worker():
        assert [result_of(await harness.ended(job_id)) for job_id in ids] == [[2], [4]]


async def test_a_job_may_go_on_at_once_when_a_child_fails(harness: Harness) -> None:
    """With `continue` it runs again before the others have ended, and is told which those are."""
    seen: list[Any] = []

    async def total(job: JobContext, _: Any) -> None:
        seen[:] = await job.children(
            [{"type": "broken", "on_failure": "continue"}, {"type": "double", "delay": 600}]
        )

    harness.define("broken", broken)
    harness.define("double", double)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert (await harness.ended(job_id)).state is State.COMPLETED
    assert [type(each) for each in seen] == [JobFailed, NotReady]


async def test_children_whose_wait_was_lost_are_found_again(harness: Harness) -> None:
    """An attempt that enqueued its children and did not live to say so leaves none behind."""

    async def total(job: JobContext, _: Any) -> Any:
        try:
            return await job.children([{"type": "double", "payload": 4}])
        except WaitForChildren:
            if job.attempt > 1:
                raise
            raise ConnectionError("the worker is gone") from None

    harness.define("double", double)
    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert result_of(await harness.ended(job_id)) == [8]
    (stats,) = await harness.broker.stats([QUEUE])
    assert stats.counts[State.COMPLETED] == 2


async def test_no_children_are_no_wait(harness: Harness) -> None:
    """A call without jobs gives no results, at once."""
    runs: list[int] = []

    async def total(job: JobContext, _: Any) -> Any:
        runs.append(job.attempt)
        return await job.children([])

    harness.define("total", total)
    job_id = await harness.submit("total")
    async with harness.worker():
        assert result_of(await harness.ended(job_id)) == []
    assert len(runs) == 1
